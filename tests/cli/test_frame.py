"""What all commands have in common: help, errors in one line, exit codes, how much is said."""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn
from textrnn.cli import recipes
from textrnn.cli._errors import say, warn
from textrnn.cli.main import COMMANDS
from textrnn.errors import DataError, UsageError


def test_no_words_show_the_help(run: Callable) -> None:
    assert run().code == 0
    assert run().out == run("--help").out == run("-h").out
    assert all(name in run().out for name in COMMANDS)


def test_version(run: Callable) -> None:
    assert run("--version").out == f"textrnn {textrnn.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gnerate"], "no command 'gnerate' .*; did you mean 'generate'\\?"),
        (["--modle"], "No such option: --modle; see 'textrnn --help'"),
        (["generate", "--tempreature", "1"], "No such option: --tempreature .*--temperature"),
        (["generate", "--top-k", "many"], "'--top-k'.*valid integer.*\\(given 'many'\\)"),
        (["generate", "--threads", "0"], "'--threads'.*greater than or equal to 1 \\(given '0'\\)"),
        (["generate", "--seed", "-1"], "'--seed'.*greater than or equal to 0 \\(given '-1'\\)"),
        (["train"], "Missing argument 'RECIPE'; see 'textrnn train --help'"),
        (["finetune", "m", "--data", "d"], "Missing option '--output' / '-o'"),
        (["recipes", "burn"], "No such command 'burn'"),
        (["recipes"], "Missing command"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(run: Callable, words: list[str], message: str) -> None:
    done = run(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("textrnn: error: ")
    assert re.search(message, done.err), done.err


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes ``textrnn recipes list`` end with an exception."""

    def stop(error: BaseException) -> None:
        def table() -> None:
            say("working")
            warn("be careful")
            raise error

        monkeypatch.setattr(recipes, "recipe_table", table)

    return stop


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("a.txt is empty"), 1, "textrnn: error: a.txt is empty"),
        (UsageError("pick another"), 2, "textrnn: error: pick another"),
        (KeyboardInterrupt(), 130, "textrnn: error: interrupted"),
        (OSError(28, "No space left on device", "x"), 1, "error: x: No space left on device"),
        (OSError("odd"), 1, "textrnn: error: odd"),
        (ZeroDivisionError("by\nzero"), 1, "unexpected ZeroDivisionError: by zero; --verbose"),
    ],
)
def test_what_stops_a_command_is_one_line(
    run: Callable, stopped: Callable, error: BaseException, code: int, line: str
) -> None:
    stopped(error)
    done = run("recipes", "list")
    assert (done.code, done.out) == (code, "")
    assert line in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_broken_pipe_is_quiet(run: Callable, stopped: Callable) -> None:
    stopped(BrokenPipeError(32, "Broken pipe"))
    done = run("recipes", "list", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_how_much_is_said(run: Callable, stopped: Callable) -> None:
    stopped(DataError("no"))
    usual = ["textrnn: working", "textrnn: warning: be careful", "textrnn: error: no"]
    assert run("recipes", "list").err.splitlines() == usual
    assert run("recipes", "list", "-q").err.splitlines() == usual[2:]
    verbose = run("recipes", "list", "--verbose").err.splitlines()
    assert "Traceback (most recent call last):" in verbose
    assert [line for line in verbose if line.startswith("textrnn: ")] == usual
    assert run("recipes", "list").err.splitlines() == usual  # nothing stays from the last command


@pytest.mark.parametrize("library", ["huggingface_hub", "datasets"])
def test_libraries_are_quiet(run: Callable, library: str) -> None:
    at_import = importlib.import_module(f"{library}.utils.logging")._get_default_logging_level
    for words, level in ((["--verbose"], logging.WARNING), (["-q"], logging.ERROR), ([], 40)):
        run("recipes", "list", *words)
        assert logging.getLogger(f"{library}.any").getEffectiveLevel() == level == at_import()


def test_without_talk_there_are_no_bars(run: Callable) -> None:
    """Their libraries read the environment when they are imported."""
    for words, value in ((["-q"], "1"), ([], None)):
        run("recipes", "list", *words)
        for library in ("HUB", "DATASETS"):
            assert os.environ.get(f"HF_{library}_DISABLE_PROGRESS_BARS") == value


def test_a_model_that_is_not_there(run: Callable, tmp_path: Path) -> None:
    done = run("score", "a", "-m", tmp_path / "nothing")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no model" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--data", "DATA", "-m"],
        ["finetune", "--data", "DATA", "-o", "OUT"],
    ],
)
def test_a_model_of_another_task(
    run: Callable, words: list[str], translator: Path, toy_folder: Path, tmp_path: Path
) -> None:
    config = json.loads((translator / "config.json").read_text())
    (translator / "config.json").write_text(json.dumps(config | {"task": "tagging"}))
    places = {"DATA": toy_folder / "valid.txt", "OUT": tmp_path / "run"}
    done = run(*(places.get(word, word) for word in words), translator)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "tagging" in done.err
