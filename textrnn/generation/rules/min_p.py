"""Min-p: all tokens that are likely enough beside the likeliest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from textrnn.generation.rules._base import check_number
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["MinP"]


@dataclass(frozen=True)
class MinP(Shaping):
    """Keeps tokens whose probability is at least ``p`` times that of the most likely one.

    Nguyen et al. (2024), "Turning Up the Heat: Min-p Sampling", section 3,
    https://arxiv.org/abs/2407.01082

    >>> import numpy as np
    >>> logits = np.log(np.array([[0.6, 0.35, 0.05]], np.float32))
    >>> np.isfinite(MinP(0.1)(np.array([[2]]), logits))
    array([[ True,  True, False]])

    Raises:
        UsageError: not above 0 and at most 1.
    """

    p: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("min_p", self.p, "above 0 and at most 1", lambda p: 0 < p <= 1)

    def shape(self, left: Shortlist) -> Shortlist:
        """The tokens that are likely enough."""
        return left.within(-math.log(self.p))
