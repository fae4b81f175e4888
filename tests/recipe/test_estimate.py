"""The dry run and the range test of a recipe: built whole, and nothing left."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from textrnn.errors import DataError, UsageError
from textrnn.recipe import dry_run, find_learning_rate, finetune, train
from textrnn.training import Started, StepDone

import_module("torch._dynamo")  # it makes PyTorch's own cache folder when it is first imported


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The working directory and the folder for temporary files, both empty."""
    made = [tmp_path / "work", tmp_path / "temporary"]
    for path in made:
        path.mkdir()
    monkeypatch.chdir(made[0])
    monkeypatch.setattr(tempfile, "tempdir", str(made[1]))
    return made


def files(tiny: Path, places: list[Path]) -> list[str]:
    return [str(file) for place in (*places, tiny.parent) for file in place.rglob("*")]


def test_a_dry_run_leaves_no_file(tiny: Path, places: list[Path]) -> None:
    before = files(tiny, places)
    dry_run(tiny)
    assert files(tiny, places) == before == [str(tiny)]
    with pytest.raises(DataError, match="too few for one window"):
        dry_run(tiny, ["training.bptt=60000"])
    assert files(tiny, places) == before


def test_a_dry_run_is_what_the_run_will_be(tiny: Path, tmp_path: Path) -> None:
    estimate = dry_run(tiny)
    events: list[object] = []
    train(tiny, output=tmp_path / "run", on_event=events.append)
    (started,) = [event for event in events if isinstance(event, Started)]
    first = next(event for event in events if isinstance(event, StepDone))
    assert estimate.parameters == started.parameters
    assert estimate.loss == pytest.approx(first.loss)
    assert estimate.steps == 6
    assert estimate.seconds == pytest.approx(6 * estimate.step_seconds)
    assert estimate.step_seconds > 0
    assert estimate.tokens_per_second > 0
    assert estimate.peak_bytes > 10_000_000


@pytest.mark.parametrize(
    "limits",
    [
        {"training.steps": 5},
        {"training.steps": None, "training.epochs": 0.3},
        {"training.steps": 50, "training.epochs": 0.3, "training.accumulation": 3},
        {"training.steps": None, "training.epochs": 3, "training.accumulation": 4},
        {"training.steps": 1},
        {"training.steps": None, "training.epochs": 0.001},
    ],
)
def test_the_first_limit_decides_how_long_it_is(
    limits: dict[str, float], tiny: Path, tmp_path: Path
) -> None:
    estimate = dry_run(tiny, limits)
    events: list[object] = []
    train(tiny, output=tmp_path / "run", overrides=limits, on_event=events.append)
    taken = [event.step for event in events if isinstance(event, StepDone)]
    assert estimate.steps == taken[-1]


def test_minutes_are_turned_into_steps(tiny: Path) -> None:
    estimate = dry_run(tiny, {"training.steps": None, "training.minutes": 2})
    assert estimate.seconds == pytest.approx(120, rel=0.1)


@pytest.mark.parametrize("device", ["cuda", "tpu", None])
def test_no_other_device_is_trained_on(device: Any, tiny: Path, places: list[Path]) -> None:
    output, data = tiny.parent / "run", tiny.parent / "none.txt"
    for refused in (
        lambda: dry_run(tiny, device=device),
        lambda: find_learning_rate(tiny, device=device),
        lambda: train(tiny, output=output, device=device),
        lambda: finetune("stories-en", data=data, output=output, device=device),
    ):
        with pytest.raises(UsageError, match=f"cannot train on device {device!r}: give 'auto'"):
            refused()
    assert not output.exists()


def test_a_wrong_recipe_is_refused(tiny: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'lstm'"):
        dry_run(tiny, ["encoder.cell=lsmt"])


def test_a_learning_rate_is_found_and_no_file_left(tiny: Path, places: list[Path]) -> None:
    before = files(tiny, places)
    found = find_learning_rate(tiny, ["training.batch_size=8"], highest=2.0, steps=60)
    assert 1e-6 < found.suggestion < 2.0
    assert found.losses[0] > min(found.losses)
    assert files(tiny, places) == before
