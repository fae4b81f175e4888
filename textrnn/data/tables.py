"""Tables of cells: csv and tsv, gzipped or not."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from textrnn.data.records import ending_of, read_text
from textrnn.errors import DataError

__all__ = ["has_cells", "numbered_columns", "read_cells"]


def has_cells(path: Path) -> bool:
    """Whether a table is one of cells, whose columns may have no names."""
    return ending_of(path) in (".tsv", ".csv")


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row's last line and its cells, of a csv or tsv file; none for an empty line.

    Raises:
        DataError: the file cannot be read, or its quotes are not closed.
    """
    lines = read_text(path)
    if ending_of(path) == ".tsv":
        stripped = (line.rstrip("\r\n") for line in lines)
        for number, line in enumerate(stripped, 1):
            yield number, line.split("\t") if line else []
        return
    csv.field_size_limit(1 << 30)  # a review may be longer than what is allowed at first
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num:,}: {error}") from error


def numbered_columns(path: Path, first: Sequence[str], numbers: Sequence[str]) -> list[int]:
    """The places of columns that are given by their numbers, counted from 1.

    Raises:
        DataError: the first row has no such column.
    """
    places = [int(number) - 1 for number in numbers]
    for place in places:
        if not 0 <= place < len(first):
            raise DataError(f"{path} has {len(first)} columns, no number {place + 1}")
    return places
