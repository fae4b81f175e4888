"""Training: the loop, and what it is made of."""

from __future__ import annotations

from textrnn.training.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Finished,
    Notice,
    Started,
    StepDone,
)
from textrnn.training.loop import Trainer, make_accelerator

__all__ = [
    "CheckpointSaved",
    "Evaluated",
    "Event",
    "Finished",
    "Notice",
    "Started",
    "StepDone",
    "Trainer",
    "make_accelerator",
]
