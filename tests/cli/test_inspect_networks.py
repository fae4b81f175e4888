"""``textrnn inspect gradients`` and ``gates``, option by option."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PNG = b"\x89PNG\r\n\x1a\n"


def test_gradients_of_cells(run: Callable, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "gradients.png"
    done = run("inspect", "gradients", "--output", picture, "--length", "20")
    assert done.lines[0].split() == ["steps", "back", "rnn", "lstm", "gru"]
    assert [line.split()[0] for line in done.lines[1:]] == ["0", "1", "2", "5", "10", "20"]
    assert picture.read_bytes().startswith(PNG)
    words = ("inspect", "gradients", "--cell", "mingru", "--length", "4", "--json")
    (record,) = run(*words).records
    assert (record["name"], len(record["norms"])) == ("mingru", 5)
    assert run(*words, "--seed", "0").records == [record]
    assert run(*words, "--seed", "1").records != [record]


def test_gradients_of_models_beside_cells(run: Callable, toy_model: Path) -> None:
    words = ("inspect", "gradients", "-m", toy_model, "--text", "the cat sat.")
    (head, *_) = run(*words).lines
    assert head.split()[2:] == [str(toy_model)]
    records = run(*words, "--cell", "gru", "--length", "3", "--json").records
    assert [len(record["norms"]) for record in records] == [4, len("the cat sat.") + 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", "stories-en"], "--model needs a text to read: give --text"),
        (["--text", "a"], "--text is read by models: give --model, or leave it out"),
        (["-m", "x", "--text", "a", "--length", "3"], "--length and --seed apply to fresh cells"),
        (["-m", "x", "--text", "a", "--seed", "3"], "--length and --seed apply to fresh cells"),
        (["--cell", "lsmt"], "no cell 'lsmt'"),
        (["-m", "en-de", "--text", "a"], "en-de is a translator, not a language model"),
    ],
)
def test_gradients_refuse_what_does_not_apply(run: Callable, words: list, message: str) -> None:
    done = run("inspect", "gradients", *words)
    assert (done.code, message in done.err) == (2, True)


def test_gates(run: Callable, toy_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "gates.png"
    words = ("inspect", "gates", "the cat", "-m", toy_model)
    done = run(*words, "--output", picture)
    assert len(done.lines) == 1 + len("the cat")
    assert picture.read_bytes().startswith(PNG)
    first, *rest = run(*words, "--json").records
    assert (first["token"], len(rest)) == ("t", 6)
    shown = done.lines[1].split()
    (name, value), *_ = first["layers"][0].items()
    assert done.lines[0].split()[0] == f"1.{name}"
    assert f"{value:.2f}" in shown


def test_gates_are_drawn_in_fonts_that_have_the_tokens(
    run: Callable, toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    asked: list[list[str]] = []
    monkeypatch.setattr("textrnn.cli.inspect.fonts_for", lambda texts: asked.append(texts) or ["?"])
    words = ("inspect", "gates", "a cat", "-m", toy_model, "-o", tmp_path / "gates.png")
    assert run(*words).code == 0
    assert list(*asked) == list("a cat")


def test_gates_of_another_kind_of_model(run: Callable) -> None:
    done = run("inspect", "gates", "the cat", "-m", "en-de")
    assert (done.code, done.out) == (2, "")
    assert "en-de is a translator, not a language model: use textrnn translate" in done.err


@pytest.mark.parametrize(
    "words",
    [("attention", "the cat"), ("gradients",), ("gates", "the cat"), ("saliency", "it is bad")],
    ids=lambda words: words[0],
)
def test_a_picture_of_another_kind_is_refused(run: Callable, tmp_path: Path, words: tuple) -> None:
    done = run("inspect", *words, "--output", tmp_path / "a.pdf")
    assert (done.code, done.out) == (2, "")
    assert "a.pdf: name a file ending in .png" in done.err
    done = run("inspect", *words, "--output", tmp_path / "no" / "a.png", "--quiet")
    assert (done.code, done.out) == (1, "")
    assert "a.png: No such file" in done.err
    assert not any(tmp_path.iterdir())
