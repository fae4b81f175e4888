"""The names of labels."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from textrnn.config import LabelledDataSettings
from textrnn.data.labelled import LabelledSource
from textrnn.data.labelled_tables import Row
from textrnn.data.records import read_text
from textrnn.errors import DataError, UsageError, did_you_mean

__all__ = ["SHOWN", "Labels", "find_labels", "named_labels"]

MOST_LABELS = 4_096
SHOWN = 12
"""Labels that a message names."""


@dataclass(frozen=True)
class Labels:
    """The names of labels in order, and how a cell of a table names them.

    A cell may hold a label's number in place of its name, from 0 on, unless a name is a number
    itself: of the labels -1 and 1, 0 is none.

    Args:
        names: C of them.
        several: whether a text may have several, or none.
        separator: what stands between them in a cell.
    """

    names: tuple[str, ...]
    several: bool = False
    separator: str = ","

    @cached_property
    def _places(self) -> dict[str, int]:
        named = {name: place for place, name in enumerate(self.names)}
        if any(map(_is_number, self.names)):
            return named
        return named | {str(place): place for place in named.values()}

    def of(self, row: Row) -> list[int]:
        """The labels of a row, by number.

        Raises:
            DataError: it has none, or one that is not known; the message has the line.

        >>> Labels(("bad", "good")).of(Row("x.csv, line 3", "Fine.", "good"))
        [1]
        """
        found = cells_of(row, self.several, self.separator)
        for name in found:
            if name not in self._places:
                listed = ", ".join(self.names[:SHOWN]) + (
                    ", ..." if len(self.names) > SHOWN else ""
                )
                raise DataError(
                    f"{row.place}: no label {name!r} (known: {listed})"
                    f"{did_you_mean(name, self.names)}"
                )
        return [self._places[name] for name in found]


def cells_of(row: Row, several: bool, separator: str = ",") -> list[str]:
    """A row's labels as they are written there.

    Raises:
        DataError: it has none, and must have one.
    """
    value = row.label
    if isinstance(value, list | tuple):
        cells = [_written(one) for one in value]
    elif several and isinstance(value, str):
        cells = [one.strip() for one in value.split(separator)]
    else:
        cells = [_written(value)]
    cells = list(dict.fromkeys(cell for cell in cells if cell))
    if several:
        return cells
    if len(cells) != 1:
        count = f"{len(cells)} labels" if cells else "no label"
        hint = "; for several a text, set head.multi_label to true" if cells else ""
        raise DataError(f"{row.place}: {count}, and one is needed{hint}")
    return cells


def _written(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _is_number(name: str) -> bool:
    """Whether a label is a number as it is written in data, such as -1, 3 or 2.5."""
    return name.removeprefix("-").replace(".", "", 1).isdecimal()


def named_labels(data: LabelledDataSettings) -> tuple[str, ...]:
    """The names that the settings give, or those in the file that they name; empty: none given.

    Raises:
        DataError: the file cannot be read.
        UsageError: a name is given twice.
    """
    names = _names_given(data)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UsageError(f"data.label_names: {twice[0]!r} is there twice, give each label once")
    return names


def _names_given(data: LabelledDataSettings) -> tuple[str, ...]:
    given = data.label_names
    if given is None:
        return ()
    if not isinstance(given, str):
        return given
    folder = Path(data.path).expanduser() if data.path is not None else Path()
    lines = (line.strip() for line in read_text(folder / given))
    return tuple(line for line in lines if line)


def find_labels(source: LabelledSource, data: LabelledDataSettings, several: bool) -> Labels:
    """The labels of a training set: those that the settings name, or all that occur in it.

    Those that are numbers stand in order of their number, others by the alphabet.

    Raises:
        DataError: a row has none, or there is but one; or so many that they cannot be labels.
    """
    names = named_labels(data)
    if not names:
        seen: set[str] = set()
        for row in source.rows():
            seen.update(cells_of(row, several, data.separator))
            if len(seen) > MOST_LABELS:
                raise DataError(
                    f"{source.name} has more than {MOST_LABELS:,} labels, such as "
                    f"{sorted(seen)[0][:60]!r}: does data.label name the right column?"
                )
        numbers = all(map(_is_number, seen))
        names = tuple(sorted(sorted(seen), key=float) if numbers else sorted(seen))
    if len(names) < (1 if several else 2):
        only = f"only the label {names[0]!r}" if names else "no text with a label"
        raise DataError(f"{source.name} has {only}: a classifier needs two")
    return Labels(names, several, data.separator)
