"""``textrnn evaluate``, option by option, on the toy model."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from textrnn.recipe import evaluate, train

SCORES = ["loss", "perplexity", "word_perplexity", "bits_per_byte", "tokens", "words", "bytes"]
SCORES += ["unknown"]


@pytest.fixture(scope="module")
def better(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt more than the toy model."""
    run = tmp_path_factory.mktemp("better") / "run"
    return train(toy_folder / "recipe.yaml", output=run, overrides=["training.steps=200"])


def test_the_scores_of_a_model(run: Callable, toy_model: Path, toy_folder: Path) -> None:
    valid = toy_folder / "valid.txt"
    expected = evaluate(toy_model, data=valid)
    (record,) = run("evaluate", "--data", valid, "-m", toy_model, "--json").records
    given = {"model": str(toy_model), "data": str(valid), "split": None, "column": "text"}
    assert record == given | expected
    table = run("evaluate", "--data", valid, "-m", toy_model).lines
    assert [line.split("  ")[0] for line in table] == [name.replace("_", " ") for name in SCORES]
    assert f"{expected['bits_per_byte']:.4g}" in table[3]


def test_what_the_vocabulary_lacks_is_told(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    """To foretell unknown after unknown is easy: figures that are too good for any comparison."""
    text = tmp_path / "text.txt"
    text.write_text("the cat sat.\n私は本を読む\n")
    done = run("evaluate", "--data", text, "-m", toy_model, "--json")
    assert done.records[0]["unknown"] == 6
    assert f"{toy_model} does not know 6 of 23 tokens: its bits per byte and" in done.err


def test_a_split_of_a_folder(
    run: Callable, toy_model: Path, toy_folder: Path, tmp_path: Path
) -> None:
    words = ("evaluate", "-m", toy_model, "--json", "--data")
    output = tmp_path / "scores"
    whole = run(*words, toy_folder / "valid.txt").records[0]
    assert run(*words, toy_folder, "--split", "valid", "--output", output).out == ""
    assert f'"loss": {whole["loss"]}' in output.read_text()
    done = run(*words, toy_folder / "valid.txt", "--split", "valid")
    assert done.code == 2
    assert "--split valid" in done.err


def test_a_column_of_a_table(
    run: Callable, toy_model: Path, toy_folder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    lines = (toy_folder / "valid.txt").read_text().splitlines()
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "story"], *enumerate(lines)])
    words = ("evaluate", "-m", toy_model, "--json", "--data", table)
    assert run(*words, "--column", "story").records[0]["words"] == 120
    assert run(*words).code == 1


def test_two_models(run: Callable, toy_model: Path, better: Path, toy_folder: Path) -> None:
    words = ("evaluate", "-m", toy_model, "--data", toy_folder / "valid.txt", "--compare")
    done = run(*words, better)
    assert done.lines[0].split() == [str(toy_model), str(better)]
    assert "line by line: " in done.lines[-1]
    assert "1000 resamples of 40 segments, seed 1" in done.lines[-1]
    one, other, comparison = run(*words, better, "--json").records
    assert one["bits_per_byte"] > other["bits_per_byte"]
    assert comparison["comparison"] == [str(toy_model), str(better)]
    assert comparison["interval"][1] < 0
    assert comparison["p_value"] < 0.01
    done = run(*words, toy_model)
    assert done.code == 2
    assert f"--compare {toy_model} is the model itself" in done.err


def test_what_does_not_apply_and_what_is_not_there(
    run: Callable, toy_model: Path, better: Path, tmp_path: Path
) -> None:
    words = ("evaluate", "-m", toy_model)
    assert "nothing to measure on: give --data" in run(*words).err
    done = run(*words, "--data", "x", "--references", "y")
    assert (done.code, "--references does not apply" in done.err) == (2, True)
    done = run(*words, "--data", tmp_path / "nothing.txt")
    assert (done.code in (1, 2), done.err.count("\n")) == (True, 1)
    for content in (b"", b"\n\n", b"caf\xe9\n"):
        file = tmp_path / "file.txt"
        file.write_bytes(content)
        done = run(*words, "--data", file, "--compare", better)
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert "file.txt" in done.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--data", "nothing.txt"), 1, "nothing.txt: there is no such file or folder"),
        (("--data", "TEXT", "--column", "story"), 2, "--column story: .* is no table"),
        (("--data", "TEXT", "--threads", "4096"), 2, " --threads is 4096: give"),
        (("--data", "PIPE"), 1, "neither a file nor a folder: write the text to a file first"),
    ],
)
def test_data_that_is_not_there(
    run: Callable, toy_model: Path, tmp_path: Path, words: tuple, code: int, message: str
) -> None:
    (tmp_path / "text.txt").write_text("the king sat.\n")
    os.mkfifo(tmp_path / "pipe")
    given = {"TEXT": tmp_path / "text.txt", "PIPE": tmp_path / "pipe"}
    done = run("evaluate", "-m", toy_model, *(given.get(word, word) for word in words))
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done.err
    assert re.search(message, done.err), done.err


def test_minimal_pairs(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    pairs = [("the cat sat.", "cat the sat.", "order"), ("sat the", "the cat", "none")]
    keys = ("sentence_good", "sentence_bad", "UID")
    file.write_text("".join(json.dumps(dict(zip(keys, p, strict=True))) + "\n" for p in pairs))
    done = run("evaluate", "--minimal-pairs", file, "-m", toy_model)
    assert [line.split() for line in done.lines] == [
        ["accuracy", "pairs"],
        ["order", "1.0000", "1"],
        ["none", "0.0000", "1"],
        ["all", "0.5000", "2"],
    ]
    piped = run(
        "evaluate", "--minimal-pairs", "-", "-m", toy_model, "--json", piped=file.read_bytes()
    )
    order, _, overall = piped.records
    shared = {"model": str(toy_model), "minimal_pairs": "-"}
    assert order == shared | {"group": "order", "accuracy": 1.0, "pairs": 1, "right": 1}
    assert overall == shared | {"accuracy": 0.5, "pairs": 2, "right": 1}
    bad = run("evaluate", "--minimal-pairs", "-", "-m", toy_model, piped="nothing\n")
    assert (bad.code, "<stdin>, line 1 is not JSON" in bad.err) == (1, True)


def test_minimal_pairs_stand_alone(run: Callable, toy_model: Path) -> None:
    done = run("evaluate", "--minimal-pairs", "pairs", "--data", "text", "-m", toy_model)
    assert (done.code, done.err) == (
        2,
        "textrnn: error: --data does not apply beside --minimal-pairs: leave it out\n",
    )
    done = run("evaluate", "-m", toy_model)
    assert (done.code, done.err) == (
        2,
        "textrnn: error: nothing to measure on: give --data, or --minimal-pairs FILE\n",
    )
