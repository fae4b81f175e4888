"""The learning-rate range test: a short run in which the rate rises until the loss does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from textrnn.config import RunSettings, ScheduleSettings
from textrnn.errors import DivergedError, MissingExtraError, TrainingError, UsageError
from textrnn.tasks import Task
from textrnn.training.events import StepDone
from textrnn.training.loop import Trainer, put_values
from textrnn.training.report import smoothed

__all__ = ["RangeTest", "learning_rate_range_test"]

DIVERGED = 4.0
"""The test ends where the loss exceeds its lowest value so many times."""
SMOOTHING = 0.9
FEWEST = 5
"""Points without which there is no slope to speak of."""


@dataclass(frozen=True)
class RangeTest:
    """The loss at each learning rate, and the rate where it falls most steeply.

    Args:
        rates: rising, each by the same factor.
        losses: the training loss before the step at each rate, in nats a token, smoothed.

    >>> RangeTest(rates=(1e-4, 1e-3, 1e-2, 1e-1, 1.0), losses=(4.0, 3.9, 3.0, 2.9, 9.0)).suggestion
    0.001
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def suggestion(self) -> float:
        """The rate at the steepest fall, before the loss is at its lowest.

        Raises:
            TrainingError: the loss never fell.
        """
        lowest = int(np.argmin(self.losses))
        if lowest == 0:
            raise TrainingError(
                f"the loss did not fall at any rate from {self.rates[0]:g} to {self.rates[-1]:g}: "
                "begin lower"
            )
        falling = slice(lowest + 1)
        slopes = np.gradient(self.losses[falling], np.log(self.rates[falling]))
        return self.rates[int(np.argmin(slopes))]

    def draw(self, path: Path) -> None:
        """The loss over the rates, as a PNG.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingExtraError("matplotlib", "plot", "the range test's curve") from error
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses)
        axes.axvline(self.suggestion, color="C1", ls="--", label=f"steepest: {self.suggestion:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss (nats per token)")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, dpi=120, format="png")


def learning_rate_range_test(
    task: Task,
    settings: RunSettings,
    accelerator: Accelerator,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
) -> RangeTest:
    """Train for some steps, each at a higher learning rate (Smith, arXiv:1506.01186, section 3.3).

    It ends early where the loss exceeds four times its lowest value, or is no number. The network
    holds the weights that it held before.

    Args:
        task: what to train.
        settings: how; its limits, schedule and evaluations are left out.
        accelerator: on what.
        lowest: the first step's learning rate.
        highest: the last step's.
        steps: how many, at least 5.

    Raises:
        UsageError: the rates do not rise, or there are too few steps.
        TrainingError: the loss is no number within the first steps.
    """
    if not 0.0 < lowest < highest:
        raise UsageError(f"the learning rate is to rise from {lowest:g} to {highest:g}: 0 < a < b")
    if steps < FEWEST:
        raise UsageError(f"{steps} steps do not show where a loss falls: take {FEWEST} or more")
    rates = [float(rate) for rate in np.geomspace(lowest, highest, steps)]
    before = {name: value.detach().clone() for name, value in task.network.named_parameters()}
    learning = {name: value.requires_grad for name, value in task.network.named_parameters()}
    training = task.network.training
    losses: list[float] = []
    try:
        with suppress(DivergedError):
            for loss in smoothed(_losses(task, settings, accelerator, rates), SMOOTHING):
                losses.append(loss)
                if loss > DIVERGED * min(losses):
                    break
    finally:
        accelerator.unwrap_model(task.network, keep_fp32_wrapper=False)
        put_values(task.network, before)
        for name, parameter in task.network.named_parameters():
            parameter.requires_grad_(learning[name]).grad = None
        task.network.train(training)
    if len(losses) < FEWEST:
        raise TrainingError(
            f"the loss is not finite after {len(losses)} steps from the rate {lowest:g} on: begin "
            "lower"
        )
    return RangeTest(tuple(rates[: len(losses)]), tuple(losses))


def _losses(
    task: Task, settings: RunSettings, accelerator: Accelerator, rates: Sequence[float]
) -> Iterator[float]:
    """The loss of each step, the first rate at the first one."""
    plain = settings.model_copy(
        update={
            "steps": len(rates),
            "epochs": None,
            "minutes": None,
            "schedule": ScheduleSettings(kind="constant"),
            "average": None,
            "evaluate_every": len(rates) + 1,
            "early_stopping": None,
            "unfreeze": None,
        }
    )

    def at(rate: float) -> RunSettings:
        optimizer = settings.optimizer.model_copy(update={"learning_rate": rate})
        return plain.model_copy(update={"optimizer": optimizer})

    trainer = Trainer(task, at(rates[0]), accelerator)
    steps = (event for event in trainer.run() if isinstance(event, StepDone))
    for following, event in zip([*rates[1:], rates[-1]], steps, strict=False):
        trainer.settings = at(following)
        yield event.loss
