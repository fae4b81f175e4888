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
from textrnn.training.loop import Trainer
from textrnn.training.processes import check_training_device, make_accelerator
from textrnn.training.range_test import RangeTest, learning_rate_range_test

__all__ = [
    "CheckpointSaved",
    "Evaluated",
    "Event",
    "Finished",
    "Notice",
    "RangeTest",
    "Started",
    "StepDone",
    "Trainer",
    "check_training_device",
    "learning_rate_range_test",
    "make_accelerator",
]
