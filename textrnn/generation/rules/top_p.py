"""Top-p, nucleus sampling: the most likely tokens that hold a share p of the probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules._base import Ids, Logits, check_number, keep_only

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
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        least = np.array([self._least_weight(row) for row in weights], np.float32)
        return keep_only(logits, weights >= least[:, None])

    def _least_weight(self, weights: NDArray[np.float32]) -> np.float32:
        """The weight of the nucleus's last token, from a row's unnormalised probabilities (V,)."""
        outside = (1 - self.p) * float(weights.sum(dtype=np.float64))
        # Tokens of weight outside/V hold at most `outside` together: only others need sorting.
        likely = np.sort(weights[weights > outside / weights.size])[::-1]
        above = np.cumsum(likely, dtype=np.float64) - likely
        inside = np.count_nonzero(above < float(weights.sum(dtype=np.float64)) - outside)
        return np.float32(likely[inside - 1])
