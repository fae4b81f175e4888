"""Top-p, nucleus sampling: the most likely tokens that hold a share p of the probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import check_number
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
        for tokens in (_FEW, weights.shape[1]):
            # So many tokens below the bound hold less than 1 - p: with all K, it is a certain one.
            few = left.only(weights >= (1 - self.p) / tokens * total)
            ordered = np.sort(few.weights, axis=1)[:, ::-1]
            last = reached(ordered.cumsum(axis=1, dtype=np.float64), wanted[:, 0])
            if last.max() < ordered.shape[1]:
                break
        else:
            last = np.minimum(last, ordered.shape[1] - 1)  # rounding decides
        return few.only(few.weights >= ordered[np.arange(len(last)), last][:, np.newaxis])
