"""The last tokens of a batch of texts, as rules see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from textrnn.generation.rules import Ids
from textrnn.tokenizers import PAD

__all__ = ["HISTORY", "History"]

HISTORY = 2048
"""How many of its last tokens, prompt included, a text shows to rules: what makes a token cost the
same for ever."""


class History:
    """The last :data:`HISTORY` ids of B rows of different lengths, padded on the left.

    Kept in a buffer that doubles up to twice that width, so that appending costs little.

    >>> history = History([[2, 5], [2, 6, 7]])
    >>> history.append([8, 9])
    >>> history.window()
    array([[0, 2, 5, 8],
           [2, 6, 7, 9]])
    >>> history.take([1])
    >>> history.window()
    array([[2, 6, 7, 9]])
    """

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        self._end = 0
        self._buffer: Ids = np.empty((0, 0), np.int64)
        self.join(rows)

    def join(self, rows: Iterable[Sequence[int]]) -> None:
        """Add rows after those that are there."""
        recent = [self._buffer[row, : self._end] for row in range(len(self._buffer))]
        recent = [*recent, *(np.array(row[-HISTORY:], np.int64) for row in rows)]
        self._end = max(map(len, recent), default=0)
        self._buffer = np.full((len(recent), self._end + 64), PAD, np.int64)
        for row, ids in enumerate(recent):
            self._buffer[row, self._end - len(ids) : self._end] = ids

    def window(self) -> Ids:
        """The ids (B, T), T at most :data:`HISTORY`; a view, not to be written to."""
        view = self._buffer[:, max(0, self._end - HISTORY) : self._end]
        view.flags.writeable = False
        return view

    def append(self, ids: Sequence[int] | Ids) -> None:
        """Add one id to each row, ``ids`` (B,)."""
        if self._end == self._buffer.shape[1]:
            self._make_room()
        self._buffer[:, self._end] = ids
        self._end += 1

    def take(self, rows: Sequence[int] | Ids) -> None:
        """Keep ``rows`` (N,), in that order; a row may come twice."""
        self._buffer = self._buffer.take(np.asarray(rows, np.int64), axis=0)

    def _make_room(self) -> None:
        """Double the buffer, dropping what rules no longer see."""
        recent = self._buffer[:, max(0, self._end - HISTORY) : self._end]
        rows, self._end = recent.shape
        self._buffer = np.empty((rows, 2 * self._end), np.int64)
        self._buffer[:, : self._end] = recent
