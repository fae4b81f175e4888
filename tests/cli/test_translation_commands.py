"""A translator by the real command line, each command a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]


def textrnn(*words: object) -> Done:
    """A command in a process of its own; it must not need the network."""
    return subprocess.run(
        [sys.executable, "-m", "textrnn", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )


def test_train_evaluate_finetune(
    pairs_folder: Path,
    tmp_path: Path,
    toy_pairs: Callable[..., Any],
    write_pairs: Callable[..., None],
) -> None:
    recipe, run = pairs_folder / "recipe.yaml", tmp_path / "run"
    short = ("training.steps=120", "training.evaluate_every=null", "training.checkpoint_minutes=0")
    done = textrnn("train", recipe, "--output", run, "-q", *short)
    assert (done.returncode, done.stderr) == (0, "")
    model = Path(done.stdout.strip())
    assert model == run / "model"

    done = textrnn("evaluate", "-m", model, "--data", pairs_folder, "--split", "test", "--json")
    assert done.returncode == 0, done.stderr
    (scores,) = map(json.loads, done.stdout.splitlines())
    assert scores["BLEU"] > 10
    assert scores["sentences"] == scores["translations"]

    write_pairs(tmp_path, "mine", toy_pairs(60, 8))
    tuned = tmp_path / "tuned"
    words = ("finetune", model, "--data", tmp_path / "mine", "-o", tuned, "--epochs", "1", "-q")
    done = textrnn(*words)
    assert done.returncode == 0, done.stderr
    folder, header, *rows = done.stdout.splitlines()
    assert Path(folder) == tuned / "model"
    assert header.split() == ["before", "after"]
    assert [row.rsplit(maxsplit=2)[0] for row in rows] == [
        f"{score}, {which} text"
        for which in ("new", "old")
        for score in ("perplexity", "BLEU", "chrF2", "TER")
    ]

    done = textrnn(
        *("evaluate", "-m", model, "--data", pairs_folder / "test.en"),
        *("--references", pairs_folder / "test.de", "--compare", folder),
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()[-3:]] == ["line by line"] * 3
    assert "BLEU; difference" in done.stdout
    assert done.stdout.count("tok:13a") == 1  # what both scores were made by is said once


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ({"train.en": "a\nb\n", "train.de": "x\n"}, 1, "goes on at line 2"),
        ({"train.en": "a\n"}, 1, "has no train.de beside it"),
        ({"train.en": b"\xe9\n", "train.de": "x\n"}, 1, "is not UTF-8: byte 0"),
        ({"train.en": "\n\n", "train.de": "x\ny\n"}, 1, "no pair to learn from; 2 with an empty"),
        ({}, 1, "no pair of files"),
    ],
)
def test_bad_pairs_are_one_line(
    content: dict[str, Any],
    code: int,
    message: str,
    run: Callable[..., Any],
    pairs_folder: Path,
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, text in content.items():
        (data / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    words = ("train", pairs_folder / "recipe.yaml", "-o", tmp_path / "run", "-q")
    changes = (f"data.path={data}", "tokenizer={kind: byte}", "data.valid=null", "data.test=null")
    done = run(*words, *changes)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done.err
    assert message in done.err
    assert not (tmp_path / "run").exists()


def test_options_that_do_not_apply(
    run: Callable[..., Any], toy_model: Path, toy_translator: Path, pairs_folder: Path
) -> None:
    valid = pairs_folder / "valid"
    done = run("evaluate", "-m", toy_translator, "--data", valid, "--column", "text")
    assert (done.code, "--column does not apply to a translator" in done.err) == (2, True)
    for option in ("--source", "--target", "--tokenize"):
        done = run("evaluate", "-m", toy_model, "--data", f"{valid}.en", option, "x")
        assert (done.code, f"{option} does not apply to a language model" in done.err) == (2, True)
    done = run("evaluate", "-m", toy_translator, "--data", valid, "--tokenize", "13b")
    assert (done.code, "no tokenization '13b'" in done.err) == (2, True)
    done = run("evaluate", "-m", toy_translator, "--data", valid, "--source", "de")
    assert (done.code, "--source de and --target de are one: name two" in done.err) == (2, True)


def test_two_references_and_json(
    run: Callable[..., Any], toy_translator: Path, tmp_path: Path
) -> None:
    for name, text in {"a.en": "the cat\n", "a.de": "Kater der\n", "b.de": "Katze\n"}.items():
        (tmp_path / name).write_text(text)
    files = ("--references", tmp_path / "a.de", "--references", tmp_path / "b.de")
    words = ("evaluate", "-m", toy_translator, "--data", tmp_path / "a.en", *files)
    (record,) = run(*words, "--json").records
    assert record["references"] == [str(tmp_path / "a.de"), str(tmp_path / "b.de")]
    assert (record["sentences"], record["translations"]) == (1, 2)
    assert record["BLEU signature"].startswith("nrefs:2|")
    table = run(*words).out
    assert "BLEU signature" in table


def test_a_folder_named_by_a_dot_and_pairs_that_lack_a_side(
    run: Callable[..., Any],
    toy_translator: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in {"a.en": "the cat\n\nthe dog\n", "a.de": "Kater der\nHund\n\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    words = ("evaluate", "-m", toy_translator, "--source", "en", "--target", "de", "--data")
    (record,) = run(*words, ".", "--json").records
    assert (record["sentences"], record["left_out"]) == (1, 2)
    assert ["left", "out", "2"] in [line.split() for line in run(*words, ".").lines]
    (tmp_path / "a.en").write_text("the cat\nit\nthe dog\n")
    (tmp_path / "a.de").write_text("Kater der\nes\nHund der\n")
    (record,) = run(*words, ".", "--json").records
    assert "left_out" not in record


def test_a_table_whose_columns_have_no_names_is_said_to_be_one(
    run: Callable[..., Any], toy_translator: Path, tmp_path: Path
) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text("the cat\tKater der\nthe dog\tHund der\n")
    done = run("evaluate", "-m", toy_translator, "--data", table)
    assert (done.code, "its two columns are taken as source and target" in done.err) == (0, True)
    table.write_text(f"en\tde\n{table.read_text()}")
    assert "columns" not in run("evaluate", "-m", toy_translator, "--data", table).err


def test_unequal_numbers_of_references(
    run: Callable[..., Any], toy_translator: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.en").write_text("the cat\nthe dog\n")
    (tmp_path / "a.de").write_text("Kater der\n")
    words = ("--data", tmp_path / "a.en", "--references", tmp_path / "a.de")
    done = run("evaluate", "-m", toy_translator, *words)
    assert (done.code, done.out) == (1, "")
    assert "a.de ends after 1 lines" in done.err
