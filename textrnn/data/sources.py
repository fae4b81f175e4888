"""Where text comes from: local files, folders of them, or a set on the Hugging Face hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from textrnn.config import DataSettings, SetSettings
from textrnn.data.hub import hub_name, read_hub
from textrnn.data.records import TABLES, ending_of, read_records, read_rows, read_text, text_of
from textrnn.errors import DataError, UsageError

__all__ = [
    "SPLIT_NAMES",
    "HubText",
    "LocalText",
    "TextSource",
    "end_lines",
    "files_near",
    "find_text",
    "is_hub_set",
    "open_source",
]

Documents = Literal["file", "blank_line", "line", "row"]
"""Where a document ends: with a file, a row of a table here or a hub set's split; at blank lines;
with each line; with each row of a table or of a hub set, whose rows else are lines."""
TEXTS = ("", ".txt", ".text", ".tokens")
FILES = (*TABLES, ".json", ".txt")
"""Endings of what is meant as a file here, where nothing of that name is: no hub id ends so."""
SPLIT_NAMES = {"valid": ("valid", "validation", "dev", "val")}


@dataclass(frozen=True)
class LocalText:
    """Text in local files; the network is never asked.

    Args:
        paths: plain text, csv, tsv, jsonl or parquet, each of them gzipped or not.
        column: the text's column in a table.
    """

    paths: tuple[Path, ...]
    column: str = "text"

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return ", ".join(path.name for path in self.paths)

    def fingerprint(self) -> str:
        """Changes when a file does: paths, sizes and times of change."""
        stats = [
            (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.paths
        ]
        return repr((stats, self.column))

    def documents(self, kind: Documents = "file") -> Iterator[Iterable[str]]:
        """The documents, each as its lines, newlines kept.

        Raises:
            UsageError: rows were asked for, and a file is no table.
        """
        for path in self.paths:
            table = TABLES.get(ending_of(path))
            if table is not None:
                rows = _read_table(path, table, self.column)
                yield from _of_rows(rows, "row" if kind == "file" else kind)
            elif kind == "row":
                raise UsageError(
                    f"data.documents is row, but {path} is no table: give file, blank_line or line"
                )
            else:
                yield from _split(read_text(path), kind)


@dataclass(frozen=True)
class HubText:
    """A split of a set on the hub, streamed.

    Args:
        path: the hub id, ORG/NAME.
        split: the split's name.
        name: the set's configuration, where it has several.
        revision: a branch, a tag or a commit.
        column: the text's column.
    """

    path: str
    split: str
    name_of_set: str | None = None
    revision: str | None = None
    column: str = "text"

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return hub_name(self.path, self.split, self.name_of_set)

    def fingerprint(self) -> str:
        """Names what is read; the hub's revision stands for its content."""
        return repr((self.path, self.split, self.name_of_set, self.revision, self.column))

    def documents(self, kind: Documents = "file") -> Iterator[Iterable[str]]:
        """The documents, each as its lines, newlines kept."""
        yield from _of_rows(self._rows(), kind)

    def _rows(self) -> Iterator[str]:
        rows = read_hub(self.path, self.split, self.name_of_set, self.revision)
        numbered = ((f"{self.path}, row {n:,}", row) for n, row in enumerate(rows, 1))
        yield from _column(numbered, self.column)


TextSource = LocalText | HubText


def open_source(data: DataSettings, split: Literal["train", "valid", "test"]) -> TextSource | None:
    """The text of one split, or None where the settings name none.

    Raises:
        DataError: a local file is missing, or the path is neither a folder here nor a hub id.
    """
    named = getattr(data, split)
    return None if named is None else find_text(data, named, split, data.column)


def find_text(data: SetSettings, named: str | Sequence[str], split: str, column: str) -> TextSource:
    """The text of files, or of a split on the hub, that ``data.SPLIT`` names; its ``column``.

    Raises:
        DataError: as :func:`open_source`.
    """
    names = (named,) if isinstance(named, str) else tuple(named)
    if data.path is not None and is_hub_set(data.path, split, names):
        return HubText(data.path, names[0], data.name, data.revision, column)
    folder = Path(data.path) if data.path is not None else Path()
    return LocalText(tuple(file for name in names for file in _find(folder, name, split)), column)


def is_hub_set(path: str, split: str, names: Sequence[str]) -> bool:
    """Whether ``data.path`` is a set on the hub: what exists here is never looked for there.

    Raises:
        DataError: it is neither, or several names stand for one split of it.
    """
    if Path(path).expanduser().exists():
        return False
    if ending_of(Path(path)) in FILES:
        raise DataError(f"{path}: no such file")
    if path.count("/") != 1 or path.startswith((".", "/", "~")):
        raise DataError(f"data.path {path!r} is neither a folder here nor a hub id (ORG/NAME)")
    if len(names) > 1:
        raise DataError(f"data.{split}: a hub set has one split for each of train, valid and test")
    return True


def _find(folder: Path, name: str, split: str) -> list[Path]:
    """The file that ``name`` means: itself, with an ending, or by another name of its split."""
    aliases = SPLIT_NAMES["valid"] if split == "valid" and name in SPLIT_NAMES["valid"] else (name,)
    endings = [text + packed for text in (*TEXTS, *TABLES) for packed in ("", ".gz")]
    for alias in aliases:
        for ending in endings:
            path = (folder / (alias + ending)).expanduser()
            if path.is_file():
                return [path]
            if path.is_dir() and not ending:
                inside = sorted(
                    file for file in path.rglob("*") if file.is_file() and file.name[0] != "."
                )
                if inside:
                    return inside
                raise DataError(f"data.{split}: the folder {path} has no files")
    raise DataError(f"data.{split}: no file {folder / name}{files_near(folder, name)}")


def files_near(folder: Path, name: str) -> str:
    """What lies in a folder where a file was not found, for the end of a message."""
    there = sorted(os.listdir(folder)) if folder.is_dir() else []
    return f"; in {folder} there are: {', '.join(there[:8])}" if there and "/" not in name else ""


def _read_table(path: Path, kind: str, column: str) -> Iterator[str]:
    if kind != "csv":
        yield from _column(read_records(path), column)
        return
    options: dict[str, Any] = {"keep_default_na": False, "converters": {column: str}}
    if ending_of(path) == ".tsv":
        options |= {"sep": "\t", "quoting": 3}
    rows = read_rows(path, kind, **options)
    yield from _column(((str(path), row) for row in rows), column)


def _column(rows: Iterable[tuple[str, Any]], column: str) -> Iterator[str]:
    for where, row in rows:
        if not isinstance(row, Mapping):
            raise DataError(f"{where} is no object with a text")
        if column not in row:
            raise DataError(
                f"{where} has no column {column!r}: name the text's (data.column in a recipe, "
                f"--column in a command), one of {', '.join(row)}"
            )
        if row[column] is not None:
            yield text_of(row[column], where, column)


def end_lines(rows: Iterable[str]) -> Iterator[str]:
    r"""Rows as lines, each with its newline.

    >>> list(end_lines(["one", "two\n"]))
    ['one\n', 'two\n']
    """
    for row in rows:
        yield row if row.endswith("\n") else row + "\n"


def _of_rows(rows: Iterable[str], kind: Documents) -> Iterator[Iterable[str]]:
    """Each row as a document of its own, or the rows as lines that are cut as a text's."""
    if kind == "row":
        yield from map(_lines, rows)
    else:
        yield from _split(chain.from_iterable(map(_lines, end_lines(rows))), kind)


def _lines(text: str) -> list[str]:
    """The lines of a text, newlines kept, those of Windows as LF; no other mark ends a line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text.replace("\r\n", "\n"))


def _split(lines: Iterator[str], kind: Documents) -> Iterator[Iterable[str]]:
    """Cut a run of lines into documents: one after each blank line, one a line, or only one."""
    if kind == "file":
        yield lines
    elif kind == "line":
        for line in lines:
            yield (line,)
    else:
        document: list[str] = []
        for line in lines:
            if document and document[-1].isspace() and not line.isspace():
                yield document
                document = []
            document.append(line)
        if document:
            yield document
