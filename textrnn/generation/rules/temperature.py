"""Temperature: sharper or flatter."""

from __future__ import annotations

from dataclasses import dataclass

from textrnn.generation.rules._base import check_number
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["Temperature"]

_LEAST, _MOST = 1e-30, 1e30  # what is beyond them chooses as they do, and float32 cannot hold it


@dataclass(frozen=True)
class Temperature(Shaping):
    """Divides the logits by ``value``: below 1 sharpens the distribution, above 1 flattens it.

    Ackley, Hinton and Sejnowski (1985), "A learning algorithm for Boltzmann machines", equation 5,
    https://doi.org/10.1016/S0364-0213(85)80012-4

    >>> import numpy as np
    >>> Temperature(0.5)(np.array([[2]]), np.array([[1.0, -2.0]], np.float32))
    array([[ 2., -4.]], dtype=float32)

    Raises:
        UsageError: not above 0. Temperature 0 is the loop's greedy choice, not a rule.
    """

    value: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("temperature", self.value, "above 0", lambda x: x > 0)

    def shape(self, left: Shortlist) -> Shortlist:
        """All tokens, each logit divided by the temperature."""
        return left.divided(min(max(self.value, _LEAST), _MOST))
