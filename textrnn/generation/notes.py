"""What a beam search notes at each step, and the texts that are read back from it.

What a hypothesis consists of is not copied as it grows: each step notes its rows' parents and
tokens, and a text is read back once it is among the best.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats
from textrnn.generation.rules import Ids

__all__ = ["Notes", "Trace"]


class _Note(NamedTuple):
    """One step: of each row that went on (N,), and the attention of those before it (M, S)."""

    parents: Ids
    ids: Ids
    log_probs: NDArray[np.float64]
    weights: Floats | None


class Trace(NamedTuple):
    """What led to a row: tokens, their log-probabilities, and which rows it was before."""

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    rows: tuple[int, ...]


class Notes:
    """The steps of a search, in order.

    >>> notes = Notes()
    >>> notes.add(np.array([0, 0]), np.array([7, 8]), np.array([-1.0, -2.0]), None)
    >>> notes.add(np.array([1]), np.array([9]), np.array([-0.5]), None)
    >>> notes.trace(2, 0)
    Trace(ids=(8, 9), log_probs=(-2.0, -0.5), rows=(0, 1))
    """

    def __init__(self) -> None:
        self._notes: list[_Note] = []

    def __len__(self) -> int:
        """How many steps there were."""
        return len(self._notes)

    def add(
        self, parents: Ids, ids: Ids, log_probs: NDArray[np.float64], weights: Floats | None
    ) -> None:
        """Note a step.

        Args:
            parents: of each row that goes on, the row that it comes from (N,).
            ids: the tokens (N,).
            log_probs: theirs (N,).
            weights: where the decoder looked for the tokens of each row before the step (M, S).
        """
        self._notes.append(_Note(parents, ids, log_probs, weights))

    def trace(self, step: int, row: int) -> Trace:
        """What led to a row that step ``step`` began with."""
        ids, log_probs, rows = [], [], []
        for note in reversed(self._notes[:step]):
            ids.append(int(note.ids[row]))
            log_probs.append(float(note.log_probs[row]))
            row = int(note.parents[row])
            rows.append(row)
        return Trace(tuple(ids[::-1]), tuple(log_probs[::-1]), tuple(rows[::-1]))

    def attention(self, before: Trace, step: int, row: int) -> Floats | None:
        """Where the decoder looked for each token of a text that ends with step ``step`` (T, S)."""
        looks = [
            note.weights[place]
            for note, place in zip(self._notes[: step + 1], (*before.rows, row), strict=True)
            if note.weights is not None
        ]
        return np.stack(looks) if looks else None
