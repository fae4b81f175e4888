"""Labelled texts in tables: csv, tsv, jsonl and parquet, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from textrnn.data.records import read_records, text_of
from textrnn.data.tables import has_cells, numbered_columns, read_cells
from textrnn.errors import DataError, did_you_mean

__all__ = ["LabelledTable", "Row", "rows_of_records"]


Places = tuple[int, int | None]
"""Of the text's column, and of the label's."""


class Row(NamedTuple):
    """A labelled text as it was found.

    Args:
        place: its file and line, or its number in a set.
        text: as it is there.
        label: a cell: text, a number, or a list of them; None where there is none.
    """

    place: str
    text: str
    label: Any


@dataclass(frozen=True)
class LabelledTable:
    """Columns of a table: csv, tsv, jsonl or parquet, gzipped or not.

    Args:
        path: the file.
        texts: names that the text's column may have; or its number, counted from 1, where the
            table has no header.
        label: the label's column; None: there is none.
    """

    path: Path
    texts: tuple[str, ...]
    label: str | None

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return self.path.name

    def rows(self) -> Iterator[Row]:
        """The rows.

        Raises:
            DataError: the file cannot be read, has no such columns, or a row is too short.
        """
        if has_cells(self.path):
            return self._of_cells()
        return rows_of_records(read_records(self.path), self.texts, self.label)

    def _of_cells(self) -> Iterator[Row]:
        cells = read_cells(self.path)
        first = next(cells, None)
        if first is None:
            return
        number, header = first
        places = self._numbers(header)
        if places is None:
            places = _places(header, self.texts, self.label, str(self.path))
        else:
            yield self._row(number, header, places)
        for number, row in cells:
            if row:
                yield self._row(number, row, places)

    def _numbers(self, first: Sequence[str]) -> Places | None:
        """The places of text and label, where they are given by number."""
        given = self.texts[:1] if self.label is None else (self.texts[0], self.label)
        if not all(name.isdecimal() for name in {*self.texts, *given}):
            return None
        text, *label = numbered_columns(self.path, first, given)
        return text, label[0] if label else None

    def _row(self, number: int, row: Sequence[str], places: Places) -> Row:
        where = f"{self.path}, line {number:,}"
        text, label = places
        last = max(text, label or 0)
        if len(row) <= last:
            raise DataError(f"{where}: {len(row)} columns, no number {last + 1}")
        return Row(where, row[text], None if label is None else row[label])


def rows_of_records(
    rows: Iterator[tuple[str, Any]], texts: Sequence[str], label: str | None
) -> Iterator[Row]:
    """The text and the label of each record; before a record stands its place, in words.

    Raises:
        DataError: one has no such columns, or something else than text.
    """
    for where, record in rows:
        if not isinstance(record, dict):
            raise DataError(f"{where} is no object with a text and a label")
        text, column = _places(list(record), texts, label, where)
        names = list(record)
        value = text_of(record[names[text]], where, str(names[text]))
        of = None if column is None else record[names[column]]
        yield Row(where, value, of)


def _places(header: Sequence[str], texts: Sequence[str], label: str | None, where: str) -> Places:
    """Where text and label stand among the columns."""
    names = list(header)
    found = [name for name in texts if name in names]
    for option, flag, given, there in (
        ("text", "--column", texts[0], bool(found)),
        ("label", "--label", label, label is None or label in names),
    ):
        if given is not None and not there:
            listed = ", ".join(repr(name[:40]) for name in names[:8])
            raise DataError(
                f"{where} has no column {given!r} among {listed}: name the {option}'s "
                f"(data.{option} in a recipe, {flag} in a command), by its number where there is "
                f"no header{did_you_mean(given, names)}"
            )
    return names.index(found[0]), None if label is None else names.index(label)
