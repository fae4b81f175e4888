"""Top-p, nucleus sampling: the most likely tokens that hold a share p of the probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Logits, check_number
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["TopP"]

_FEW = 1024  # with this bound, some hundred tokens are left of a text at temperature 0.8


@dataclass(frozen=True)
class TopP(Shaping):
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

    def shape(self, left: Shortlist) -> Shortlist:
        """The nucleus, found among the few tokens above a bound where they suffice."""
        if self.p == 1:
            return left
        weights = left.weights
        total = float(np.add.reduce(weights))
        wanted, rest = self.p * total, 1 - self.p
        # With twice as many, the bound lies below the mean, so below the likeliest.
        tokens = max(_FEW, 2 * rest * len(weights))
        few = left.only(weights >= rest / tokens * total)
        least = _least(few.weights, wanted)
        if least is not None:
            return few.only(few.weights >= least)
        # All tokens below this bound together hold less than 1 - p.
        few = left.only(weights >= rest / len(weights) * total)
        least = _least(few.weights, wanted)
        return few if least is None else few.only(few.weights >= least)


def _least(weights: Logits, wanted: float) -> np.float32 | None:
    """The weight of the last token in a nucleus; None where all weights are less than wanted."""
    ordered = weights.copy()
    ordered.sort()
    ordered = ordered[::-1]
    last = int(np.add.accumulate(ordered, dtype=np.float64).searchsorted(wanted))
    if last == len(ordered):
        return None
    least: np.float32 = ordered[last]
    return least
