"""Which files, or which set on the hub, the sentence pairs of a split come from."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textrnn.config import MixedInSettings, PairDataSettings, SetSettings
from textrnn.data.pair_parts import ANY_NAMES, AlignedFiles, HubPairs, Pair, PairTable
from textrnn.data.records import TABLES, is_table
from textrnn.data.sources import SPLIT_NAMES, files_near, is_hub_set
from textrnn.errors import DataError

__all__ = ["PairSource", "open_pairs"]

PACKED = ("", ".gz")


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
        files = [stem.parent / f"{stem.name}.{side}{packed}" for packed in PACKED]
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
    files = [stem.parent / (stem.name + kind + packed) for kind in TABLES for packed in PACKED]
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
