"""Several sets of sentence pairs as one, each in its share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from textrnn.data.pairs import Ids, Pairs

__all__ = ["PairSelection", "mix"]


@dataclass(frozen=True)
class PairSelection:
    """Some rows of several sets of pairs, as one set.

    Args:
        parts: the sets.
        rows: (N,) which pairs, counted through all parts.
    """

    parts: tuple[Pairs, ...]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum([0, *map(len, self.parts)])

    def lengths(self) -> NDArray[np.int64]:
        """The ids of source and target (N, 2), without BOS and EOS."""
        whole: NDArray[np.int64] = np.concatenate([part.lengths() for part in self.parts])
        return whole[self.rows]

    def pair(self, row: int) -> tuple[Ids, Ids]:
        """The ids of source (S,) and target (T,), without BOS and EOS."""
        place = int(self.rows[row])
        part = int(np.searchsorted(self._starts, place, side="right")) - 1
        return self.parts[part].pair(place - int(self._starts[part]))


def mix(own: Sequence[Pairs], other: Pairs, share: float, seed: tuple[int, int]) -> PairSelection:
    """All pairs of ``own``, and so many of ``other``, drawn at random, that they are ``share``.

    Where ``other`` has fewer than that, all of it is taken.

    Args:
        own: sets that are taken whole.
        other: the set that is drawn from.
        share: of the result, 0 up to 1.
        seed: of the draw: the run's, and the epoch.
    """
    first = sum(map(len, own))
    wanted = min(len(other), round(first * share / (1.0 - share)))
    drawn = np.random.default_rng(seed).choice(len(other), wanted, replace=False)
    return PairSelection((*own, other), np.concatenate([np.arange(first), first + np.sort(drawn)]))
