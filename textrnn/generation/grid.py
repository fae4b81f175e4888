"""The rows of a beam search whose texts must contain terms: which of their candidates to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.candidates import Candidates
from textrnn.generation.hypotheses import Wish
from textrnn.generation.rules import Ids
from textrnn.generation.terms import Progress
from textrnn.tokenizers import EOS

__all__ = ["Grid"]

_OVERDUE = 8  # tokens beyond all that terms are granted, after which a text ends in any case


class Grid:
    """How far each row has come with its sentence's terms.

    Args:
        beam_size: K, the places for each number of a sentence's terms' tokens that are in place.
        wishes: of each sentence.

    Attributes:
        active: whether any sentence has terms.
        granted: the tokens that each sentence's terms take at most.
    """

    def __init__(self, beam_size: int, wishes: Sequence[Wish]) -> None:
        self._beam_size = beam_size
        self._progress = [
            None if wish.terms is None else wish.terms.measure(b"") for wish in wishes
        ]
        self._sentences = list(range(len(wishes)))
        self.active = any(progress is not None for progress in self._progress)
        self.granted = [wish.terms.levels if wish.terms else 0 for wish in wishes]

    @property
    def rows(self) -> Ids:
        """The rows that have terms."""
        has = [row for row, progress in enumerate(self._progress) if progress is not None]
        return np.array(has, np.int64)

    def wanted(self) -> tuple[Ids, Ids]:
        """Rows, and the ids that go on with a term there."""
        pairs = [
            (row, id)
            for row, progress in enumerate(self._progress)
            if progress is not None
            for id in progress.wanted
        ]
        both = np.array(pairs, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def select(self, candidates: Candidates, left: Ids, places: Ids) -> Ids:
        """The places of the candidates to keep, best first in each level.

        Args:
            candidates: with their texts' log-probabilities.
            left: how many tokens may follow, by sentence (B,).
            places: how many more may finish, by sentence (B,).
        """
        kept: list[int] = []
        levels: dict[tuple[int, int], list[tuple[float, int]]] = {}
        ends = candidates.rows.searchsorted(np.arange(len(self._progress)), side="right").tolist()
        for row, progress in enumerate(self._progress):
            if progress is None:
                continue
            begin, sentence = ends[row - 1] if row else 0, self._sentences[row]
            own = candidates.among(slice(begin, ends[row]))
            for level, place in _allowed(progress, own, int(left[sentence])):
                found = -float(own.values[place]), begin + place
                levels.setdefault((sentence, level), []).append(found)
        for (sentence, level), some in sorted(levels.items()):
            whole = level == self.granted[sentence]
            room = int(places[sentence]) if whole else self._beam_size
            kept += [place for _, place in sorted(some)[:room]]
        return np.array(kept, np.int64)

    def may_end(self, rows: Ids, ids: Ids, left: Ids) -> NDArray[np.bool_]:
        """Which new texts end where no token or fewer are ``left`` (N,): those with all terms."""
        ends = left <= 0
        for place, (row, id) in enumerate(zip(rows.tolist(), ids.tolist(), strict=True)):
            progress = self._progress[row]
            if ends[place] and progress is not None:
                overdue = left[place] < -progress.terms.levels - _OVERDUE
                ends[place] = overdue or progress.after(id).whole
        return ends

    def go_on(self, rows: Ids, ids: Ids) -> None:
        """Take the new rows for the present ones."""
        if not self.active:
            return
        before = [self._progress[row] for row in rows.tolist()]
        self._progress = [
            None if progress is None else progress.after(id)
            for progress, id in zip(before, ids.tolist(), strict=True)
        ]
        self._sentences = [self._sentences[row] for row in rows.tolist()]


def _allowed(progress: Progress, own: Candidates, left: int) -> Iterator[tuple[int, int]]:
    """The levels and places of a row's candidates that leave room for what is missing.

    Where there are none, the one that goes on with a term, or the best.
    """
    others: list[tuple[bool, float, int, int]] = []
    none = True
    for place in np.flatnonzero(own.values > -np.inf).tolist():
        id = int(own.ids[place])
        after = progress.after(id)
        if after.whole or (id != EOS and after.missing <= left):
            none = False
            yield after.level, place
        else:
            goes_on = id in progress.wanted[:1]
            others.append((goes_on, float(own.values[place]), after.level, place))
    if none and others:
        *_, level, place = max(others)
        yield level, place
