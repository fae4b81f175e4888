"""Dropout for recurrent networks: masks that are held over time, and dropout of whole words."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LockedDropout", "drop_words"]


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
        if not self.training or self.probability == 0.0:
            return inputs
        batch, _, width = inputs.shape
        mask = F.dropout(inputs.new_ones(batch, 1, width), self.probability)
        return inputs * mask

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
