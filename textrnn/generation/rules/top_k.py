"""Top-k: the k most likely tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Logits, check_whole
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["TopK"]


@dataclass(frozen=True)
class TopK(Shaping):
    """Keeps the ``k`` most likely tokens, and those as likely as the last of them.

    Fan, Lewis and Dauphin (2018), "Hierarchical Neural Story Generation", section 5.4,
    https://arxiv.org/abs/1805.04833

    >>> TopK(2)(np.array([[2]]), np.array([[3.0, 1.0, 2.0, 0.0]], np.float32))
    array([[  3., -inf,   2., -inf]], dtype=float32)

    Raises:
        UsageError: not a whole number of at least 1.
    """

    k: int

    def __post_init__(self) -> None:
        """Check the value."""
        check_whole("top_k", self.k, 1)

    def shape(self, left: Shortlist) -> Shortlist:
        """The k likeliest tokens."""
        width = left.logits.shape[1] // (4 * self.k)
        if width > 1:
            # At least k tokens are as likely as the k-th of the likeliest of some blocks.
            blocks = np.arange(0, left.logits.shape[1], width)
            greatest = np.maximum.reduceat(left.logits, blocks, axis=1)
            left = left.only(left.logits >= _kth(greatest, self.k))
        elif self.k >= left.logits.shape[1]:
            return left
        return left.only(left.logits >= _kth(left.logits, self.k))


def _kth(logits: Logits, k: int) -> Logits:
    """The k-th greatest number (B, 1) of each row."""
    place = logits.shape[1] - k
    kth: Logits = np.partition(logits, place, axis=1)[:, place : place + 1]
    return kth
