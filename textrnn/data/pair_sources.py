"""Where sentence pairs come from: files aligned by line, tables, or a set on the hub."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from textrnn.config import MixedInSettings, PairDataSettings, SetSettings
from textrnn.data.sources import (
    SPLIT_NAMES,
    TABLES,
    files_near,
    is_hub_set,
    is_table,
    read_hub,
    read_text,
)
from textrnn.data.tables import has_cells, numbered_columns, read_cells, read_records
from textrnn.errors import DataError

__all__ = ["AlignedFiles", "HubPairs", "PairSource", "PairTable", "open_pairs"]

PACKED = ("", ".gz")
ANY_NAMES = ("source", "target")  # of the columns, where they are not called by their languages
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
        configuration = f" ({self.name_of_set})" if self.name_of_set else ""
        return f"{self.path}{configuration}, split {self.split}"

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


@dataclass(frozen=True)
class PairSource:
    """Sentence pairs, part after part."""

    parts: tuple[AlignedFiles | PairTable | HubPairs, ...]

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return ", ".join(part.name for part in self.parts)

    def fingerprint(self) -> str:
        """Changes when a file does: paths, sizes and times of change."""
        files = [path for part in self.parts for path in part.paths]
        stats = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        return repr((self.parts, [str(path.resolve()) for path in files], stats))

    def remarks(self) -> list[str]:
        """What someone who gave these files should know of how they are read."""
        return [remark for part in self.parts if (remark := part.remark()) is not None]

    def numbered_pairs(self) -> Iterator[tuple[str, Pair]]:
        """Each pair, with the name of its part and its number in it.

        Raises:
            DataError: a part cannot be read.
        """
        for part in self.parts:
            for number, pair in enumerate(part.pairs(), 1):
                yield f"{part.name}, pair {number:,}", pair

    def pairs(self) -> Iterator[Pair]:
        """The pairs alone."""
        return (pair for _, pair in self.numbered_pairs())


def open_pairs(
    data: PairDataSettings | MixedInSettings,
    split: Literal["train", "valid", "test", "tagged"],
    languages: tuple[str, str] | None = None,
) -> PairSource | None:
    """The pairs of one split, or None where the settings name none.

    Args:
        data: the settings.
        split: which.
        languages: endings or columns of source and target; None: those of the settings.

    Raises:
        DataError: a local file is missing, or has none beside it; or the path is neither a folder
            here nor a hub id.
    """
    named = getattr(data, split)
    if named is None:
        return None
    names = (named,) if isinstance(named, str) else tuple(named)
    sides = languages or (data.source or ANY_NAMES[0], data.target or ANY_NAMES[1])
    if data.path is not None and is_hub_set(data.path, split, names):
        return PairSource((HubPairs(data.path, names[0], *sides, data.name, data.revision),))
    return PairSource(tuple(part for name in names for part in _find(data, name, split, sides)))


def _find(
    data: SetSettings, name: str, split: str, sides: tuple[str, str]
) -> list[AlignedFiles | PairTable]:
    """What ``name`` means: a table, two files with the endings of the sides, or a folder of both.

    The names of a validation split stand for each other, and two files may have a longer name than
    the one given, where no others have.
    """
    folder = Path(data.path).expanduser() if data.path is not None else Path()
    aliases = SPLIT_NAMES["valid"] if split == "valid" and name in SPLIT_NAMES["valid"] else (name,)
    for alias in aliases:
        stem = (folder / alias).expanduser()
        if stem.is_file():
            if not is_table(stem):
                raise DataError(
                    f"data.{split}: {stem} is one text, and pairs need two: name a table (tsv, "
                    "csv, jsonl, parquet), or two files by what stands before "
                    f".{sides[0]} and .{sides[1]}"
                )
            return [PairTable(stem, *sides)]
        found = _aligned(stem, sides) or _tables(stem, sides)
        if not found and stem.is_dir():
            found = _inside(stem, sides)
        if found:
            return found
    if len(longer := _longer(folder / name, sides)) == 1:
        return longer
    raise DataError(
        f"data.{split}: no pair of files {folder / name}.{sides[0]} and .{sides[1]}, and no table "
        f"{folder / name}{files_near(folder, name)}"
    )


def _aligned(stem: Path, sides: tuple[str, str]) -> list[AlignedFiles | PairTable]:
    found = []
    for side in sides:
        files = [stem.with_name(f"{stem.name}.{side}{packed}") for packed in PACKED]
        found.append(next((file for file in files if file.is_file()), None))
    source, target = found
    if source is not None and target is not None:
        return [AlignedFiles(source, target)]
    if source is not None or target is not None:
        missing = sides[0] if source is None else sides[1]
        raise DataError(f"{source or target} has no {stem.name}.{missing} beside it")
    return []


def _longer(stem: Path, sides: tuple[str, str]) -> list[AlignedFiles | PairTable]:
    """Pairs of files whose name goes on: ``test`` may be ``test_2016_flickr.en`` and ``.de``."""
    stems = {
        file.with_name(file.name.removesuffix(".gz").removesuffix(f".{sides[0]}"))
        for packed in PACKED
        for file in stem.parent.glob(f"{glob.escape(stem.name)}[._-]*.{sides[0]}{packed}")
    }
    return [pair for longer in sorted(stems) for pair in _aligned(longer, sides)]


def _tables(stem: Path, sides: tuple[str, str]) -> list[AlignedFiles | PairTable]:
    files = [stem.with_name(stem.name + kind + packed) for kind in TABLES for packed in PACKED]
    there = [file for file in files if file.is_file()]
    return [PairTable(there[0], *sides)] if there else []


def _inside(folder: Path, sides: tuple[str, str]) -> list[AlignedFiles | PairTable]:
    """All pairs of files and all tables in a folder and its folders, in order of their names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name[0] != ".")
    found: list[AlignedFiles | PairTable] = []
    for file in files:
        plain = file.with_suffix("") if file.suffix == ".gz" else file
        if is_table(file):
            found.append(PairTable(file, *sides))
        elif plain.suffix == f".{sides[0]}":
            found += _aligned(plain.with_suffix(""), sides)
    if not found:
        raise DataError(f"the folder {folder} has no pairs in {sides[0]} and {sides[1]}")
    return found


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
        f"{', '.join(map(repr, names))}; set data.source and data.target to two names in it, or to "
        "two numbers, counted from 1, if it is no header"
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
                    f"{where}, row {number:,} has no {asked!r}: set data.source and data.target to "
                    f"two of {', '.join(map(str, inner))}"
                )
        texts = [inner[name] for name in names]
        for name, text in zip(names, texts, strict=True):
            if text is not None and not isinstance(text, str):
                raise DataError(f"{where}, row {number:,}: {name} is {text!r}, not a text")
        yield texts[0] or "", texts[1] or ""
