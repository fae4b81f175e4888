"""A dry run: build everything, take one step, say what the whole would cost, and leave no file."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from textrnn.models.measuring import peak_bytes
from textrnn.recipe.assembly import assemble
from textrnn.recipe.catalogue import load_recipe
from textrnn.recipe.run_folder import RunFolder
from textrnn.training import Started, StepDone, Trainer, make_accelerator

__all__ = ["DryRun", "dry_run"]

STEPS = 3
"""The first step allocates and warms up; the last one is timed."""


@dataclass(frozen=True)
class DryRun:
    """What a run would be.

    Args:
        parameters: of the network.
        train_tokens: in the training corpus.
        vocab_size: V.
        steps: optimiser steps in the whole run, as far as the limits tell.
        step_seconds: one step's time.
        tokens_per_second: in that step; of a classifier, in one of mean length.
        seconds: the whole run's training time, evaluation left out.
        peak_bytes: memory of this process at its highest so far; 0 where the system does not tell.
        loss: after the first step, in nats a token; a classifier's, in nats a text.
        notices: what there is to be known of the data.
    """

    parameters: int
    train_tokens: int
    vocab_size: int
    steps: int
    step_seconds: float
    tokens_per_second: float
    seconds: float
    peak_bytes: int
    loss: float
    notices: tuple[str, ...] = ()


def dry_run(
    recipe: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    output: str | Path | None = None,
    device: str = "auto",
) -> DryRun:
    """Build what a recipe names, take a few steps, and estimate the whole.

    Args:
        recipe: a shipped recipe's name or a YAML file.
        overrides: ``["training.batch_size=8"]`` or a mapping.
        output: the folder that the run would write; it is only looked at.
        device: ``"auto"`` or ``"cpu"``.

    Raises:
        UsageError: as in training.
        DataError: as in training.
    """
    settings = load_recipe(recipe, overrides)
    training = settings.training
    if output is not None:
        RunFolder(Path(output)).refuse_taken()
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    with tempfile.TemporaryDirectory(prefix="textrnn-dry-run-") as folder:
        accelerator = make_accelerator(training.precision, device)
        assembly = assemble(settings, Path(folder))
        short = training.model_copy(
            update={"steps": STEPS, "evaluate_every": None, "unfreeze": None}
        )
        trainer = Trainer(assembly.task, short, accelerator)
        started, steps = None, []
        for event in trainer.run():
            if isinstance(event, Started):
                started = event
            elif isinstance(event, StepDone):
                steps.append(event)
                if len(steps) == STEPS:
                    break
        assert started is not None  # the loop's first event
        last = steps[-1]
        before = steps[-2].tokens if len(steps) > 1 else 0
        step_seconds = (last.tokens - before) / last.tokens_per_second
        tokens, notices = assembly.train_tokens, tuple(assembly.notices())
    rate = last.tokens_per_second
    if last.unit != "tokens":
        rate = tokens * training.accumulation / started.batches_an_epoch / step_seconds
    limits = []
    if training.epochs is not None:
        limits.append(_steps(training.epochs, started.batches_an_epoch, training.accumulation))
    if training.steps is not None:
        limits.append(training.steps)
    if training.minutes is not None:
        limits.append(int(training.minutes * 60.0 / step_seconds) + 1)
    return DryRun(
        parameters=started.parameters,
        train_tokens=tokens,
        vocab_size=assembly.tokenizer.vocab_size,
        steps=min(limits),
        step_seconds=step_seconds,
        tokens_per_second=rate,
        seconds=min(limits) * step_seconds,
        peak_bytes=peak_bytes(),
        loss=steps[0].loss,
        notices=notices,
    )


def _steps(epochs: float, batches: int, accumulation: int) -> int:
    """The steps of so many epochs of so many batches: an epoch's last one may have fewer of them.

    >>> _steps(2.0, batches=7, accumulation=3), _steps(0.5, batches=7, accumulation=3)
    (6, 2)
    """
    part, whole = math.modf(epochs)
    a_step = accumulation / batches  # in epochs
    return int(whole) * math.ceil(batches / accumulation) + math.ceil(part / a_step - 1e-9)
