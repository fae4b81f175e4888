"""The training loop: truncated backpropagation through time with carried state, yielding events."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from textrnn.config import RunSettings
from textrnn.errors import DivergedError
from textrnn.nn.encoder import State, detach
from textrnn.tasks import Batch, Task
from textrnn.training.averaging import WeightAverage
from textrnn.training.checkpoint import latest_checkpoint, load_run, save_run
from textrnn.training.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Finished,
    Notice,
    Started,
    StepDone,
)
from textrnn.training.mixout import Mixout
from textrnn.training.optimizers import make_optimizer, set_learning_rate
from textrnn.training.processes import agree, sum_of
from textrnn.training.progress import Interruption, Progress
from textrnn.training.schedules import learning_rate_factor
from textrnn.training.unfreezing import is_kept_frozen, unfrozen

__all__ = ["Trainer"]


class Trainer:
    """One run of one task.

    Args:
        task: what to train.
        settings: how.
        accelerator: on what.
        checkpoints: the folder for checkpoints; None: none are kept (a dry run, a range test).
        data: checksums of what the task reads, by name; a run goes on only with the same.
    """

    def __init__(
        self,
        task: Task,
        settings: RunSettings,
        accelerator: Accelerator,
        checkpoints: Path | None = None,
        data: Mapping[str, int] | None = None,
    ) -> None:
        self.task = task
        self.settings = settings
        self.accelerator = accelerator
        self.checkpoints = checkpoints
        self.progress = Progress(data=dict(data or {}))
        self.groups = [list(group) for group in task.groups()]
        self.network = task.network.to(accelerator.device)
        self.parameters = list(self.network.parameters())
        self.optimizer = make_optimizer(settings.optimizer, self.groups)
        self.average: WeightAverage | None = None
        if settings.average is not None:
            self.average = WeightAverage(self.parameters, settings.average)
        self.mixout: Mixout | None = None
        if settings.mixout:
            named = self.network.named_parameters()
            started = [parameter for name, parameter in named if name not in task.fresh]
            self.mixout = Mixout(started, settings.mixout, settings.seed)
        self.best: dict[str, Tensor] = {}
        self.state: State | None = None
        self._epoch_batches = task.batches_an_epoch()
        self._batches: Iterator[Batch] | None = None
        self._unfrozen = 0
        self._model: nn.Module = self.network

    def run(self, *, resume: bool = False) -> Iterator[Event]:
        """Train, from the start or from the last checkpoint, until a limit is reached.

        Yields:
            Events, in order. After the last one the network holds the best weights (the last ones
            without validation data).

        Raises:
            DivergedError: the loss is no longer finite; the last checkpoint stands.
            KeyboardInterrupt: after a checkpoint was written.
        """
        found = latest_checkpoint(self.checkpoints) if resume and self.checkpoints else None
        if found is not None:
            load_run(self, found)
        else:
            torch.manual_seed(self.settings.seed + self.accelerator.process_index)
        progress, settings = self.progress, self.settings
        count = sum(parameter.numel() for parameter in self.parameters)
        yield Started(count, self._epoch_batches, progress.step)
        if len(self.groups) > 1 and is_kept_frozen(settings):
            yield Notice("unfreeze.every is no less than epochs: only the top group learns")
        saved_at = time.monotonic()
        with Interruption() as interruption:
            while (reason := progress.ended(settings, self._epoch_batches)) is None:
                self._unfreeze()
                started = time.monotonic()
                group = self._next_group()
                if not group:
                    progress.epoch, progress.batch, self.state = progress.epoch + 1, 0, None
                    if settings.evaluate_every is None:
                        yield from self._evaluate()
                    continue
                yield self._step(group, started)
                if settings.evaluate_every and progress.step % settings.evaluate_every == 0:
                    yield from self._evaluate()
                due = time.monotonic() - saved_at >= settings.checkpoint_minutes * 60.0
                if self.checkpoints and agree(self.accelerator, due or interruption.came):
                    yield CheckpointSaved(progress.step, save_run(self, self.checkpoints))
                    saved_at = time.monotonic()
                if interruption.came:
                    raise KeyboardInterrupt
            if self.checkpoints:
                yield CheckpointSaved(progress.step, save_run(self, self.checkpoints))
        if interruption.came:
            raise KeyboardInterrupt
        yield from self._finish(reason)  # here Ctrl-C acts at once: the checkpoint is written

    def _next_group(self) -> list[Batch]:
        """The batches of one optimiser step; none at an epoch's end."""
        progress = self.progress
        if self._batches is None:
            self._batches = self.task.batches(progress.epoch, progress.batch)
        group = list(islice(self._batches, self.settings.accumulation))
        progress.batch += len(group)
        if not group:
            self._batches = None
        return group

    def _step(self, group: Sequence[Batch], started: float) -> StepDone:
        """One optimiser step over a group of batches, its loss a mean over all their tokens.

        Args:
            group: the batches.
            started: when they began to be made, which is part of the step's time.

        Raises:
            DivergedError: the loss or its gradient is NaN or infinite; the weights are as before.
        """
        settings, progress, accelerator = self.settings, self.progress, self.accelerator
        rate = settings.optimizer.learning_rate * learning_rate_factor(
            settings.schedule,
            progress.step,
            progress.done(settings, self._epoch_batches),
            progress.plateaus,
        )
        rate *= self.task.rate_factor(group)
        set_learning_rate(self.optimizer, rate)
        tokens = sum(batch.tokens for batch in group)
        self.optimizer.zero_grad(set_to_none=True)
        with self.mixout.applied(progress.step) if self.mixout else nullcontext():
            total = self._backward(group, tokens)
        value = sum_of(accelerator, total) / tokens
        if not math.isfinite(value):
            raise self._diverged("loss")
        limit = math.inf if settings.clip_norm is None else settings.clip_norm
        norm = float(nn.utils.clip_grad_norm_(self.parameters, limit))
        if not math.isfinite(norm):
            raise self._diverged("gradient")
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        taken = time.monotonic() - started
        progress.step += 1
        progress.tokens += tokens
        progress.seconds += sum_of(accelerator, taken) / accelerator.num_processes
        done = max(progress.done(settings, self._epoch_batches), 1e-9)
        return StepDone(
            step=progress.step,
            epoch=progress.epochs(self._epoch_batches),
            loss=value,
            learning_rate=rate,
            gradient_norm=norm,
            tokens=progress.tokens,
            seconds=progress.seconds,
            tokens_per_second=tokens / taken,
            seconds_left=progress.seconds * (1.0 - done) / done,
            unit=self.task.unit,
        )

    def _backward(self, group: Sequence[Batch], tokens: int) -> float:
        """The gradients of a step, the state carried on; its loss, summed over this process."""
        accelerator, total = self.accelerator, 0.0
        for index, batch in enumerate(group):
            last = index == len(group) - 1
            with nullcontext() if last else accelerator.no_sync(self._model):
                loss = self._model(*self.task.inputs(batch, accelerator.device), self.state)
                mean = loss.total * (accelerator.num_processes / tokens)
                accelerator.backward(mean + loss.penalty * (batch.tokens / tokens))
            self.state = detach(loss.state) or None
            total += loss.total.item()
        return total

    def _diverged(self, what: str) -> DivergedError:
        """The error; where no checkpoint exists yet, the weights from before the step are kept."""
        kept = latest_checkpoint(self.checkpoints) if self.checkpoints else None
        path = kept.path if kept else None
        finite = all(bool(parameter.isfinite().all()) for parameter in self.parameters)
        if self.checkpoints and path is None and finite:
            self.state = None
            path = save_run(self, self.checkpoints)
        where = f"the last good weights are in {path}" if path else "no good weights are left"
        return DivergedError(
            f"the training {what} became NaN or infinite at step {self.progress.step + 1}; "
            f"{where}; try a lower learning_rate, a smaller clip_norm or precision: float32"
        )

    def _unfreeze(self) -> None:
        """Let the next groups learn when their time has come, and wrap the network anew."""
        count = unfrozen(self.settings, self.progress, self._epoch_batches, len(self.groups))
        if count == self._unfrozen:
            return
        self._unfrozen = self.progress.unfrozen = count
        for depth, group in enumerate(self.groups):
            for parameter in group:
                parameter.requires_grad_(depth < count)
        bare = self.accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)
        self._model = self.accelerator.prepare_model(bare.train())

    def _evaluate(self) -> Iterator[Event]:
        """Score on the validation data; keep the weights where they are the best so far."""
        progress = self.progress
        with self.average.in_place() if self.average else nullcontext():
            scores = self.task.evaluate()
            if scores is None:
                return
            sign = -1.0 if self.task.higher_is_better else 1.0
            criterion = sign * scores[self.task.criterion]
            best = progress.best is None or criterion < progress.best
            if best:
                progress.best = criterion
                self.best = _copies(dict(self.network.named_parameters()))
        progress.evaluated_at = progress.step
        progress.evaluations_since_best = 0 if best else progress.evaluations_since_best + 1
        progress.stalled = 0 if best else progress.stalled + 1
        progress.criteria = (*progress.criteria, criterion)
        epochs = progress.epochs(self._epoch_batches)
        yield Evaluated(progress.step, epochs, progress.seconds, scores, best)
        yield from self._react(criterion)

    def _react(self, criterion: float) -> Iterator[Event]:
        """What an evaluation changes: the learning rate on a plateau, averaging in NT-ASGD."""
        progress, settings = self.progress, self.settings
        plateau = settings.schedule.kind == "plateau"
        if plateau and progress.stalled > settings.schedule.patience:
            progress.plateaus, progress.stalled = progress.plateaus + 1, 0
            factor = settings.schedule.factor
            yield Notice(f"no improvement: the learning rate is multiplied by {factor:g}")
        earlier = progress.criteria[: -settings.optimizer.patience - 1]
        waiting = settings.optimizer.kind == "nt_asgd" and self.average is None
        if waiting and earlier and criterion > min(earlier):
            self.average = WeightAverage(self.parameters, None)
            yield Notice("no improvement over the patience: averaging begins (NT-ASGD)")

    def _finish(self, reason: str) -> Iterator[Event]:
        """A last look, the best weights into the network, and the end."""
        if self.progress.evaluated_at != self.progress.step:
            yield from self._evaluate()
        names = [name for name, _ in self.network.named_parameters()]
        if self.best:
            put_values(self.network, self.best)
        elif self.average is not None:
            put_values(self.network, dict(zip(names, self.average.values, strict=True)))
        self.accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)
        best = self.progress.best
        if best is not None and self.task.higher_is_better:
            best = -best
        yield Finished(self.progress.step, reason, self.progress.seconds, best)


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in tensors.items()}


@torch.no_grad()
def put_values(network: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Set every parameter of the network to the value of its name."""
    for name, parameter in network.named_parameters():
        parameter.copy_(values[name])
