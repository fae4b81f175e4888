"""Typical-p, locally typical sampling: the tokens that are about as surprising as expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Logits, check_number
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["TypicalP"]

_NEAR = (2, 3, 4, 6)
_FAR = np.float32(200)  # further below the likeliest, a probability is 0


@dataclass(frozen=True)
class TypicalP(Shaping):
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

    def shape(self, left: Shortlist) -> Shortlist:
        """The typical tokens, found among those near enough where they suffice."""
        weights = left.weights
        total = float(weights.sum())
        wanted = self.p * total
        below = _below(left, left.greatest)
        mean = np.float32(float((weights * below).sum()) / total)
        distances = np.abs(below - mean)
        for reach in (*_NEAR, _FAR):
            near = left.only(distances <= reach)
            if near.weights.sum() >= wanted:
                break
        distances = np.abs(_below(near, left.greatest) - mean)
        order = distances.argsort()
        held = near.weights[order].cumsum(dtype=np.float64)
        last = min(int(held.searchsorted(wanted)), len(held) - 1)
        kept = near.only(distances <= distances[order[last]])
        return kept.changed(kept.logits)  # the likeliest may be gone: other weights


def _below(left: Shortlist, greatest: float) -> Logits:
    """How far each logit (K,) lies below the greatest."""
    below: Logits = np.minimum(np.float32(greatest) - left.logits, _FAR)
    return below
