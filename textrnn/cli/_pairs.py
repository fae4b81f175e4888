"""Sources and targets, side by side, as ``textrnn score --target`` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from textrnn.cli._io import read_texts
from textrnn.errors import DataError

__all__ = ["pairs_of"]


def pairs_of(sources: Iterator[str], targets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each source with its target.

    Args:
        sources: texts, or the lines of a file.
        targets: texts, or the name of one file of lines.

    Raises:
        DataError: one side has more than the other, or a file cannot be read.

    >>> list(pairs_of(iter(["a", "b"]), ["c", "d"]))
    [('a', 'c'), ('b', 'd')]
    """
    is_file = len(targets) == 1 and Path(targets[0]).is_file()
    given = read_texts((), Path(targets[0])) if is_file else read_texts(targets, None)
    for number, (source, target) in enumerate(zip_longest(sources, given)):
        if source is None or target is None:
            more, fewer = ("sources", "targets") if target is None else ("targets", "sources")
            hint = "" if is_file else "; --target takes a text, or a file with a line a source"
            raise DataError(f"there are {number} {fewer} and more {more}: give as many{hint}")
        yield source, target
