"""How a training run is told: a live line on a terminal, plain lines at intervals elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from typing import Any, TextIO

from textrnn.cli._io import json_line
from textrnn.training.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Finished,
    Notice,
    Started,
    StepDone,
)
from textrnn.training.report import duration

__all__ = ["Listener", "as_record", "is_first_process", "telling"]

Listener = Callable[[Event], None]

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_FRAMES = 0.25


def as_record(event: Event) -> dict[str, Any]:
    """An event as a record for JSON.

    >>> as_record(Notice("no improvement"))
    {'event': 'Notice', 'text': 'no improvement'}
    """
    fields = {
        name: str(v) if isinstance(v, os.PathLike) else v for name, v in asdict(event).items()
    }
    return {"event": type(event).__name__, **fields}


def _line(event: Event) -> str | None:
    """What is said of an event that is not a step."""
    match event:
        case Started(parameters, batches, step):
            start = f"going on from step {step:,}" if step else "starting"
            return f"{start}: {parameters:,} parameters, {batches:,} batches an epoch"
        case Evaluated(step, epoch, _, scores, best):
            figures = ", ".join(
                f"{name.replace('_', ' ')} {value:.4g}"
                for name, value in scores.items()
                if isinstance(value, float)
            )
            return (
                f"step {step:,} (epoch {epoch:.2f}): {figures}{', the best so far' if best else ''}"
            )
        case Notice(text):
            return text
        case Finished(step, reason, seconds, _):
            return f"finished after {step:,} steps in {duration(seconds)} ({reason})"
        case CheckpointSaved() | StepDone():
            return None


def _step_line(now: StepDone, before: StepDone | None, score: str) -> str:
    speed = now.tokens_per_second
    if before is not None and now.seconds > before.seconds:
        speed = (now.tokens - before.tokens) / (now.seconds - before.seconds)
    return (
        f"step {now.step:,} (epoch {now.epoch:.2f}): loss {now.loss:.3f}, {score}"
        f"{speed:,.0f} {now.unit}/s, {duration(now.seconds_left)} left"
    )


@contextmanager
def telling(stream: TextIO, *, quiet: bool, records: TextIO | None = None) -> Iterator[Listener]:
    """A listener to a run that tells it on ``stream``; a quiet one says nothing.

    Of several processes under ``torchrun`` the first one tells.

    Args:
        stream: where a person may be looking.
        quiet: tell nothing there.
        records: where every event goes as a line of JSON, if anywhere.
    """
    if quiet or not is_first_process():
        showing: AbstractContextManager[Listener] = nullcontext(_ignore)
    else:
        showing = _live(stream) if stream.isatty() else _plain(stream)
    with showing as show:

        def listen(event: Event) -> None:
            show(event)
            if records is not None:
                records.write(json_line(as_record(event)) + "\n")
                records.flush()

        yield listen


def is_first_process() -> bool:
    """Whether this process is the one that talks, of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _ignore(event: Event) -> None:
    """Nobody watches."""


@contextmanager
def _plain(stream: TextIO) -> Iterator[Listener]:
    def say(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    yield _Teller(say, lambda line, done: say(line), SECONDS_BETWEEN_LINES)


class _Teller:
    """Says every event but steps at once, and a step now and then.

    Args:
        say: takes a line that stays.
        say_step: takes the line of a step, and the share of the run that is done.
        interval: seconds between two steps that are told.
    """

    def __init__(
        self, say: Callable[[str], None], say_step: Callable[[str, float], None], interval: float
    ) -> None:
        self._say, self._say_step, self._interval = say, say_step, interval
        self._before: StepDone | None = None
        self._score = ""
        self._next = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone):
            if time.monotonic() >= self._next:
                done = event.seconds / (event.seconds + event.seconds_left or 1.0)
                self._say_step(_step_line(event, self._before, self._score), done)
                self._before = event
                self._next = time.monotonic() + self._interval
            return
        if isinstance(event, Started):  # the next run, where a recipe has two
            self._before, self._score = None, ""
        if isinstance(event, Evaluated):
            name, value = next(iter(event.scores.items()))
            self._score = f"validation {name} {value:.3f}, "
        line = _line(event)
        if line is not None:
            self._say(line)


@contextmanager
def _live(stream: TextIO) -> Iterator[Listener]:
    """A bar and a line that change in place, below the lines that stay."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    console = Console(file=stream)
    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield _Teller(
            lambda line: console.print(Text(line)),
            lambda line, done: bar.update(task, description=line, completed=done, refresh=True),
            SECONDS_BETWEEN_FRAMES,
        )
