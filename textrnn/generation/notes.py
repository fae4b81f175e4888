"""What a beam search notes at each step, and the texts that are read back from it.

What a text consists of is not copied as it grows: each step notes which rows its rows come from and
their tokens, and a text is read back once it is among the best.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from textrnn.engines import Floats

__all__ = ["Note", "Notes", "Trace"]


class Note(NamedTuple):
    """One step of all rows that go on.

    Args:
        rows: the row that each of them comes from.
        ids: their tokens.
        log_probs: of these under the model's own distribution.
    """

    rows: list[int]
    ids: list[int]
    log_probs: list[float]


class Trace(NamedTuple):
    """What led to a row: tokens, their log-probabilities, and which rows it was before."""

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    rows: tuple[int, ...]


class Notes:
    """The steps of a search, in order.

    >>> notes = Notes()
    >>> notes.add(Note([0, 0], [7, 8], [-1.0, -2.0]), None)
    >>> notes.add(Note([1], [9], [-0.5]), None)
    >>> notes.trace(2, 0)
    Trace(ids=(8, 9), log_probs=(-2.0, -0.5), rows=(0, 1))
    """

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._weights: list[Floats | None] = []

    def __len__(self) -> int:
        """How many steps there were."""
        return len(self._notes)

    def add(self, note: Note, weights: Floats | None) -> None:
        """Note a step, and where the decoder looked for the tokens of each row before it (M, S)."""
        self._notes.append(note)
        self._weights.append(weights)

    def trace(self, step: int, row: int) -> Trace:
        """What led to a row that step ``step`` began with."""
        ids, log_probs, rows = [], [], []
        for note in reversed(self._notes[:step]):
            ids.append(note.ids[row])
            log_probs.append(note.log_probs[row])
            row = note.rows[row]
            rows.append(row)
        return Trace(tuple(ids[::-1]), tuple(log_probs[::-1]), tuple(rows[::-1]))

    def since(self, step: int) -> tuple[list[int], list[list[int]]]:
        """The row that step ``step`` began with for each present row, and all ids step by step.

        >>> notes = Notes()
        >>> notes.add(Note([0, 0], [7, 8], [-1.0, -2.0]), None)
        >>> notes.add(Note([1], [9], [-0.5]), None)
        >>> notes.since(0), notes.since(1)
        (([0], [[8], [9]]), ([1], [[9]]))
        """
        rows = list(range(len(self._notes[-1].rows)))
        columns = []
        for note in reversed(self._notes[step:]):
            columns.append([note.ids[row] for row in rows])
            rows = [note.rows[row] for row in rows]
        return rows, columns[::-1]

    def attention(self, before: Trace, step: int, row: int) -> Floats | None:
        """Where the decoder looked for each token of a text that ends with step ``step`` (T, S)."""
        looks = [
            weights[place]
            for weights, place in zip(self._weights[: step + 1], (*before.rows, row), strict=True)
            if weights is not None
        ]
        return np.stack(looks) if looks else None
