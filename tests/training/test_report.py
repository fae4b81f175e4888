"""metrics.jsonl and the picture of the loss."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.errors import MissingExtraError
from textrnn.training import CheckpointSaved, Evaluated, Finished, Notice, Started, StepDone
from textrnn.training.report import MetricsLog, draw_loss_curve, smoothed

PNG = b"\x89PNG\r\n\x1a\n"


def step(number: int) -> StepDone:
    return StepDone(number, number / 10, 4.0 / number, 1e-3, 0.5, number * 20, 1.0, 99.0, 3.0)


def scored(number: int) -> Evaluated:
    return Evaluated(number, number / 10, 1.0, {"loss": 3.0 / number}, True)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(path: Path, steps: range, start: int = 0) -> None:
    log = MetricsLog(path, start)
    for number in steps:
        log.write(step(number))
    log.close()


def test_the_events_with_figures_are_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path)
    log.write(Started(10, 5, 0))
    log.write(step(2))
    log.write(CheckpointSaved(2, tmp_path))
    log.write(scored(2))
    log.write(Notice("quiet"))
    log.write(Finished(2, "steps", 1.25, 0.5))
    assert lines(path) == [
        {
            "step": 2,
            "epoch": 0.2,
            "loss": 2.0,
            "learning_rate": 1e-3,
            "gradient_norm": 0.5,
            "tokens": 40,
            "seconds": 1.0,
        },
        {"step": 2, "epoch": 0.2, "seconds": 1.0, "valid": {"loss": 1.5}, "best": True},
        {"step": 2, "finished": "steps", "seconds": 1.25},
    ]
    log.close()


@pytest.mark.parametrize("torn", ["", '{"step": 6, "lo'])
@pytest.mark.parametrize("start", [0, 3, 5])
def test_a_run_that_goes_on_has_each_step_once(start: int, torn: str, tmp_path: Path) -> None:
    """What lies beyond the checkpoint is dropped, and so is a line that a kill cut short."""
    path = tmp_path / "metrics.jsonl"
    written(path, range(1, 6))
    path.write_text(path.read_text() + torn)
    written(path, range(start + 1, 8), start)
    assert [line["step"] for line in lines(path)] == [*range(1, 8)]


@pytest.mark.parametrize("events", [[], [step(1)], [step(1), scored(1), step(2), scored(2)]])
def test_the_curve_is_a_png(events: list[Any], tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for event in events:
        log.write(event)
    log.close()
    draw_loss_curve(tmp_path / "metrics.jsonl", tmp_path / "loss.png", r"a run: $\no$ <é>")
    assert (tmp_path / "loss.png").read_bytes().startswith(PNG)


def test_without_matplotlib_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **given: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return imported(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        MissingExtraError, match=r"the loss curve needs matplotlib: pip install 'te"
    ):
        draw_loss_curve(tmp_path / "metrics.jsonl", tmp_path / "loss.png", "a run")


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 0.99))
def test_a_smoothed_loss_lies_among_the_losses(losses: list[float], decay: float) -> None:
    found = list(smoothed(losses, decay))
    assert len(found) == len(losses)
    assert found[0] == pytest.approx(losses[0])
    for index, value in enumerate(found):
        assert min(losses[: index + 1]) - 1e-9 <= value <= max(losses[: index + 1]) + 1e-9
