"""Dropout for recurrent networks: masks that are held over time, and dropout of words."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.tokenizers import EOS, UNK

__all__ = ["LockedDropout", "drop_words", "replace_words"]


class LockedDropout(nn.Module):
    """Variational dropout: one mask a sequence, held over time (arXiv:1512.05287, section 4).

    Args:
        probability: of an entry being dropped, 0 <= p < 1. Active in training only.

    >>> import torch
    >>> ones = LockedDropout(0.5).train()(torch.ones(1, 3, 8))
    >>> bool((ones[0, 0] == ones[0, 2]).all())
    True
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        mask = self.mask(inputs, inputs.shape[2])
        return inputs if mask is None else inputs * mask.unsqueeze(1)

    def mask(self, like: Tensor, width: int) -> Tensor | None:
        """A mask (B, D) for a batch such as ``like`` (B, ...); None where nothing is dropped."""
        if not self.training or self.probability == 0.0:
            return None
        return F.dropout(like.new_ones(like.shape[0], width), self.probability)

    def extra_repr(self) -> str:
        """The probability, for printing."""
        return f"{self.probability}"


def drop_words(vectors: Tensor, ids: Tensor, vocab_size: int, probability: float) -> Tensor:
    """Embedding dropout: a word is dropped wherever it stands (arXiv:1708.02182, section 4.3).

    One mask over the vocabulary is drawn for the batch; the words that stay are scaled up.

    Args:
        vectors: (B, T, E).
        ids: (B, T), the words that they stand for.
        vocab_size: V.
        probability: of a word being dropped.

    >>> import torch
    >>> dropped = drop_words(torch.ones(1, 4, 2), torch.tensor([[5, 7, 5, 7]]), 10, 0.25)
    >>> bool((dropped[0, :2] == dropped[0, 2:]).all())
    True
    """
    mask = F.dropout(vectors.new_ones(vocab_size, 1), probability)
    return vectors * F.embedding(ids, mask)


def replace_words(ids: Tensor, probability: float) -> Tensor:
    """Word dropout: each word is UNK with some probability (arXiv:1511.06349, section 3.1).

    Unlike :func:`drop_words` it is drawn for every place anew, so that the network sees what an
    unknown word looks like. PAD, BOS and EOS stay.

    Args:
        ids: (B, T).
        probability: of a word being replaced.

    >>> replace_words(torch.tensor([[2, 7, 8, 9, 3, 0]]), 0.0).tolist()
    [[2, 7, 8, 9, 3, 0]]
    """
    if probability == 0.0:
        return ids
    drawn = torch.rand(ids.shape, device=ids.device) < probability
    return ids.masked_fill(drawn & (ids > EOS), UNK)
