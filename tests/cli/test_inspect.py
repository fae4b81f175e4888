"""``textrnn inspect attention``: blocks, a PNG, JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from textrnn.cli._attention import block_lines, draw_attention
from textrnn.models import AttentionMap


def test_blocks_show_which_words_belong_together(
    run: Callable, toy_translator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ("inspect", "attention", "-m", toy_translator, "the cat ran")
    done = run(*words, "lief Kater der")
    header, *rows = done.lines
    assert header.split() == ["the", "cat", "ran"]
    assert [row.split()[0] for row in rows] == ["lief", "Kater", "der"]
    assert rows[0].index("█") > rows[2].index("█")
    assert run(*words).lines[0] == header
    monkeypatch.setenv("COLUMNS", "12")
    narrow = run(*words, "lief Kater der").lines
    assert narrow[0].split() == ["1", "2", "3"]
    assert narrow[-1] == "1 the  2 cat  3 ran"


def test_json(run: Callable, toy_translator: Path) -> None:
    words = ("inspect", "attention", "-m", toy_translator, "--engine", "torch", "--json")
    (record,) = run(*words, "the cat", "Kater der").records
    assert record["source_words"] == ["the", "cat"]
    assert record["target_words"] == ["Kater", "der"]
    assert np.shape(record["weights"]) == (2, 2)
    assert all(0 <= weight <= 1 for row in record["weights"] for weight in row)


def test_a_png(run: Callable, toy_translator: Path, tmp_path: Path) -> None:
    picture = tmp_path / "attention.png"
    done = run("inspect", "attention", "-m", toy_translator, "the cat", "-o", picture)
    assert (done.code, done.err) == (0, "")
    assert picture.read_bytes().startswith(b"\x89PNG")


def seen(source: tuple[str, ...], target: tuple[str, ...]) -> AttentionMap:
    return AttentionMap(source, target, np.eye(len(target), len(source), dtype=np.float32))


def test_characters_without_a_font_are_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("textrnn.cli._fonts.FONTS", ("No Such Font", "DejaVu Sans Mono"))
    monkeypatch.setattr("textrnn.cli._fonts.warn", said.append)
    draw_attention(seen(("a", "$b$"), ("東京",)), tmp_path / "a.png")
    assert said == [
        "no font here has '京東': boxes stand for it (install a font such as No Such Font)"
    ]
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_wide_characters_take_two_columns() -> None:
    lines = list(block_lines(seen(("東京", "a"), ("x", "東")), 80))
    assert lines == ["   東京 a", "x  ████", "東      ██"]


def test_without_matplotlib(
    run: Callable, toy_translator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run("inspect", "attention", "-m", toy_translator, "the cat", "-o", tmp_path / "a.png")
    assert (done.code, done.err) == (
        1,
        "textrnn: error: the attention's picture needs matplotlib: pip install 'textrnn[plot]'\n",
    )


def test_an_empty_sentence(run: Callable, toy_translator: Path) -> None:
    done = run("inspect", "attention", "-m", toy_translator, "the cat", "")
    assert (done.code, done.out) == (2, "")
    assert "the source or the target is empty: give a sentence" in done.err
