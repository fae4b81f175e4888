"""Learning-rate schedules: the share of the run that is done, to a factor on the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

from textrnn.config import ScheduleSettings

__all__ = ["learning_rate_factor"]


def _constant(done: float, settings: ScheduleSettings) -> float:
    return 1.0


def _linear(done: float, settings: ScheduleSettings) -> float:
    return 1.0 + (settings.final - 1.0) * done


def _cosine(done: float, settings: ScheduleSettings) -> float:
    return settings.final + (1.0 - settings.final) * (1.0 + math.cos(math.pi * done)) / 2.0


def _one_cycle(done: float, settings: ScheduleSettings) -> float:
    """Up from 1/25 by a half cosine, then down (Smith and Topin, arXiv:1708.07120)."""
    if done < settings.peak_at:
        return 1.0 - (1.0 - 1.0 / 25.0) * (1.0 + math.cos(math.pi * done / settings.peak_at)) / 2.0
    return _cosine((done - settings.peak_at) / (1.0 - settings.peak_at), settings)


def _slanted_triangular(done: float, settings: ScheduleSettings) -> float:
    """Up in a line, down in a longer one, from and to 1/32 (arXiv:1801.06146, equation 3)."""
    if done < settings.peak_at:
        part = done / settings.peak_at
    else:
        part = 1.0 - (done - settings.peak_at) / (1.0 - settings.peak_at)
    return (1.0 + part * 31.0) / 32.0


_SHAPES: dict[str, Callable[[float, ScheduleSettings], float]] = {
    "constant": _constant,
    "plateau": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "slanted_triangular": _slanted_triangular,
}


def learning_rate_factor(
    settings: ScheduleSettings, step: int, done: float, plateaus: int = 0
) -> float:
    """The factor on the learning rate for one step.

    Args:
        settings: the shape and its parameters.
        step: optimiser steps done, for the warm-up.
        done: the share of the run that is done, 0 to 1.
        plateaus: how often validation stopped improving; ``plateau`` multiplies by ``factor`` each
            time.

    >>> settings = ScheduleSettings(kind="cosine", warmup_steps=10)
    >>> [round(learning_rate_factor(settings, step, step / 100), 2) for step in (0, 9, 50, 100)]
    [0.1, 0.98, 0.5, 0.0]
    """
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    shape = _SHAPES[settings.kind](min(1.0, max(0.0, done)), settings)
    return warmup * shape * settings.factor**plateaus
