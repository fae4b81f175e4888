"""Top-p, nucleus sampling: the most likely tokens that hold a share p of the probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules._base import Logits, check_number
from textrnn.generation.rules._shortlist import Shaping, Shortlist, reached

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
        """The nucleus of each row, found among the few tokens above a bound where they suffice."""
        if self.p == 1:
            return left
        weights, total = left.weights, left.total
        wanted = self.p * total
        rest = 1 - self.p
        # With twice as many, the bound lies below the mean, so below the likeliest.
        tokens = max(_FEW, 2 * rest * weights.shape[1])
        few = left.only(weights >= rest / tokens * total)
        least, enough = _least(few.weights, wanted)
        if enough.all():
            return few.only(few.weights >= least)
        for row in np.flatnonzero(~enough):
            # All tokens below this bound together hold less than 1 - p.
            above = weights[row, weights[row] >= rest / weights.shape[1] * total[row, 0]]
            least[row], _ = _least(above[np.newaxis], wanted[[row]])
        return left.only(weights >= least)


def _least(weights: Logits, wanted: NDArray[Any]) -> tuple[Logits, NDArray[np.bool_]]:
    """The weight (B, 1) of the last token in a nucleus, and whether it has all that is wanted."""
    ordered = np.sort(weights, axis=1)[:, ::-1]
    last = reached(ordered.cumsum(axis=1, dtype=np.float64), wanted[:, 0])
    enough = last < ordered.shape[1]
    last = np.minimum(last, ordered.shape[1] - 1)
    return ordered[np.arange(len(last)), last][:, np.newaxis], enough
