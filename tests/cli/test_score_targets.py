"""``textrnn score --target``: forced decoding by the toy translator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn


def test_a_line_for_each_pair(run: Callable, toy_translator: Path, tmp_path: Path) -> None:
    model = textrnn.load(toy_translator)
    assert isinstance(model, textrnn.Translator)
    right, wrong = model.score(["the cat", "the cat"], ["Kater der", "der Hund"])
    assert right.bits < wrong.bits
    sources, targets = tmp_path / "en", tmp_path / "de"
    sources.write_text("the cat\n\nthe cat\n")
    targets.write_text("Kater der\n\nder Hund\n")
    expected = [
        f"{score.bits:.2f} bits\t{score.bits_per_byte:.3f} bits per byte\t"
        f"{score.perplexity:.2f} perplexity per token"
        for score in (right, wrong)
    ]
    done = run("score", "-m", toy_translator, "-i", sources, "--target", targets)
    assert done.lines == [expected[0], "", expected[1]]
    many = ("--target", "Kater der", "--target", " ", "--target", "der Hund")
    done = run("score", "-m", toy_translator, "the cat", "the dog", "the cat", *many)
    assert done.lines == [expected[0], "", expected[1]]


def test_json_and_tokens(run: Callable, toy_translator: Path) -> None:
    words = ("score", "-m", toy_translator, "the cat", "--target", "Kater der")
    (record,) = run(*words, "--json", "--per-token").records
    assert (record["source"], record["text"]) == ("the cat", "Kater der")
    assert record["tokens"][-1][0] == "</s>"
    assert sum(bits for _, bits in record["tokens"]) == pytest.approx(record["bits"])
    assert "tokens" not in run(*words, "--json").records[0]
    (empty,) = run("score", "-m", toy_translator, "the cat", "--target", "", "--json").records
    assert (empty["source"], empty["text"], empty["bits"]) == ("the cat", "", None)
    rows = [line.split("\t") for line in run(*words, "--per-word").lines]
    assert [row[2] for row in rows] == ["word", '"Kater"', '"der"']
    assert float(rows[-1][-1]) == pytest.approx(record["bits"], abs=1e-4)


def test_what_does_not_apply(run: Callable, toy_translator: Path, tmp_path: Path) -> None:
    done = run("score", "-m", toy_translator, "the cat")
    assert (done.code, done.err) == (
        2,
        "textrnn: error: a translator scores a target, given its source: give --target\n",
    )
    done = run("score", "-m", toy_translator, "a", "b", "--target", "c")
    assert (done.code, done.out) == (1, "")
    assert "there are 1 targets and more sources: give as many; --target takes" in done.err
    file = tmp_path / "targets"
    file.write_text("a\nb\n")
    done = run("score", "-m", toy_translator, "a", "--target", file)
    assert done.code == 1
    assert "there are 1 sources and more targets: give as many\n" in done.err
