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
        logits = left.logits
        width = len(logits) // (4 * self.k)
        if width > 1:
            # At least k tokens are as likely as the k-th of the likeliest of some blocks.
            greatest = np.maximum.reduceat(logits, np.arange(0, len(logits), width))
            left = left.only(logits >= _kth(greatest, self.k))
        elif self.k >= len(logits):
            return left
        return left.only(left.logits >= _kth(left.logits, self.k))


def _kth(logits: Logits, k: int) -> np.float32:
    """The k-th greatest number."""
    place = len(logits) - k
    kth: np.float32 = np.partition(logits, place)[place]
    return kth
