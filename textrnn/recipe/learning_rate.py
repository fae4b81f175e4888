"""A learning rate for a recipe, found by a short run that leaves no file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from textrnn.recipe.assembly import assemble
from textrnn.recipe.catalogue import load_recipe
from textrnn.training import RangeTest, learning_rate_range_test, make_accelerator

__all__ = ["find_learning_rate"]


def find_learning_rate(
    recipe: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    device: str = "auto",
) -> RangeTest:
    """Build what a recipe names and let the learning rate rise until the loss does.

    Args:
        recipe: a shipped recipe's name or a YAML file.
        overrides: ``["training.batch_size=8"]`` or a mapping.
        lowest: the first step's rate.
        highest: the last step's.
        steps: how many.
        device: ``"auto"`` or ``"cpu"``.

    Raises:
        UsageError: as in training; or the rates do not rise.
        DataError: as in training.
        TrainingError: the loss is no number from the start.
    """
    settings = load_recipe(recipe, overrides)
    training = settings.training
    if training.threads is not None:
        torch.set_num_threads(training.threads)
    with tempfile.TemporaryDirectory(prefix="textrnn-learning-rate-") as folder:
        accelerator = make_accelerator(training.precision, device)
        task = assemble(settings, Path(folder)).task
        return learning_rate_range_test(
            task, training, accelerator, lowest=lowest, highest=highest, steps=steps
        )
