"""Ids to vectors."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.nn.dropout import drop_words

__all__ = ["Embedding"]


class Embedding(nn.Module):
    """A table of V vectors of width E, with dropout of whole words in training.

    Entries start at a standard deviation of 1 / sqrt(E), right for an output layer that is tied to
    the table, and are multiplied by sqrt(E) when they are read, as in Vaswani et al.
    (arXiv:1706.03762, section 3.4): a recurrent layer that is fed much smaller numbers learns
    nothing but word frequencies for its first hundreds of steps.

    Args:
        vocab_size: V.
        embedding_size: E.
        dropout: the probability that a word is dropped everywhere in a batch (arXiv:1708.02182,
            section 4.3).

    >>> Embedding(10, 4)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, vocab_size: int, embedding_size: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.scale = math.sqrt(embedding_size)
        self.weight = nn.Parameter(torch.empty(vocab_size, embedding_size))
        nn.init.normal_(self.weight, std=embedding_size**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, T) to vectors (B, T, E)."""
        vectors = F.embedding(ids, self.weight) * self.scale
        if self.training and self.dropout > 0.0:
            vectors = drop_words(vectors, ids, len(self.weight), self.dropout)
        return vectors
