"""Mixout: in each step some of the parameters are those of the model that the run started from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["Mixout"]


class Mixout:
    """Mixout (Lee, Cho and Kang 2020, arXiv:1909.11299, section 3): dropout toward a start.

    Each entry of a parameter is replaced by what it was at the start with some probability p, and
    the result corrected so that its expectation is the parameter itself: of u, started from w, it
    is (m u + (1 - m) w - p w) / (1 - p), where m is 0 with the probability p, else 1. With w = 0
    that is dropout of weights. The mask is one for all batches of a step.

    Args:
        parameters: as the run starts with them.
        probability: p.
        seed: of the run; with the step it draws the masks, so a run that goes on draws the same.

    >>> weight = torch.nn.Parameter(torch.ones(4))
    >>> mixout = Mixout([weight], 0.5, seed=1)
    >>> _ = weight.data.fill_(3.0)
    >>> with mixout.applied(step=0):
    ...     sorted(set(weight.tolist()))
    [1.0, 5.0]
    >>> weight.tolist()
    [3.0, 3.0, 3.0, 3.0]
    """

    def __init__(self, parameters: Sequence[Tensor], probability: float, seed: int) -> None:
        self._parameters = list(parameters)
        self._starts = [parameter.detach().clone() for parameter in self._parameters]
        self._probability = probability
        self._seed = seed

    @contextmanager
    def applied(self, step: int) -> Iterator[None]:
        """The mixed parameters in the place of the own ones, for as long as the block runs.

        Gradients of the mixed parameters that the block leaves become those of the own ones.

        Args:
            step: the optimiser steps done before.
        """
        kept: list[tuple[Tensor, Tensor, Tensor]] = []
        with torch.no_grad():
            for index, parameter in enumerate(self._parameters):
                if not parameter.requires_grad:  # frozen, so it is what it was
                    continue
                draw = torch.Generator(parameter.device).manual_seed(
                    ((self._seed * 1_000_003 + step) * 1_009 + index) % 2**64
                )
                share = torch.full_like(parameter, 1.0 - self._probability)
                scale = torch.bernoulli(share, generator=draw) / (1.0 - self._probability)
                kept.append((parameter, parameter.clone(), scale))
                # (m u + (1 - m) w - p w) / (1 - p) = w + (u - w) m / (1 - p)
                start = self._starts[index]
                parameter.copy_(start + (parameter - start) * scale)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, own, scale in kept:
                    parameter.copy_(own)
                    if parameter.grad is not None:
                        parameter.grad.mul_(scale)
