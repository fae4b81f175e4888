"""Top-p, nucleus sampling: the most likely tokens that hold a share p of the probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_number, keep_nearest

__all__ = ["TopP"]


@dataclass(frozen=True)
class TopP:
    """Keeps the smallest set of most likely tokens whose probability is at least ``p``.

    Ties with the last of them are kept. Holtzman et al. (2020), "The Curious Case of Neural Text
    Degeneration", section 3.1, https://arxiv.org/abs/1904.09751

    >>> logits = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], np.float32))
    >>> np.isfinite(TopP(0.75)(np.array([[2]]), logits))
    array([[ True,  True, False, False]])

    Raises:
        UsageError: not above 0 and at most 1.
    """

    p: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("top_p", self.p, "above 0 and at most 1", lambda p: 0 < p <= 1)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V) with everything outside each row's nucleus banned."""
        if self.p == 1:
            return logits.copy()
        distances = logits.max(axis=1, keepdims=True) - logits
        return keep_nearest(logits, distances, np.exp(-distances), self.p)
