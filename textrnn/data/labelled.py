"""Where labelled texts come from: tables, lines of label and text, a folder a class, the hub."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from textrnn.config import DataSettings, LabelledDataSettings, SetSettings
from textrnn.data.sources import (
    SPLIT_NAMES,
    TABLES,
    HubText,
    ending_of,
    is_table,
    open_source,
    read_hub,
    read_rows,
    read_text,
)
from textrnn.errors import DataError, did_you_mean

__all__ = [
    "ClassFolders",
    "HubLabelled",
    "LabelledLines",
    "LabelledSource",
    "LabelledTable",
    "Row",
    "open_labelled",
]

FASTTEXT = "__label__"


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
    """Two columns of a table: csv, tsv, jsonl or parquet, gzipped or not.

    Args:
        path: the file.
        texts: names that the text's column may have; or its number, counted from 1, where the
            table has no header.
        label: the label's column.
    """

    path: Path
    texts: tuple[str, ...]
    label: str

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return self.path.name

    def rows(self) -> Iterator[Row]:
        """The rows.

        Raises:
            DataError: the file cannot be read, has no such columns, or a row is too short.
        """
        if ending_of(self.path) in (".tsv", ".csv"):
            return self._of_cells()
        return _of_records(self._records(), self.texts, self.label)

    def _of_cells(self) -> Iterator[Row]:
        cells = self._cells()
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

    def _numbers(self, first: Sequence[str]) -> tuple[int, int] | None:
        """The places of text and label, where they are given by number."""
        if not (self.label.isdecimal() and all(text.isdecimal() for text in self.texts)):
            return None
        places = int(self.texts[0]) - 1, int(self.label) - 1
        for place in places:
            if not 0 <= place < len(first):
                raise DataError(f"{self.path} has {len(first)} columns, no number {place + 1}")
        return places

    def _row(self, number: int, row: Sequence[str], places: tuple[int, int]) -> Row:
        where = f"{self.path}, line {number:,}"
        if len(row) <= max(places):
            raise DataError(f"{where}: {len(row)} columns, no number {max(places) + 1}")
        return Row(where, row[places[0]], row[places[1]])

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        """Each row's last line and its cells; none for an empty line."""
        lines = (line.removeprefix("\ufeff") for line in read_text(self.path))
        if ending_of(self.path) == ".tsv":
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
            raise DataError(f"{self.path}, line {reader.line_num:,}: {error}") from error

    def _records(self) -> Iterator[tuple[str, Any]]:
        if ending_of(self.path) != ".jsonl":
            rows = read_rows(self.path, TABLES[ending_of(self.path)])
            for number, row in enumerate(rows, 1):
                yield f"{self.path}, row {number:,}", row
            return
        for number, line in enumerate(read_text(self.path), 1):
            if line.strip():
                where = f"{self.path}, line {number:,}"
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{where} is not JSON: {error}") from error
                if not isinstance(record, dict):
                    raise DataError(f"{where} is no object with a text and a label")
                yield where, record


@dataclass(frozen=True)
class LabelledLines:
    """Lines of a label, white space, and a text, as TREC's; fastText's ``__label__`` is cut off."""

    path: Path

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return self.path.name

    def rows(self) -> Iterator[Row]:
        """The rows; blank lines are none."""
        for number, line in enumerate(read_text(self.path), 1):
            if line.strip():
                label, *text = line.split(maxsplit=1)
                where = f"{self.path}, line {number:,}"
                yield Row(where, text[0] if text else "", label.removeprefix(FASTTEXT))


@dataclass(frozen=True)
class ClassFolders:
    """A folder with a folder for each class, and in it a file for each text (aclImdb).

    Args:
        path: the folder.
        wanted: the classes; empty: all that there are.
    """

    path: Path
    wanted: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return f"{self.path.name}/"

    def rows(self) -> Iterator[Row]:
        """The rows, class after class.

        Raises:
            DataError: a wanted class has no folder, or a file cannot be read.
        """
        there = sorted(inner.name for inner in self.path.iterdir() if _is_class(inner))
        for name in self.wanted:
            if name not in there:
                hint = did_you_mean(name, there)
                raise DataError(f"{self.path} has no folder {name!r}: {', '.join(there)}{hint}")
        for name in self.wanted or there:
            for file in sorted((self.path / name).iterdir()):
                if file.is_file() and file.name[0] != ".":
                    yield Row(str(file), "".join(read_text(file)), name)


@dataclass(frozen=True)
class HubLabelled:
    """Two columns of a split of a set on the hub, streamed."""

    path: str
    split: str
    texts: tuple[str, ...]
    label: str
    name_of_set: str | None = None
    revision: str | None = None

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        configuration = f" ({self.name_of_set})" if self.name_of_set else ""
        return f"{self.path}{configuration}, split {self.split}"

    def rows(self) -> Iterator[Row]:
        """The rows."""
        rows = read_hub(self.path, self.split, self.name_of_set, self.revision)
        numbered = ((f"{self.name}, row {n:,}", row) for n, row in enumerate(rows, 1))
        return _of_records(numbered, self.texts, self.label)


@dataclass(frozen=True)
class LabelledSource:
    """Labelled texts, part after part."""

    parts: tuple[LabelledTable | LabelledLines | ClassFolders | HubLabelled, ...]

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return ", ".join(part.name for part in self.parts)

    def rows(self) -> Iterator[Row]:
        """All rows.

        Raises:
            DataError: a part cannot be read, or has no such columns.
        """
        for part in self.parts:
            yield from part.rows()


def open_labelled(
    data: LabelledDataSettings,
    split: Literal["train", "valid", "test"],
    classes: tuple[str, ...] = (),
) -> LabelledSource | None:
    """The texts of one split, or None where the settings name none.

    Args:
        data: the settings.
        split: which.
        classes: of a folder a class, those to read; empty: all.

    Raises:
        DataError: a local file is missing, or the path is neither a folder here nor a hub id.
    """
    named = getattr(data, split)
    if named is None:
        return None
    folder = Path(data.path).expanduser() if data.path is not None else Path()
    parts: list[LabelledTable | LabelledLines | ClassFolders | HubLabelled] = []
    for name in (named,) if isinstance(named, str) else named:
        inside = _class_folder(folder, name, split)
        if inside is not None:
            parts.append(ClassFolders(inside, classes))
            continue
        where = SetSettings(path=data.path, name=data.name, revision=data.revision)
        named_here = DataSettings.model_validate(where.model_dump() | {split: name})
        found = open_source(named_here, split)
        if isinstance(found, HubText):
            hub = (found.path, name, data.texts(), data.label, data.name, data.revision)
            parts.append(HubLabelled(*hub))
            continue
        assert found is not None  # the split is named
        parts += [
            LabelledTable(path, data.texts(), data.label) if is_table(path) else LabelledLines(path)
            for path in found.paths
        ]
    return LabelledSource(tuple(parts))


def _class_folder(folder: Path, name: str, split: str) -> Path | None:
    """The folder of that name that has folders in it, if there is one."""
    aliases = SPLIT_NAMES["valid"] if split == "valid" and name in SPLIT_NAMES["valid"] else (name,)
    for alias in aliases:
        path = (folder / alias).expanduser()
        if path.is_dir() and any(map(_is_class, path.iterdir())):
            return path
    return None


def _is_class(path: Path) -> bool:
    return path.is_dir() and path.name[0] != "."


def _of_records(rows: Iterator[tuple[str, Any]], texts: Sequence[str], label: str) -> Iterator[Row]:
    for where, record in rows:
        text, column = _places(list(record), texts, label, where)
        names = list(record)
        value = record[names[text]]
        yield Row(where, "" if value is None else str(value), record[names[column]])


def _places(header: Sequence[str], texts: Sequence[str], label: str, where: str) -> tuple[int, int]:
    """Where text and label stand among the columns."""
    names = list(header)
    found = [name for name in texts if name in names]
    for option, given, there in (("text", texts[0], bool(found)), ("label", label, label in names)):
        if not there:
            listed = ", ".join(repr(name[:40]) for name in names[:8])
            raise DataError(
                f"{where} has no column {given!r} among {listed}{did_you_mean(given, names)}: set "
                f"data.{option} to one of them, or to a column's number where there is no header"
            )
    return names.index(found[0]), names.index(label)
