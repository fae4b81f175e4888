"""Where a run stands, how much of its limits is used up, and how Ctrl-C reaches it."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

from textrnn.config import RunSettings

__all__ = ["Interruption", "Progress"]


@dataclass
class Progress:
    """Where a run stands; all of it goes into a checkpoint.

    Args:
        step: optimiser steps done.
        epoch: whole epochs done.
        batch: batches read in this epoch.
        tokens: targets learnt from, over all processes.
        seconds: of training, evaluation left out.
        best: the best validation criterion, negated where a higher one is better.
        evaluated_at: the step of the last evaluation.
        evaluations_since_best: since the best one, for early stopping.
        stalled: evaluations since the best one or the last lowering of the rate, for the plateau
            schedule.
        plateaus: how often the plateau schedule lowered the rate.
        criteria: of all evaluations, for NT-ASGD's trigger.
        unfrozen: groups that learn, where they are unfrozen one after the other.
        data: checksums of the run's data, by what they are for.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    evaluated_at: int = -1
    evaluations_since_best: int = 0
    stalled: int = 0
    plateaus: int = 0
    criteria: tuple[float, ...] = ()
    unfrozen: int = 0
    data: dict[str, int] = field(default_factory=dict)

    def epochs(self, batches: int) -> float:
        """Epochs done, a fraction, where an epoch has ``batches`` batches."""
        return self.epoch + self.batch / batches

    def shares(self, settings: RunSettings, batches: int) -> dict[str, float]:
        """How much of each limit is used up; 1 ends the run.

        >>> settings = RunSettings(steps=10, epochs=2)
        >>> Progress(step=4, epoch=1, batch=3).shares(settings, batches=4)
        {'epochs': 0.875, 'steps': 0.4}
        """
        used = {}
        if settings.epochs is not None:
            used["epochs"] = self.epochs(batches) / settings.epochs
        if settings.steps is not None:
            used["steps"] = self.step / settings.steps
        if settings.minutes is not None:
            used["minutes"] = self.seconds / (60.0 * settings.minutes)
        return used

    def done(self, settings: RunSettings, batches: int) -> float:
        """The share of the whole run that is done, 0 to 1."""
        return min(1.0, max(self.shares(settings, batches).values()))

    def ended(self, settings: RunSettings, batches: int) -> str | None:
        """What ended the run, or None while it goes on."""
        patience = settings.early_stopping
        if patience is not None and self.evaluations_since_best >= patience:
            return "early_stopping"
        used = self.shares(settings, batches)
        return next((name for name, share in used.items() if share >= 1.0), None)


class Interruption:
    """Ctrl-C is noted, and acted on between two steps; a second one acts at once.

    >>> with Interruption() as interruption:
    ...     interruption.came
    False
    """

    def __init__(self) -> None:
        self.came = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
