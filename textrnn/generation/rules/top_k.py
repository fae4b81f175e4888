"""Top-k: the k most likely tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_whole, keep_only

__all__ = ["TopK"]


@dataclass(frozen=True)
class TopK:
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

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V) with all but the k greatest of each row banned."""
        place = logits.shape[1] - min(self.k, logits.shape[1])
        least = np.partition(logits, place, axis=1)[:, place : place + 1]
        return keep_only(logits, logits >= least)
