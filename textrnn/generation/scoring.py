"""How hypotheses are compared: the length penalty and the coverage penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats
from textrnn.generation.rules._base import check_number

__all__ = ["LengthPenalty", "Scoring", "coverage_penalty"]

LEAST_COVERAGE = 1e-6
"""What a source position that nobody looked at counts as, so that no score is infinite."""


class Scoring(Protocol):
    """How hypotheses of different lengths are compared."""

    def score(self, log_prob: float, length: int) -> float:
        """The score of a finished hypothesis of ``length`` tokens, EOS counted."""
        ...

    def bound(self, log_prob: float, length: int, longest: int) -> float:
        """The greatest score a live hypothesis may end with, at any length to ``longest``.

        One that is likelier has no lower bound.
        """
        ...


@dataclass(frozen=True)
class LengthPenalty:
    """Log-probability divided by ((5 + n) / 6) ** alpha, where n is the number of tokens.

    With alpha 0 short texts are favoured; 1 is nearly the mean of a token.

    Wu et al. (2016), "Google's Neural Machine Translation System", equation 14,
    https://arxiv.org/abs/1609.08144

    >>> LengthPenalty(1.0).score(-6.0, 7)
    -3.0

    Raises:
        UsageError: alpha is not a number from -10 to 10.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("length_penalty", self.alpha, "from -10 to 10", lambda x: abs(x) <= 10)

    def score(self, log_prob: float, length: int) -> float:
        """The score, see :class:`Scoring`."""
        penalty: float = ((5 + length) / 6) ** self.alpha
        return log_prob / penalty

    def bound(self, log_prob: float, length: int, longest: int) -> float:
        """The bound: the same log-probability at the length that is best for it."""
        return max(self.score(log_prob, length + 1), self.score(log_prob, longest))


def coverage_penalty(coverage: NDArray[np.floating[Any]] | Floats, beta: float) -> float:
    """What is added to a score for source positions that were looked at too little, at most 0.

    ``beta`` times the sum over the positions of log(min(coverage, 1)), where a position's coverage
    (S,) is the sum of its attention weights over all target tokens. Wu et al. (2016), section 7,
    equations 14 and 15 (cp).

    >>> round(coverage_penalty(np.array([1.5, 0.5]), 0.2), 4)
    -0.1386
    """
    seen = np.clip(coverage, LEAST_COVERAGE, 1.0)
    return float(beta * np.log(seen, dtype=np.float64).sum())
