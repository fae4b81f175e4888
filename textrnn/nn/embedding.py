"""Ids to vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.nn.dropout import drop_words

__all__ = ["Embedding"]


class Embedding(nn.Module):
    """A table of V vectors of width E, with dropout of whole words in training.

    Args:
        vocab_size: V.
        embedding_size: E.
        dropout: the probability that a word is dropped everywhere in a batch (arXiv:1708.02182, section 4.3).

    >>> Embedding(10, 4)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 4])
    """

    def __init__(self, vocab_size: int, embedding_size: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.weight = nn.Parameter(torch.empty(vocab_size, embedding_size))
        nn.init.uniform_(self.weight, -0.1, 0.1)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, T) to vectors (B, T, E)."""
        weight = self.weight
        if self.training and self.dropout > 0.0:
            weight = drop_words(weight, self.dropout)
        return F.embedding(ids, weight)
