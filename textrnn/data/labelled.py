"""Where texts with labels, and without, come from: tables, lines, folders, the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textrnn.config import LabelledDataSettings
from textrnn.data.hub import hub_name, read_hub
from textrnn.data.labelled_tables import LabelledTable, Row, rows_of_records
from textrnn.data.records import is_table, read_text
from textrnn.data.sources import SPLIT_NAMES, HubText, find_text
from textrnn.errors import DataError, did_you_mean

__all__ = [
    "ClassFolders",
    "HubLabelled",
    "LabelledLines",
    "LabelledSource",
    "LabelledTable",
    "Row",
    "TextFiles",
    "TextLines",
    "open_labelled",
    "open_texts",
    "open_unlabelled",
]

FASTTEXT = "__label__"


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
    """Columns of a split of a set on the hub, streamed; without a label's, None."""

    path: str
    split: str
    texts: tuple[str, ...]
    label: str | None
    name_of_set: str | None = None
    revision: str | None = None

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return hub_name(self.path, self.split, self.name_of_set)

    def rows(self) -> Iterator[Row]:
        """The rows."""
        rows = read_hub(self.path, self.split, self.name_of_set, self.revision)
        numbered = ((f"{self.name}, row {n:,}", row) for n, row in enumerate(rows, 1))
        return rows_of_records(numbered, self.texts, self.label)


@dataclass(frozen=True)
class TextLines:
    """A text a line, without labels."""

    path: Path

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return self.path.name

    def rows(self) -> Iterator[Row]:
        """The rows, their label None; blank lines are none.

        Raises:
            DataError: the file cannot be read, or its lines have labels.
        """
        for number, line in enumerate(read_text(self.path), 1):
            where = f"{self.path}, line {number:,}"
            if line.startswith(FASTTEXT):
                raise DataError(
                    f"{where} has a label: give labelled texts as data.train, or cut the labels off"
                )
            if line.strip():
                yield Row(where, line, None)


@dataclass(frozen=True)
class TextFiles:
    """A folder with a text a file, and in folders in it, without labels (aclImdb's unsup)."""

    path: Path

    @property
    def name(self) -> str:
        """What to call it in messages and on the model card."""
        return f"{self.path.name}/"

    def rows(self) -> Iterator[Row]:
        """The rows, their label None, in the order of the names.

        Raises:
            DataError: a file cannot be read.
        """
        for file in sorted(self.path.rglob("*")):
            if file.is_file() and file.name[0] != ".":
                yield Row(str(file), "".join(read_text(file)), None)


Part = LabelledTable | LabelledLines | ClassFolders | HubLabelled | TextLines | TextFiles


@dataclass(frozen=True)
class LabelledSource:
    """Texts with labels, or all without, part after part."""

    parts: tuple[Part, ...]

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
    parts: list[Part] = []
    for name in (named,) if isinstance(named, str) else named:
        inside = _class_folder(_folder(data), name, split)
        if inside is not None:
            parts.append(ClassFolders(inside, classes))
        else:
            parts += _parts(data, name, split, data.label)
    return LabelledSource(tuple(parts))


def open_unlabelled(data: LabelledDataSettings) -> LabelledSource | None:
    """The texts without labels, or None where the settings name none; see :func:`open_texts`."""
    return None if data.unlabelled is None else open_texts(data, data.unlabelled, "unlabelled")


def open_texts(
    data: LabelledDataSettings, named: str | tuple[str, ...], key: str
) -> LabelledSource:
    """Texts whose labels, if they have any, are not read.

    A row of a table or of a set is a text, a line of another file, and in a folder a file.

    Args:
        data: where they are.
        named: their names there.
        key: the setting that names them.

    Raises:
        DataError: as :func:`open_labelled`.
    """
    parts: list[Part] = []
    for name in (named,) if isinstance(named, str) else named:
        inside = (_folder(data) / name).expanduser()
        if inside.is_dir():
            parts.append(TextFiles(inside))
        else:
            parts += _parts(data, name, key, None)
    return LabelledSource(tuple(parts))


def _folder(data: LabelledDataSettings) -> Path:
    return Path(data.path).expanduser() if data.path is not None else Path()


def _parts(
    data: LabelledDataSettings, name: str, split: str, label: str | None
) -> Iterator[LabelledTable | LabelledLines | TextLines | HubLabelled]:
    """A split of a set on the hub, a table, or lines; without a column of labels, None."""
    found = find_text(data, name, split, data.texts()[0])
    if isinstance(found, HubText):
        yield HubLabelled(found.path, name, data.texts(), label, data.name, data.revision)
        return
    lines = TextLines if label is None else LabelledLines
    for path in found.paths:
        yield LabelledTable(path, data.texts(), label) if is_table(path) else lines(path)


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
