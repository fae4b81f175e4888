"""Averages of the weights over steps: exponential, or plain from a point on (as ASGD does)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["WeightAverage"]


class WeightAverage:
    """A running average of parameters.

    Args:
        parameters: what to average.
        decay: of an exponential moving average, warmed up as (1 + n) / (10 + n); None: the plain
            mean of all updates (Polyak and Juditsky 1992).

    >>> weight = torch.nn.Parameter(torch.zeros(1))
    >>> average = WeightAverage([weight], decay=None)
    >>> for value in (2.0, 4.0):
    ...     weight.data.fill_(value) and None
    ...     average.update()
    >>> with average.in_place():
    ...     weight.item()
    3.0
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float | None) -> None:
        self._parameters = list(parameters)
        self._decay = decay
        self.updates = 0
        self.values = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take the present values in."""
        self.updates += 1
        if self._decay is None:
            weight = 1.0 / self.updates
        else:
            weight = 1.0 - min(self._decay, (1.0 + self.updates) / (10.0 + self.updates))
        torch._foreach_lerp_(self.values, [p.detach() for p in self._parameters], weight)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The average in the place of the parameters, for as long as the block runs."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, value in zip(self._parameters, self.values, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(value)
            value.copy_(kept)
