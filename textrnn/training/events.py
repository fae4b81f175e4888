"""What a training run says while it runs. The loop yields these; the caller decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CheckpointSaved", "Evaluated", "Event", "Finished", "Notice", "Started", "StepDone"]


@dataclass(frozen=True)
class Started:
    """A run starts, or goes on from a checkpoint.

    Args:
        parameters: how many the network has.
        batches_an_epoch: how many there are.
        step: the optimiser steps done before.
    """

    parameters: int
    batches_an_epoch: int
    step: int


@dataclass(frozen=True)
class StepDone:
    """One optimiser step.

    Args:
        step: counted from 1.
        epoch: epochs done, a fraction.
        loss: the mean training loss of the step in nats a token.
        learning_rate: of the top group.
        gradient_norm: before clipping.
        tokens: seen since the run began, over all processes.
        seconds: of training since the run began, evaluation left out.
        tokens_per_second: of this step.
        seconds_left: an estimate from the share of the run that is done.
        unit: what stands in the place of tokens: a classifier's loss is a mean over texts.
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    seconds: float
    tokens_per_second: float
    seconds_left: float
    unit: str = "tokens"


@dataclass(frozen=True)
class Evaluated:
    """Scores on the validation data.

    Args:
        step: optimiser steps done.
        epoch: epochs done, a fraction.
        seconds: of training so far.
        scores: the task's.
        best: the criterion is the best so far, and these weights are kept.
    """

    step: int
    epoch: float
    seconds: float
    scores: dict[str, float]
    best: bool


@dataclass(frozen=True)
class CheckpointSaved:
    """The run can go on from here after a kill."""

    step: int
    path: Path


@dataclass(frozen=True)
class Notice:
    """A sentence for whoever watches."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The run is over.

    Args:
        step: optimiser steps done.
        reason: which limit ended it: ``epochs``, ``steps``, ``minutes`` or ``early_stopping``.
        seconds: of training.
        best: the best criterion, or None without validation data.
    """

    step: int
    reason: str
    seconds: float
    best: float | None


Event = Started | StepDone | Evaluated | CheckpointSaved | Notice | Finished
