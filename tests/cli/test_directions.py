"""A language model that reads backward, where a command wants one that reads forward."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def backward(toy_model: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "backward"
    shutil.copytree(toy_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"direction": "backward"}))
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "-p", "the", "--model"),
        ("score", "the cat", "--model"),
        ("bench",),
        ("inspect", "gates", "the cat", "--model"),
    ],
)
def test_it_is_refused(run: Callable, backward: Path, words: tuple[str, ...]) -> None:
    done = run(*words, backward)
    assert (done.code, done.out) == (2, "")
    assert "reads texts backward, from their last token to their first: classifiers" in done.err


def test_evaluate_reads_it_as_it_was_trained(
    run: Callable, backward: Path, toy_model: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat.\na king ran.\n")
    (forward,), (found,) = (
        run("evaluate", "--data", text, "-m", model, "--json").records
        for model in (toy_model, backward)
    )
    assert found["tokens"] == forward["tokens"]
    assert found["perplexity"] > 2 * forward["perplexity"]  # it has learnt the other direction


def test_it_answers_with_no_model_that_reads_forward(
    run: Callable, backward: Path, toy_model: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat.\n")
    words = ("evaluate", "--data", text, "-m", toy_model, "--ensemble", backward)
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert "has another direction than" in done.err


def test_a_direction_that_there_is_not(run: Callable, backward: Path) -> None:
    config = json.loads((backward / "config.json").read_text())
    (backward / "config.json").write_text(json.dumps(config | {"direction": "up"}))
    done = run("evaluate", "--data", "x/y", "-m", backward)
    assert done.code == 1
    assert "direction is 'up', not 'backward'; forward is what it is without" in done.err
