"""Texts in, results out: arguments, files and pipes, one line in, one line out."""

from __future__ import annotations

import errno
import gzip
import json
import math
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from textrnn.cli._errors import warn
from textrnn.cli._stdin import StdinLines, StdinTexts
from textrnn.errors import DataError, UsageError

__all__ = [
    "aligned",
    "figure",
    "in_colour",
    "json_line",
    "one_line",
    "open_output",
    "open_stdout",
    "read_book",
    "read_lines",
    "read_texts",
]

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def read_texts(texts: Sequence[str], source: Path | None) -> Iterator[str]:
    """The texts a command works on: its arguments, the lines of a file, or those of stdin.

    Args:
        texts: the arguments; a single ``-`` stands for stdin.
        source: the file given with ``--input``, gzipped or not; ``-`` stands for stdin.

    Raises:
        UsageError: both were given, or neither and stdin is a terminal.
        DataError: a text is not UTF-8.
    """
    if texts and source is not None:
        raise UsageError("a text and --input were given: give one of the two")
    if texts and list(texts) != ["-"]:
        return iter([_checked(text) for text in texts])
    if source is not None and str(source) != "-":
        return _lines_of(source)
    if sys.stdin is None or (not texts and source is None and sys.stdin.isatty()):
        raise UsageError("no text: give it as an argument, with --input FILE, or on stdin")
    try:
        lines = StdinLines(sys.stdin.buffer.fileno())
    except OSError:  # it is no file of the system's, but one that a program made
        return read_lines(sys.stdin.buffer, "<stdin>")
    return StdinTexts(read_lines(lines, "<stdin>"), lines)


def _checked(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"the argument {text!r} is not UTF-8: {error.reason}") from error
    return text


def _lines_of(path: Path) -> Iterator[str]:
    with _open(path) as stream:
        yield from read_lines(stream, str(path))


def read_book(path: Path) -> str:
    """A whole text in a file, or on stdin where the path is ``-``.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    if str(path) == "-":
        return _decoded(sys.stdin.buffer.read(), "<stdin>")
    with _open(path) as stream:
        return _decoded(stream.read(), str(path)).removeprefix("\ufeff")


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """A file as bytes, those of a gzipped one unpacked."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield cast(BinaryIO, stream)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {reason}") from error


def read_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    r"""The lines of a UTF-8 stream as they come, without their line ends.

    Raises:
        DataError: the stream is not UTF-8; the message has the byte's offset.

    >>> import io
    >>> list(read_lines(io.BytesIO("eins\r\n\nzwölf".encode()), "numbers.txt"))
    ['eins', '', 'zwölf']
    >>> list(read_lines(io.BytesIO(b"one\ntw\xff"), "numbers.txt"))
    Traceback (most recent call last):
    textrnn.errors.DataError: numbers.txt is not UTF-8: byte 0xff at offset 6; convert it first
    """
    offset = 0
    for line in stream:
        text = _decoded(line, name, offset).removesuffix("\n").removesuffix("\r")
        yield text.removeprefix("\ufeff") if offset == 0 else text
        offset += len(line)


def _decoded(data: bytes, name: str, offset: int = 0) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = offset + error.start
        raise DataError(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {at}; convert it first"
        ) from error


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Where results go: stdout, or a file that is written atomically.

    An error leaves the old file as it was; an interruption keeps what has been written.

    Raises:
        DataError: the file cannot be written.
    """
    if path is None or str(path) == "-":
        with open_stdout("give --output FILE") as out:
            yield out
    elif path.exists() and not path.is_file():  # /dev/null, a named pipe
        with _full_disk_names(path), _create(path, "w", path) as stream:
            yield stream
    else:
        with _full_disk_names(path), _replacing(path.resolve()) as stream:
            yield stream


@contextmanager
def open_stdout(advice: str = "write to a file by > FILE") -> Iterator[TextIO]:
    """Where the results of a command go that has no file for them.

    Args:
        advice: what to do where stdout is closed.

    Raises:
        DataError: it was closed before the command began.
    """
    if sys.stdout is None:
        raise DataError(f"stdout is closed: {advice}")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", newline="\n")
    yield sys.stdout
    sys.stdout.flush()


@contextmanager
def _full_disk_names(path: Path) -> Iterator[None]:
    """Let the error of a full disk say which file was being written."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:
            raise DataError(f"cannot write {path}: {error.strerror}") from error
        raise


def _create(path: Path, mode: str, asked: Path) -> TextIO:
    try:
        return cast(TextIO, path.open(mode, encoding="utf-8", newline="\n"))
    except OSError as error:
        raise DataError(f"cannot write {asked}: {error.strerror}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    sibling = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    stream = _create(sibling, "x", path)
    try:
        with stream:
            yield stream
    except KeyboardInterrupt:
        if sibling.stat().st_size:
            warn(f"interrupted: {path} holds what was done until then")
            _rename(sibling, path)
        else:
            warn(f"interrupted: nothing was done yet, so {path} is not written")
            sibling.unlink()
        raise
    except BaseException:
        sibling.unlink()
        raise
    _rename(sibling, path)


def _rename(sibling: Path, path: Path) -> None:
    if path.exists():
        shutil.copymode(path, sibling)
    os.replace(sibling, path)


def in_colour(out: TextIO) -> bool:
    """Whether what is written may have colours: a terminal where nobody said otherwise.

    See https://no-color.org.
    """
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, their columns one below the other.

    >>> aligned([["lm_stories", "stories"], ["lm", "characters"]])
    ['lm_stories  stories', 'lm          characters']
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def figure(value: Any) -> str:
    """A value as a person reads it: thousands apart, four digits of a fraction.

    >>> [figure(value) for value in (1234567, 3.14159, 12345.6, "lstm")]
    ['1,234,567', '3.142', '12,346', 'lstm']
    """
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def one_line(text: str) -> str:
    r"""A text on one line: its line breaks as they are written in JSON.

    >>> print(one_line("one\ntwo"))
    one\ntwo
    """
    return text.replace("\r", "\\r").replace("\n", "\\n")


def json_line(record: Any) -> str:
    """One line of JSON; a number that is not finite becomes null, as JSON has none.

    >>> json_line({"text": "für", "bits": [1.5, float("inf")]})
    '{"text": "für", "bits": [1.5, null]}'
    """
    return json.dumps(_finite(record), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
