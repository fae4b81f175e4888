"""The guard against texts that say the same over and over and never end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from textrnn.generation.rules import Ids, Logits
from textrnn.tokenizers import PAD

__all__ = ["RepetitionGuard"]

_NONE: Ids = np.empty(0, np.int64)


@dataclass(frozen=True)
class RepetitionGuard:
    """Bans the token that would say a sequence of tokens once more than ``times`` on end.

    Sequences of up to ``longest`` tokens are looked for; one of fewer than ``span / times`` tokens
    may come until it is ``span`` tokens long, because "ha ha ha ha ha" and "100,000,000" are texts
    that people write. Unlike a ban of repeated n-grams it leaves alone what comes twice.

    It is a rule (``(ids, logits) -> logits``) too.

    >>> guard = RepetitionGuard(times=2, longest=3, span=2)
    >>> guard.bans(np.array([[4, 5, 4, 5], [4, 5, 6, 7], [5, 7, 7, 7]]))
    (array([2, 0]), array([7, 4]))
    """

    times: int = 4
    longest: int = 16
    span: int = 10

    @cached_property
    def patience(self) -> int:
        """For so many steps what :meth:`periods` found holds: what is new is not banned before."""
        runs = (self._said(period) - period for period in range(1, self.longest + 1))
        return max(1, min(runs, default=2) - 1)

    def periods(self, ids: Ids) -> Sequence[int]:
        """How far apart what is said again may be: where some row's last two ids were said before.

        Args:
            ids: (B, T).
        """
        if self.patience == 1:  # too short a run to be seen by its pairs
            return range(1, self.longest + 1)
        longest = min(self.longest, ids.shape[1] - 2)
        if longest < 1:
            return ()
        again = ids[:, -2 : -2 - longest : -1] == ids[:, -1:]
        again &= ids[:, -3 : -3 - longest : -1] == ids[:, -2:-1]
        said = np.logical_or.reduce(again, axis=0)
        return [place + 1 for place, found in enumerate(said.tolist()) if found]

    def bans(self, ids: Ids, periods: Iterable[int] | None = None) -> tuple[Ids, Ids]:
        """Rows and tokens: what must not follow in these rows of ids (B, T).

        Args:
            ids: (B, T).
            periods: those to look at, as :meth:`periods` found them less than :attr:`patience`
                tokens before; None: as it finds them now.
        """
        rows: list[Ids] = [_NONE]
        tokens: list[Ids] = [_NONE]
        for period in self.periods(ids) if periods is None else periods:
            said = self._said(period)
            if said > ids.shape[1]:
                continue
            tail = ids[:, ids.shape[1] - said :]
            same = (tail[:, period:] == tail[:, :-period]).all(axis=1) & (tail[:, 0] != PAD)
            found = np.flatnonzero(same)
            rows.append(found)
            tokens.append(tail[found, 0])
        return np.concatenate(rows), np.concatenate(tokens)

    def _said(self, period: int) -> int:
        """How many tokens may be said of what comes again after so many."""
        return max(self.times, -(-self.span // period)) * period

    def is_broken_by(self, ids: Sequence[int]) -> bool:
        """Whether a text itself says something more than that often on end.

        >>> RepetitionGuard().is_broken_by([7] * 10), RepetitionGuard().is_broken_by([7] * 11)
        (False, True)
        """
        if len(ids) - len(set(ids)) < self.span - self.span // self.times:
            return False  # which costs less to see
        row = np.array([ids], np.int64)
        ends = range(self.span, len(ids))
        return any(ids[end] in self.bans(row[:, :end])[1] for end in ends)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V), those tokens banned."""
        new = logits.copy()
        new[self.bans(ids)] = -np.inf
        return new
