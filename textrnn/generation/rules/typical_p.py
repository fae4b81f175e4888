"""Typical-p, locally typical sampling: the tokens that are about as surprising as expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_number, keep_nearest

__all__ = ["TypicalP"]


@dataclass(frozen=True)
class TypicalP:
    """Keeps the tokens whose surprisal is closest to the entropy, until they hold ``p``.

    Ties with the last of them are kept. Meister et al. (2023), "Locally Typical Sampling", section
    5, https://arxiv.org/abs/2202.00666

    >>> logits = np.log(np.array([[0.7, 0.25, 0.05]], np.float32))
    >>> np.isfinite(TypicalP(0.2)(np.array([[2]]), logits))
    array([[ True, False, False]])

    Raises:
        UsageError: not above 0 and below 1.
    """

    p: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("typical_p", self.p, "above 0 and below 1", lambda p: 0 < p < 1)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V) with the untypical tokens of each row banned."""
        below = np.minimum(logits.max(axis=1, keepdims=True) - logits, np.float32(200))
        weights = np.exp(-below)
        total = weights.sum(axis=1, keepdims=True)
        mean = (weights * below).sum(axis=1, keepdims=True) / total
        return keep_nearest(logits, np.abs(below - mean), weights, self.p)
