"""``textrnn score``, option by option, on the toy model."""

from __future__ import annotations

import csv
import io
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


def table(text: str) -> list[dict[str, str]]:
    """The rows, read as a spreadsheet reads them."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def test_per_token(run: Callable, toy_model: Path) -> None:
    """Text and position count from 1; an empty text has no row."""
    words = ("score", "the\tcat#", "", "a", "--per-token", "--engine", "torch", "-m", toy_model)
    done = run(*words)
    rows = table(done.out)
    assert list(rows[0]) == ["text", "position", "token", "bits", "cumulative_bits"]
    pieces = ["t", "h", "e", "<unk>", "c", "a", "t", "<unk>"]
    assert [row["token"] for row in rows] == [*pieces, "a"]
    places = [("1", str(place)) for place in range(1, 9)]
    assert [(row["text"], row["position"]) for row in rows] == [*places, ("3", "1")]
    total = textrnn.load(toy_model, engine="torch").score("the\tcat#").bits
    assert sum(float(row["bits"]) for row in rows[:8]) == pytest.approx(total, abs=1e-4)
    assert float(rows[7]["cumulative_bits"]) == pytest.approx(total, abs=1e-4)
    assert "the model's vocabulary lacks" in done.err


def test_per_word(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    """The words of the text, a quote among them, with the bits of the characters before them."""
    text, output = ' the "cat  sat. ', tmp_path / "words.tsv"
    run("score", text, "a", "--per-word", "-m", toy_model, "--output", output)
    rows = table(output.read_text())
    assert [row["word"] for row in rows] == ["the", '"cat', "sat.", "a"]
    tokens = [token.bits for token in textrnn.load(toy_model).score(text).tokens]
    expected = [sum(tokens[:4]), sum(tokens[4:9]), sum(tokens[9:])]
    assert [float(row["bits"]) for row in rows[:3]] == pytest.approx(expected, abs=1e-4)


def test_the_tables_are_read_by_pandas(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    output = tmp_path / "words.tsv"
    run("score", 'a "b" NA', "x", "--per-word", "-m", toy_model, "--output", output)
    frame = pandas.read_table(output, keep_default_na=False)
    assert frame["word"].tolist() == ["a", '"b"', "NA", "x"]
    assert frame["text"].tolist() == [1, 1, 1, 2]
    assert frame["bits"].dtype == frame["cumulative_bits"].dtype == "float64"


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
    assert len(records) == 3
    assert records[1] == {"text": "", "bits": None, "bits_per_byte": None, "perplexity": None}
    (tokens,) = (record["tokens"] for record in run(*words, "--per-token").records[2:])
    assert tokens == [["a", pytest.approx(records[2]["bits"])]]
    (found,) = (record["words"] for record in run(*words, "--per-word").records[:1])
    assert [word for word, _ in found] == ["the", "cat"]
    assert sum(bits for _, bits in found) == pytest.approx(expected.bits)


def test_what_does_not_apply(run: Callable, toy_model: Path) -> None:
    done = run("score", "a", "--target", "b", "-m", toy_model)
    assert (done.code, done.err) == (
        2,
        "textrnn: error: --target does not apply to a language model: leave it out\n",
    )
    done = run("score", "a", "--per-word", "--per-token", "-m", toy_model)
    assert (done.code, done.err) == (
        2,
        "textrnn: error: --per-token and --per-word were given: give one of the two\n",
    )
    done = run("score", "-m", toy_model)
    assert done.code == 2
    assert "no text" in done.err
