"""Files as they are read: lines of text, and the records of tables."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

from textrnn.errors import DataError

__all__ = ["TABLES", "ending_of", "is_table", "read_records", "read_rows", "read_text", "text_of"]

TABLES = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".parquet": "parquet"}


def is_table(path: Path) -> bool:
    """Whether a file's text stands in a column of a table.

    >>> is_table(Path("reviews.tsv.gz")), is_table(Path("book.txt"))
    (True, False)
    """
    return ending_of(path) in TABLES


def ending_of(path: Path) -> str:
    """The ending that tells what a file is, ``.gz`` aside."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def read_text(path: Path) -> Iterator[str]:
    """The lines of a text file, decoded strictly; a BOM is no text, and each line ends with LF."""
    offset = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                text = line.decode("utf-8")
                if text.endswith("\r\n"):  # as Windows writes it
                    text = text.removesuffix("\r\n") + "\n"
                yield text if offset else text.removeprefix("\ufeff")
                offset += len(line)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8: byte {offset + error.start} cannot be decoded; convert the file "
            "first (for example: iconv -f latin1 -t utf-8)"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def read_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Each record of a jsonl or parquet file; before it stands its place, in words.

    Raises:
        DataError: the file cannot be read, or a line is not JSON.
    """
    if ending_of(path) != ".jsonl":
        for number, row in enumerate(read_rows(path, TABLES[ending_of(path)]), 1):
            yield f"{path}, row {number:,}", row
        return
    for number, line in enumerate(read_text(path), 1):
        if line.strip():
            where = f"{path}, line {number:,}"
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{where} is not JSON: {error}") from error
            yield where, record


def read_rows(path: Path, kind: str, **options: Any) -> Iterator[Any]:
    """The rows of a local table, by the reader of that kind in ``datasets``.

    Raises:
        DataError: the file is damaged, or not of that kind.
    """
    from datasets import load_dataset

    try:
        yield from load_dataset(
            kind, data_files=str(path), split="train", streaming=True, **options
        )
    except (OSError, ValueError) as error:  # pandas and pyarrow raise kinds of ValueError
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def text_of(value: object, where: str, column: str) -> str:
    """The text of a record's column; an empty one where there is none.

    Raises:
        DataError: it is something else, or UTF-8 cannot write it.
    """
    if value is not None and not isinstance(value, str):
        given = shorten(repr(value), 60)
        raise DataError(f"{where}: {column} is {given}, not a text: put it in quotes if it is one")
    try:
        (value or "").encode("utf-8")
    except UnicodeEncodeError as error:  # JSON may spell half of a character, as \\ud800
        place, code = error.start + 1, ord(error.object[error.start])
        raise DataError(
            f"{where}: character {place} of {column} is a lone surrogate, U+{code:04X}"
        ) from error
    return value or ""
