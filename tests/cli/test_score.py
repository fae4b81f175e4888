"""``textrnn score``, option by option, on the toy model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn


def test_a_line_for_each_text(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    file, output = tmp_path / "texts", tmp_path / "scores"
    file.write_text("the cat sat.\n\ncat sat the\n")
    done = run("score", "-m", toy_model, "-i", file)
    first, empty, second = done.lines
    assert empty == ""
    expected = textrnn.load(toy_model).score("the cat sat.")
    assert first == (
        f"{expected.bits:.2f} bits\t{expected.bits_per_byte:.3f} bits per byte\t"
        f"{expected.perplexity:.2f} perplexity per token"
    )
    assert float(first.split()[0]) < float(second.split()[0])
    words = ("score", "the cat sat.", "", "cat sat the", "-m", toy_model)
    assert run(*words).out == done.out
    assert run("score", "-m", toy_model, piped=file.read_bytes()).out == done.out
    assert run(*words, "--output", output, "--threads", "1", "--device", "cpu").out == ""
    assert output.read_text() == done.out


def test_per_token(run: Callable, toy_model: Path) -> None:
    done = run("score", "the\tcat#", "a", "--per-token", "--engine", "torch", "-m", toy_model)
    rows = [line.split("\t") for line in done.lines]
    pieces = [row[1] for row in rows if len(row) == 2]
    assert pieces == ["t", "h", "e", "<unk>", "c", "a", "t", "<unk>", "a"]
    assert rows[8] == rows[-1] == [""]
    total = textrnn.load(toy_model, engine="torch").score("a").bits
    assert float(rows[9][0]) == pytest.approx(total, abs=1e-3)
    assert "the model's vocabulary lacks" in done.err


def test_json(run: Callable, toy_model: Path) -> None:
    words = ("score", "the cat", "", "a", "--json", "-m", toy_model)
    records = run(*words).records
    expected = textrnn.load(toy_model).score("the cat")
    assert records[0] == {
        "text": "the cat",
        "bits": pytest.approx(expected.bits),
        "bits_per_byte": pytest.approx(expected.bits_per_byte),
        "perplexity": pytest.approx(expected.perplexity),
    }
    assert len(records) == 2
    (tokens,) = (record["tokens"] for record in run(*words, "--per-token").records[1:])
    assert tokens == [["a", pytest.approx(records[1]["bits"])]]


def test_what_does_not_apply(run: Callable, toy_model: Path) -> None:
    done = run("score", "a", "--target", "b", "-m", toy_model)
    assert (done.code, done.err) == (
        2,
        "textrnn: error: --target does not apply to a language model: leave it out\n",
    )
    done = run("score", "-m", toy_model)
    assert done.code == 2
    assert "no text" in done.err
