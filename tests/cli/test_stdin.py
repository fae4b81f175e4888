"""Lines of a pipe, and whether the next one is there."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from typing import Any

import pytest

from textrnn.cli import _stdin
from textrnn.cli._io import read_lines
from textrnn.cli._stdin import StdinLines, StdinTexts, in_lists


@pytest.fixture
def pipe() -> Iterator[Any]:
    """A pipe's end to read, and what writes to it (None: closes it)."""
    read, write = os.pipe()

    def put(data: bytes | None) -> None:
        if data is None:
            os.close(write)
        else:
            os.write(write, data)

    yield read, put
    os.close(read)


def test_lines_are_given_when_they_end(pipe: Any) -> None:
    read, put = pipe
    lines = StdinLines(read)
    assert lines.waits()
    put(b"one\r\n\ntw")
    assert not lines.waits()
    assert [next(lines), next(lines)] == [b"one\r\n", b"\n"]
    assert lines.waits()
    put(b"o\nthree")
    assert next(lines) == b"two\n"
    put(None)
    assert not lines.waits()
    assert list(lines) == [b"three"]
    assert list(lines) == []


def test_a_line_of_many_readings(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stdin, "AT_ONCE", 3)
    read, put = pipe
    put("eine längere Zeile\nkurz\n".encode())
    put(None)
    assert list(read_lines(StdinLines(read), "x")) == ["eine längere Zeile", "kurz"]


def test_lists_end_where_nothing_is_written(pipe: Any) -> None:
    read, put = pipe
    lines = StdinLines(read)
    lists = in_lists(StdinTexts(read_lines(lines, "x"), lines), 3)
    put(b"a\nb\n")
    assert next(lists) == ["a", "b"]
    put(b"c\nd\ne\nf\ng")
    assert [next(lists), next(lists)] == [["c", "d", "e"], ["f"]]
    put(None)
    assert list(lists) == [["g"]]


def test_lists_are_as_long_as_their_work_lets_them_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done is seen within seconds, and Ctrl-C loses no more than that."""
    now = 0.0
    monkeypatch.setattr("textrnn.cli._stdin.time.monotonic", lambda: now)
    sizes = []
    for some in in_lists(iter(["a"] * 2_000), 256):
        sizes.append(len(some))
        now += 0.1 if len(sizes) < 4 else 5.0
    assert sum(sizes) == 2_000
    assert sizes[:7] == [64, 128, 256, 256, 128, 64, 32]


def test_a_system_that_cannot_say_whether_a_pipe_waits(
    pipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("not a socket")

    monkeypatch.setattr(select, "select", refuse)
    assert not StdinLines(pipe[0]).waits()
    pipe[1](None)
