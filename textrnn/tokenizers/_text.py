"""Text that is about to be encoded: as UTF-8, and from files, line by line."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from textrnn.errors import DataError

__all__ = ["decoded_lines", "fold_markup", "fold_spaces", "read_lines", "utf8"]

BETWEEN_WORDS = re.compile("[\\s\\x00-\\x1f\\x7f-\\x9f\\u200b\\ufeff]+")

LINE_BREAKS = re.compile(r"<br\s*/?>", re.IGNORECASE)


def fold_markup(text: str) -> str:
    r"""A text from a web page as one line: HTML's line breaks and white space are single spaces.

    >>> fold_markup("Good.<br /><br />Not\n bad.")
    'Good. Not bad.'
    """
    return fold_spaces(LINE_BREAKS.sub(" ", text))


def fold_spaces(text: str) -> str:
    r"""A text as one line of words with single spaces; control characters count as white space.

    >>> fold_spaces("\ufeff Guten\u00a0 Tag,\x00\tTom!\r\n")
    'Guten Tag, Tom!'
    """
    return BETWEEN_WORDS.sub(" ", text).strip(" ")


def utf8(text: str) -> bytes:
    """``text`` in UTF-8.

    Raises:
        DataError: it has a lone surrogate, which UTF-8 cannot write.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        place, code = error.start + 1, ord(text[error.start])
        raise DataError(
            f"character {place} of the text is a lone surrogate, U+{code:04X}"
        ) from None


def read_lines(files: Sequence[Path]) -> Iterator[str]:
    """The lines of UTF-8 text files (``.gz`` too), each with its newline; only that ends a line.

    Raises:
        DataError: a file is missing, is not UTF-8, or is not gzipped as its name says.
    """
    for path in files:
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                yield from decoded_lines(file, str(path))
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"cannot read {path}: {reason}") from None


def decoded_lines(lines: Iterable[bytes], name: str) -> Iterator[str]:
    r"""Lines of bytes as text, unaltered.

    Raises:
        DataError: one is not UTF-8.

    >>> list(decoded_lines([b"one\r\n", b"two"], "numbers.txt"))
    ['one\r\n', 'two']
    """
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise DataError(f"{name}, line {number}: not UTF-8; convert it first") from None
