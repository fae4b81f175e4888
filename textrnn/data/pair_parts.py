"""Sentence pairs of one kind each: two aligned files, a table, a split of a set on the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from textrnn.data.hub import hub_name, read_hub
from textrnn.data.records import read_records, read_text, text_of
from textrnn.data.tables import has_cells, numbered_columns, read_cells
from textrnn.errors import DataError

__all__ = ["ANY_NAMES", "AlignedFiles", "HubPairs", "Pair", "PairTable"]

ANY_NAMES = ("source", "target")  # of the columns, where they are not called by their languages
_OPTIONS = "(data.source and data.target in a recipe, --source and --target in a command)"
Pair = tuple[str, str]


@dataclass(frozen=True)
class AlignedFiles:
    """Two text files: a line of the one is translated by the line of that number in the other."""

    source: Path
    target: Path

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return f"{self.source.name} / {self.target.name}"

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return self.source, self.target

    def remark(self) -> str | None:
        """There is nothing to say."""
        return None

    def pairs(self) -> Iterator[Pair]:
        """The pairs, without their line ends.

        Raises:
            DataError: a file cannot be read, is not UTF-8, or ends before the other.
        """
        lines = zip_longest(read_text(self.source), read_text(self.target))
        for number, (source, target) in enumerate(lines, 1):
            if source is None or target is None:
                short, long = self.paths if source is None else self.paths[::-1]
                raise DataError(
                    f"{short} ends after {number - 1:,} lines, but {long} goes on at line "
                    f"{number:,}: the two files must be aligned line by line"
                )
            yield source.rstrip("\r\n"), target.rstrip("\r\n")


@dataclass(frozen=True)
class PairTable:
    """Two columns of a table: tsv, csv, jsonl or parquet.

    Args:
        path: the file.
        source: the source's column: its name, or its number, counted from 1, where the table has no
            header.
        target: the target's.
    """

    path: Path
    source: str
    target: str

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return self.path.name

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def remark(self) -> str | None:
        """That a table without a header was taken as source and target, where it was."""
        if not has_cells(self.path) or self.source.isdecimal():
            return None
        _, first = next(read_cells(self.path), (0, []))
        if _header(self.path, first, (self.source, self.target)) is not None:
            return None
        return (
            f"{self.path} names no columns {self.source!r} and {self.target!r} in its first line: "
            "its two columns are taken as source and target"
        )

    def pairs(self) -> Iterator[Pair]:
        """The pairs.

        Raises:
            DataError: the file cannot be read, or has no such columns, or a row has not as many
                as the first.
        """
        if has_cells(self.path):
            return self._of_cells()
        records = (record for _, record in read_records(self.path))
        return _of_records(records, (self.source, self.target), str(self.path))

    def _of_cells(self) -> Iterator[Pair]:
        cells = (row for _, row in read_cells(self.path))
        wanted = self.source, self.target
        first = next(cells, None)
        if first is None:
            return
        if self.source.isdecimal() and self.target.isdecimal():
            header = False
            source, target = numbered_columns(self.path, first, wanted)
        else:
            named = _header(self.path, first, wanted)
            header, (source, target) = named is not None, named or (0, 1)
        for number, row in enumerate(cells if header else _again(first, cells), 1 + header):
            if row and len(row) != len(first):
                raise DataError(
                    f"{self.path}, row {number:,}: {len(row)} columns, where the first row has "
                    f"{len(first)}"
                )
            yield (row[source], row[target]) if row else ("", "")


@dataclass(frozen=True)
class HubPairs:
    """Two columns of a split of a set on the hub, streamed; or two keys of its ``translation``."""

    path: str
    split: str
    source: str
    target: str
    name_of_set: str | None = None
    revision: str | None = None

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return hub_name(self.path, self.split, self.name_of_set)

    @property
    def paths(self) -> tuple[Path, ...]:
        """There are none here."""
        return ()

    def remark(self) -> str | None:
        """There is nothing to say."""
        return None

    def pairs(self) -> Iterator[Pair]:
        """The pairs."""
        rows = read_hub(self.path, self.split, self.name_of_set, self.revision)
        return _of_records(rows, (self.source, self.target), self.path)


def _again(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _header(path: Path, first: Sequence[str], wanted: tuple[str, str]) -> tuple[int, int] | None:
    """The columns' places, or None where a table of two columns has no header.

    Raises:
        DataError: there are no such columns, and it is not clear which ones are meant.
    """
    names = [name.strip() for name in first]
    for source, target in (wanted, ANY_NAMES):
        if source in names and target in names:
            return names.index(source), names.index(target)
    if len(names) == 2 and not set(names) & {*wanted, *ANY_NAMES}:
        return None
    raise DataError(
        f"{path} has no columns {wanted[0]!r} and {wanted[1]!r}: its first row is "
        f"{', '.join(map(repr, names))}; name two of them {_OPTIONS}, or give two numbers, counted "
        "from 1, if it is no header"
    )


def _of_records(records: Iterator[Any], wanted: tuple[str, str], where: str) -> Iterator[Pair]:
    """The two texts of each record, which may lie in its ``translation``."""
    for number, record in enumerate(records, 1):
        inner = record.get("translation", record) if isinstance(record, Mapping) else record
        if not isinstance(inner, Mapping):
            raise DataError(f"{where}, row {number:,} is not an object with two texts")
        names = wanted if any(name in inner for name in wanted) else ANY_NAMES
        for name, asked in zip(names, wanted, strict=True):
            if name not in inner:
                raise DataError(
                    f"{where}, row {number:,} has no {asked!r}: name two of "
                    f"{', '.join(map(str, inner))} {_OPTIONS}"
                )
        source, target = (text_of(inner[name], f"{where}, row {number:,}", name) for name in names)
        yield source, target
