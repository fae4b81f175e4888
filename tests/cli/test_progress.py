"""How a run is told: on a terminal, elsewhere, and not at all."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from textrnn.cli import _progress
from textrnn.cli._progress import as_record, telling
from textrnn.training.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Finished,
    Notice,
    Started,
    StepDone,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(number: int, seconds: float = 1.0) -> StepDone:
    return StepDone(
        step=number,
        epoch=0.5,
        loss=1.25,
        learning_rate=1e-3,
        gradient_norm=0.3,
        tokens=1000 * number,
        seconds=seconds,
        tokens_per_second=5000.0,
        seconds_left=90.0,
    )


EVENTS: list[Event] = [
    Started(parameters=1234567, batches_an_epoch=20, step=0),
    step(1, 1.0),
    Evaluated(1, 0.5, 1.0, {"loss": 1.47, "bits_per_byte": 2.12, "tokens": 99}, best=True),
    CheckpointSaved(1, Path("there")),
    Notice("averaging begins"),
    step(2, 3.0),
    Finished(2, "steps", 130.0, 1.47),
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time."""
    now = [0.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])

    def set_time(seconds: float) -> None:
        now[0] = seconds

    return set_time


def tell(stream: io.StringIO, clock: Callable[[float], None], **options: bool) -> str:
    with telling(stream, quiet=options.get("quiet", False)) as listen:
        for second, event in enumerate(EVENTS):
            clock(100.0 * second)
            listen(event)
    return stream.getvalue()


def test_a_classifiers_speed_is_in_texts(clock: Callable[[float], None]) -> None:
    stream = io.StringIO()
    with telling(stream, quiet=False) as listen:
        listen(replace(step(1), unit="texts"))
    assert "5,000 texts/s, 1 min 30 s left" in stream.getvalue()


def test_plain_lines(clock: Callable[[float], None]) -> None:
    assert tell(io.StringIO(), clock).splitlines() == [
        "starting: 1,234,567 parameters, 20 batches an epoch",
        "step 1 (epoch 0.50): loss 1.250, 5,000 tokens/s, 1 min 30 s left",
        "step 1 (epoch 0.50): loss 1.47, bits per byte 2.12, the best so far",
        "averaging begins",
        "step 2 (epoch 0.50): loss 1.250, validation loss 1.470, 500 tokens/s, 1 min 30 s left",
        "finished after 2 steps in 2 min 10 s (steps)",
    ]


def test_steps_are_told_now_and_then(clock: Callable[[float], None]) -> None:
    stream = io.StringIO()
    with telling(stream, quiet=False) as listen:
        for second in range(25):
            clock(float(second))
            listen(step(second + 1))
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1", "11", "21"]


def test_a_terminal_has_a_line_that_changes(clock: Callable[[float], None]) -> None:
    shown = tell(Terminal(), clock)
    assert "\x1b[" in shown
    assert "━" in shown
    for part in ("1,234,567 parameters", "validation loss 1.470", "finished after 2 steps"):
        assert part in shown


def test_quiet(clock: Callable[[float], None]) -> None:
    assert tell(io.StringIO(), clock, quiet=True) == ""


def test_of_several_processes_the_first_one_tells(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert tell(io.StringIO(), clock) == ""
    monkeypatch.setenv("RANK", "0")
    assert tell(io.StringIO(), clock) != ""


def test_going_on(clock: Callable[[float], None]) -> None:
    stream = io.StringIO()
    with telling(stream, quiet=False) as listen:
        listen(Started(10, 20, step=1500))
        listen(Evaluated(1600, 2.0, 9.0, {"loss": 3.0}, best=False))
    assert stream.getvalue().splitlines() == [
        "going on from step 1,500: 10 parameters, 20 batches an epoch",
        "step 1,600 (epoch 2.00): loss 3",
    ]


def test_the_second_run_of_a_recipe_in_stages(clock: Callable[[float], None]) -> None:
    stream = io.StringIO()
    with telling(stream, quiet=False) as listen:
        listen(step(9))
        listen(Evaluated(9, 2.0, 9.0, {"loss": 3.0}, best=False))
        listen(Started(10, 20, step=0))
        clock(60.0)
        listen(step(1))
    last = stream.getvalue().splitlines()[-1]
    assert last.startswith("step 1 ")
    assert "validation" not in last
    assert "-" not in last


def test_records() -> None:
    assert as_record(CheckpointSaved(3, Path("run/3"))) == {
        "event": "CheckpointSaved",
        "step": 3,
        "path": "run/3",
    }
