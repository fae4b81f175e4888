"""Top-k: the k most likely tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Logits, check_whole
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["TopK"]

_REACHES = (8.0, 16.0)  # within the first of the greatest are a hundred or two of a text's logits


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
        if self.k >= len(left):
            return left
        for reach in _REACHES:
            near = left.within(reach)
            if len(near) >= self.k:
                return near.only(near.ranks >= _kth(near.ranks, self.k))
        return left.only(left.ranks >= _kth(left.ranks, self.k))


def _kth(numbers: Logits, k: int) -> np.float32:
    """The k-th greatest number."""
    ordered = numbers.copy()
    ordered.partition(-k)
    kth: np.float32 = ordered[-k]
    return kth
