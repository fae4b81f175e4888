"""Reading texts of different lengths a window at a time, so that memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from textrnn.engines._base import Ids

__all__ = ["Window", "windows"]

_LEAST = 16  # tokens of a row: fewer would cost more by their calls than they save in padding


class Window(NamedTuple):
    """A part of some rows.

    Args:
        ids: (N, W), what lies beyond a row's end is without meaning.
        rows: which rows they are of (N,).
        real: how many of its tokens are real, a row (N,), at least 1.
        begin: where it begins in time.
    """

    ids: Ids
    rows: Ids
    real: Ids
    begin: int

    def places(self) -> tuple[Ids, Ids]:
        """The real tokens: their rows among the N, and their times in the window."""
        time, row = np.nonzero(np.arange(self.ids.shape[1])[:, np.newaxis] < self.real)
        return row, time


def windows(ids: Ids, lengths: Ids, at_once: int) -> Iterator[Window]:
    """The windows of ids (B, T), of which ``lengths`` (B,) are real; a row that has ended is out.

    Args:
        ids: right-padded rows.
        lengths: 0 for a row that is not to be read at all.
        at_once: tokens of a window, all rows together, about.

    >>> ids, lengths = np.arange(80).reshape(2, 40), np.array([40, 3])
    >>> [(w.rows.tolist(), w.begin, w.ids.shape) for w in windows(ids, lengths, 40)]
    [([0, 1], 0, (2, 20)), ([0], 20, (1, 20))]
    """
    width = max(_LEAST, at_once // len(ids))
    for begin in range(0, int(lengths.max()), width):
        rows = np.flatnonzero(lengths > begin)
        real = np.minimum(lengths[rows] - begin, width)
        yield Window(ids[rows, begin : begin + int(real.max())], rows, real, begin)
