"""The training loop: truncated backpropagation through time with carried state, yielding events."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from textrnn.config import TrainingSettings
from textrnn.errors import DivergedError
from textrnn.nn.encoder import State, detach
from textrnn.tasks import Batch, Task
from textrnn.training.averaging import WeightAverage
from textrnn.training.checkpoint import (
    Checkpoint,
    latest_checkpoint,
    optimizer_tensors,
    restore_optimizer,
)
from textrnn.training.events import CheckpointSaved, Evaluated, Event, Finished, Notice, Started, StepDone
from textrnn.training.optimizers import make_optimizer, set_learning_rate
from textrnn.training.schedules import learning_rate_factor

__all__ = ["Progress", "Trainer", "make_accelerator"]


@dataclass
class Progress:
    """Where a run stands; all of it goes into a checkpoint."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    evaluated_at: int = -1
    evaluations_since_best: int = 0
    plateaus: int = 0
    averaged: int = -1
    criteria: tuple[float, ...] = ()


def make_accelerator(precision: str, device: str = "auto") -> Accelerator:
    """The devices and the precision of a run; several processes where ``torchrun`` started them."""
    AcceleratorState._reset_state(reset_partial_state=False)
    mixed = {"float32": "no", "bf16": "bf16"}[precision]
    return Accelerator(cpu=device == "cpu", mixed_precision=mixed)


class Trainer:
    """One run of one task.

    Args:
        task: what to train.
        settings: how.
        accelerator: on what.
        checkpoints: the folder for checkpoints; None: none are kept (a dry run, a range test).
    """

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        accelerator: Accelerator,
        checkpoints: Path | None = None,
    ) -> None:
        self.task = task
        self.settings = settings
        self.accelerator = accelerator
        self.checkpoints = checkpoints
        self.progress = Progress()
        self.groups = [list(group) for group in task.groups()]
        task.network.to(accelerator.device)
        self.optimizer = make_optimizer(settings.optimizer, self.groups)
        self.parameters = list(task.network.parameters())
        self.average: WeightAverage | None = None
        self.best: dict[str, Tensor] = {}
        self._batches: Iterator[Batch] | None = None
        self._state: State | None = None
        self._unfrozen = 0
        self._model: nn.Module = task.network
        if settings.average is not None:
            self.average = WeightAverage(self.parameters, settings.average)

    # -- the run ------------------------------------------------------------------------------------

    def run(self, *, resume: bool = False) -> Iterator[Event]:
        """Train, from the start or from the last checkpoint, until a limit is reached.

        Yields:
            Events, in order. After the last one the network holds the best weights (the last ones without
            validation data).

        Raises:
            DivergedError: the loss is no longer finite; the last checkpoint stands.
            KeyboardInterrupt: after a checkpoint was written.
        """
        found = latest_checkpoint(self.checkpoints) if resume and self.checkpoints else None
        if found is not None:
            self._restore(found)
        else:
            torch.manual_seed(self.settings.seed + self.accelerator.process_index)
        progress, batches = self.progress, self.task.batches_an_epoch()
        yield Started(sum(p.numel() for p in self.parameters), batches, progress.step)
        saved_at = time.monotonic()
        with _Interruption() as interruption:
            while (reason := self._ended(batches)) is None:
                self._unfreeze(batches)
                group = self._next_group()
                if not group:
                    progress.epoch, progress.batch, self._state = progress.epoch + 1, 0, None
                    if self.settings.evaluate_every is None:
                        yield from self._evaluate(batches)
                    continue
                yield self._step(group, batches)
                if self.settings.evaluate_every and progress.step % self.settings.evaluate_every == 0:
                    yield from self._evaluate(batches)
                due = time.monotonic() - saved_at >= self.settings.checkpoint_minutes * 60.0
                if self.checkpoints and self._agree(due or interruption.came):
                    yield self._save()
                    saved_at = time.monotonic()
                if interruption.came:
                    raise KeyboardInterrupt
            yield from self._finish(reason, batches)

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

    def _step(self, group: Sequence[Batch], batches: int) -> StepDone:
        """One optimiser step over a group of batches, its loss a mean over all their tokens."""
        settings, progress, accelerator = self.settings, self.progress, self.accelerator
        started = time.monotonic()
        rate = settings.optimizer.learning_rate * learning_rate_factor(
            settings.schedule, progress.step, self._done(batches), progress.plateaus
        )
        set_learning_rate(self.optimizer, rate)
        tokens = sum(batch.tokens for batch in group)
        total = 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for index, batch in enumerate(group):
            last = index == len(group) - 1
            with nullcontext() if last else accelerator.no_sync(self._model):
                loss = self._model(*self.task.inputs(batch, accelerator.device), self._state)
                mean = loss.total * accelerator.num_processes / tokens
                accelerator.backward(mean + loss.penalty * (batch.tokens / tokens))
            self._state = detach(loss.state) or None
            total += loss.total.item()
        value = self._sum(total) / tokens
        if not math.isfinite(value):
            raise DivergedError(self._diverged())
        limit = math.inf if settings.clip_norm is None else settings.clip_norm
        norm = nn.utils.clip_grad_norm_(self.parameters, limit)
        self.optimizer.step()
        progress.step += 1
        progress.tokens += tokens
        if self.average is not None:
            self.average.update()
        taken = time.monotonic() - started
        progress.seconds += taken
        done = max(self._done(batches), 1e-9)
        return StepDone(
            step=progress.step,
            epoch=self._epoch(batches),
            loss=value,
            learning_rate=rate,
            gradient_norm=float(norm),
            tokens=progress.tokens,
            seconds=progress.seconds,
            tokens_per_second=tokens / taken,
            seconds_left=progress.seconds * (1.0 - done) / done,
        )

    def _diverged(self) -> str:
        kept = latest_checkpoint(self.checkpoints) if self.checkpoints else None
        where = f"the last good weights are in {kept.path}" if kept else "no checkpoint had been written yet"
        return (
            f"the training loss became NaN or infinite at step {self.progress.step + 1}; {where}; "
            "try a lower learning_rate, a smaller clip_norm or precision: float32"
        )

    # -- limits -------------------------------------------------------------------------------------

    def _epoch(self, batches: int) -> float:
        return self.progress.epoch + self.progress.batch / batches

    def _shares(self, batches: int) -> dict[str, float]:
        """How much of each limit is used up."""
        settings, progress = self.settings, self.progress
        shares = {}
        if settings.epochs is not None:
            shares["epochs"] = self._epoch(batches) / settings.epochs
        if settings.steps is not None:
            shares["steps"] = progress.step / settings.steps
        if settings.minutes is not None:
            seconds = self._sum(progress.seconds) / self.accelerator.num_processes
            shares["minutes"] = seconds / (60.0 * settings.minutes)
        return shares

    def _done(self, batches: int) -> float:
        return min(1.0, max(self._shares(batches).values()))

    def _ended(self, batches: int) -> str | None:
        patience = self.settings.early_stopping
        if patience is not None and self.progress.evaluations_since_best >= patience:
            return "early_stopping"
        return next((name for name, share in self._shares(batches).items() if share >= 1.0), None)

    def _agree(self, here: bool) -> bool:
        """The main process's decision, on all processes."""
        return self._sum(float(here and self.accelerator.is_main_process)) > 0.0

    def _sum(self, value: float) -> float:
        """The sum of a number over all processes."""
        if self.accelerator.num_processes == 1:
            return value
        return float(self.accelerator.reduce(torch.tensor(value, device=self.accelerator.device)))

    # -- unfreezing ---------------------------------------------------------------------------------

    def _unfreeze(self, batches: int) -> None:
        """Let the next groups learn when their time has come, and wrap the network anew for their gradients."""
        count = len(self.groups)
        if self.settings.unfreeze is not None:
            count = min(count, 1 + int(self._epoch(batches) / self.settings.unfreeze.every))
        if count == self._unfrozen:
            return
        self._unfrozen = count
        for depth, group in enumerate(self.groups):
            for parameter in group:
                parameter.requires_grad_(depth < count)
        bare = self.accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)
        bare.train()
        self._model = self.accelerator.prepare_model(bare)

    # -- validation ---------------------------------------------------------------------------------

    def _evaluate(self, batches: int) -> Iterator[Event]:
        progress, optimizer = self.progress, self.settings.optimizer
        with self.average.in_place() if self.average else nullcontext():
            scores = self.task.evaluate()
            if scores is None:
                return
            criterion = scores[self.task.criterion]
            best = progress.best is None or criterion < progress.best
            if best:
                progress.best, progress.best_step = criterion, progress.step
                self.best = {n: v.detach().clone() for n, v in self.task.network.named_parameters()}
        progress.evaluated_at = progress.step
        progress.evaluations_since_best = 0 if best else progress.evaluations_since_best + 1
        progress.criteria = (*progress.criteria, criterion)
        schedule = self.settings.schedule
        if schedule.kind == "plateau" and progress.evaluations_since_best > schedule.patience:
            progress.plateaus, progress.evaluations_since_best = progress.plateaus + 1, 0
            yield Notice(f"no improvement: the learning rate is multiplied by {schedule.factor:g}")
        earlier = progress.criteria[: -optimizer.patience]
        if optimizer.kind == "nt_asgd" and self.average is None and earlier and criterion > min(earlier):
            self._start_averaging()
            yield Notice("no improvement over the patience: averaging begins (NT-ASGD)")
        yield Evaluated(progress.step, self._epoch(batches), progress.seconds, scores, best)

    def _start_averaging(self) -> None:
        self.average = WeightAverage(self.parameters, None)
        self.progress.averaged = self.progress.step

    def _finish(self, reason: str, batches: int) -> Iterator[Event]:
        """A last look, the best weights into the network, and the end."""
        if self.progress.evaluated_at != self.progress.step:
            yield from self._evaluate(batches)
        if self.best:
            values = self.best
        elif self.average is not None:
            names = (name for name, _ in self.task.network.named_parameters())
            values = dict(zip(names, self.average.values, strict=True))
        else:
            values = {}
        with torch.no_grad():
            for name, parameter in self.task.network.named_parameters():
                if name in values:
                    parameter.copy_(values[name])
        self.accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)
        yield Finished(self.progress.step, reason, self.progress.seconds, self.progress.best)

    # -- checkpoints --------------------------------------------------------------------------------

    def _save(self) -> CheckpointSaved:
        assert self.checkpoints is not None  # the caller has looked
        path = self.checkpoints / f"step-{self.progress.step:08d}"
        checkpoint = Checkpoint(path)
        checkpoint.write_rank(self.accelerator.process_index, self._state)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            groups: dict[str, dict[str, Tensor]] = {
                "model": dict(self.task.network.named_parameters()),
                "optimizer": optimizer_tensors(self.optimizer),
                "best": self.best,
            }
            if self.average is not None:
                groups["average"] = {str(i): value for i, value in enumerate(self.average.values)}
            updates = self.average.updates if self.average else 0
            checkpoint.write(groups, asdict(self.progress) | {"average_updates": updates})
        self.accelerator.wait_for_everyone()
        return CheckpointSaved(self.progress.step, path)

    def _restore(self, checkpoint: Checkpoint) -> None:
        saved: dict[str, Any] = checkpoint.progress()
        updates = saved.pop("average_updates")
        self.progress = Progress(**saved | {"criteria": tuple(saved["criteria"])})
        values = checkpoint.read("model")
        with torch.no_grad():
            for name, parameter in self.task.network.named_parameters():
                parameter.copy_(values[name])
        restore_optimizer(self.optimizer, checkpoint.read("optimizer"))
        self.best = checkpoint.read("best")
        averaged = checkpoint.read("average")
        if averaged:
            if self.average is None:
                self.average = WeightAverage(self.parameters, None)
            self.average.updates = updates
            for index, value in enumerate(self.average.values):
                value.copy_(averaged[str(index)])
        self._state = checkpoint.read_rank(self.accelerator.process_index, self.accelerator.device)


class _Interruption:
    """Ctrl-C while the block runs is noted, and acted on between two steps; a second one acts at once."""

    def __init__(self) -> None:
        self.came = False
        self._before: Any = None

    def __enter__(self) -> _Interruption:
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
