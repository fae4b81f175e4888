"""``textrnn finetune``, option by option, on the toy model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn
from textrnn.cli.finetune import report_lines
from textrnn.recipe import FinetuneReport

SHORT = ("training.batch_size=4", "training.bptt=8", "training.steps=20")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A text with a word that the toy model has never read."""
    file = tmp_path / "book.txt"
    file.write_text("the rat ran and sang.\n" * 60)
    return file


def test_before_and_after(
    run: Callable, toy_model: Path, toy_folder: Path, book: Path, tmp_path: Path
) -> None:
    words = ("finetune", toy_model, "--data", book, *SHORT)
    done = run(*words, "--output", tmp_path / "run", "--epochs", "2")
    assert done.code == 0, done.err
    folder, header, *rows = done.lines
    assert folder == f"{tmp_path}/run/model"
    assert header.split() == ["before", "after"]
    assert [row.rsplit(maxsplit=2)[0] for row in rows] == [
        "bits per byte, new text",
        "perplexity, new text",
        "bits per byte, old text",
        "perplexity, old text",
    ]
    before, after = rows[0].split()[-2:]
    assert float(after) < float(before)
    assert textrnn.load(folder).generate("the", max_new_tokens=3).token_ids
    assert "step 20" in done.err


def test_json_minutes_and_column(
    run: Callable, toy_model: Path, book: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text("".join('{"story": "the rat sat."}\n' for _ in range(60)))
    words = ("finetune", toy_model, "--data", table, "--column", "story", *SHORT)
    done = run(*words, "-o", tmp_path / "run", "--minutes", "0.02", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert done.records[0]["event"] == "Started"
    report = done.records[-1]
    assert report["model"] == str(tmp_path / "run" / "model")
    assert len(report["new"]) == 2


def test_forgetting_that_cannot_be_measured(tmp_path: Path) -> None:
    scores = {"bits_per_byte": 1.5, "perplexity": 20.0}
    report = FinetuneReport(tmp_path, (scores, scores), None)
    assert len(report_lines(report)) == 4


def test_resume(run: Callable, toy_model: Path, book: Path, tmp_path: Path) -> None:
    words = ("finetune", toy_model, "--data", book, *SHORT, "-o", tmp_path / "run", "--epochs", "2")
    assert run(*words, "-q").code == 0
    shutil.rmtree(tmp_path / "run" / "model")
    done = run(*words, "--resume")
    assert done.code == 0, done.err
    assert done.lines[0] == f"{tmp_path}/run/model"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--epochs", "0"], 2, "epochs is 0"),
        (["--minutes", "-1"], 2, "--minutes is -1"),
        (["--minutes", "nan"], 2, "--minutes is nan"),
        (["--data", "nothing.txt"], 1, "nothing.txt"),
        (["training.epoch=1"], 2, "did you mean 'epochs'"),
    ],
)
def test_what_is_refused(
    run: Callable,
    toy_model: Path,
    book: Path,
    tmp_path: Path,
    words: list[str],
    code: int,
    message: str,
) -> None:
    data = [] if "--data" in words else ["--data", book]
    done = run("finetune", toy_model, *data, *words, "-o", tmp_path / "run", "-q")
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done.err
    assert message in done.err


def test_the_rows_of_a_table_stay_rows(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("text\n" + "the rat sat\n" * 60)
    done = run("finetune", toy_model, "--data", table, *SHORT, "-o", tmp_path / "run", "-q")
    assert done.code == 0, done.err
    kept = (tmp_path / "run" / "cache" / "text" / "train.jsonl").read_text()
    assert kept == '{"text": "the rat sat"}\n' * 54


@pytest.mark.parametrize("words", [["--epochs", "inf"], ["training.epoch=1"]])
def test_a_refusal_leaves_nothing(
    run: Callable, toy_model: Path, book: Path, tmp_path: Path, words: list[str]
) -> None:
    done = run("finetune", toy_model, "--data", book, *words, "-o", tmp_path / "run")
    assert done.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["book.txt"]


def test_a_folder_that_is_taken(run: Callable, toy_model: Path, book: Path, tmp_path: Path) -> None:
    done = run("finetune", toy_model, "--data", book, "-o", tmp_path)
    assert (done.code, f"output {tmp_path} is not empty" in done.err) == (2, True)
