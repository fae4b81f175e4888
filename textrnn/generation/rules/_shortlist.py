"""The tokens that are left to choose from: all at first, few once rules have cut the rest off."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules._base import Ids, Logits

__all__ = ["Shaping", "Shortlist"]

_MOST = float(np.finfo(np.float32).max)


class Shortlist:
    """What one text may still choose: K tokens with their logits. Not to be changed.

    Cutting off the unlikely tokens of a large vocabulary is quick where those that are left are
    listed: whatever comes next looks at a few hundred numbers instead of V. What nobody asks for is
    not computed.

    Args:
        logits: of the tokens ``first``, ``first + 1``, ... (K,).
        first: see there.
        weights: their probabilities (K,) over that of the likeliest, where they are known.
        greatest: the greatest logit, where it is known.

    >>> left = Shortlist(np.log(np.array([0.1, 0.5, 0.4], np.float32)), first=4)
    >>> left = left.only(left.weights > 0.4)
    >>> left.tokens, left.id(1)
    (array([5, 6]), 6)
    """

    __slots__ = ("_best", "_columns", "_divisor", "_ranks", "_source", "_weights", "first")

    def __init__(
        self,
        logits: Logits | None,
        first: int = 0,
        *,
        weights: Logits | None = None,
        greatest: float | None = None,
    ) -> None:
        self.first = first
        self._columns: Ids | None = None  # of the tokens, counted from the first; None for all
        self._ranks = logits
        self._source: tuple[Logits, Ids] | None = None  # where those stand, until asked for
        self._divisor: float | None = None  # of the ranks, which gives the logits; None for 1
        self._weights = weights
        self._best = greatest  # of the ranks

    def __len__(self) -> int:
        """How many tokens are left, K."""
        if self._ranks is None:
            assert self._source is not None
            return len(self._source[1])
        return len(self._ranks)

    @property
    def ranks(self) -> Logits:
        """Numbers (K,) in the order of the logits: these, before temperatures divided them."""
        if self._ranks is None:
            assert self._source is not None
            ranks, places = self._source
            self._ranks = ranks[places]
        return self._ranks

    @property
    def logits(self) -> Logits:
        """The logits (K,)."""
        return self.ranks if self._divisor is None else self.ranks / self._divisor

    @property
    def best(self) -> float:
        """The greatest of the ranks."""
        if self._best is None:
            self._best = float(self.ranks.max())
        return self._best

    @property
    def greatest(self) -> float:
        """The logit of the likeliest token."""
        if self._divisor is None or self.best == 0:
            return self.best
        return float(np.float32(self.best) / np.float32(self._divisor))

    @property
    def weights(self) -> Logits:
        """The probabilities (K,) over that of the likeliest token."""
        if self._weights is None:
            shares = self.logits if self.best == 0 else self.logits - np.float32(self.greatest)
            self._weights = np.exp(shares)
        return self._weights

    @property
    def tokens(self) -> Ids:
        """Which tokens these are (K,), by id."""
        if self._columns is None:
            return np.arange(self.first, self.first + len(self.ranks))
        return self._columns + self.first

    def id(self, column: int) -> int:
        """The token that stands in a column."""
        return self.first + (column if self._columns is None else self._columns.item(column))

    def only(self, keep: NDArray[np.bool_]) -> Shortlist:
        """Those tokens that ``keep`` (K,) says, the likeliest among them."""
        (places,) = keep.nonzero()
        weights = None if self._weights is None else self._weights[places]
        left = Shortlist(None, self.first, weights=weights, greatest=self._best)
        left._columns = places if self._columns is None else self._columns[places]
        left._divisor = self._divisor
        if self._ranks is not None:
            left._source = self._ranks, places
        elif self._source is not None:
            left._source = self._source[0], self._source[1][places]
        return left

    def within(self, reach: float) -> Shortlist:
        """Those tokens whose logit is no more than ``reach`` below the greatest."""
        reach = reach if self._divisor is None else reach * self._divisor
        return self.only(self.ranks >= self.best - reach)

    def divided(self, value: float) -> Shortlist:
        """The same tokens, each logit divided by ``value``, which is above 0."""
        if abs(self.greatest) > _MOST * value:  # float32 cannot hold that, only the differences
            with np.errstate(over="ignore"):
                left = self.changed((self.logits - np.float32(self.greatest)) / np.float32(value))
            left._best = 0.0
            return left
        if self._divisor is None:
            left = Shortlist(self._ranks, self.first, greatest=self._best)
            left._source = self._source
        else:
            left = Shortlist(self.logits, self.first, greatest=self.greatest)
        left._columns = self._columns
        left._divisor = value
        return left

    def changed(self, logits: Logits) -> Shortlist:
        """The same tokens with other logits (K,)."""
        left = Shortlist(logits, self.first)
        left._columns = self._columns
        return left

    def whole(self, vocab_size: int) -> Logits:
        """New logits (V,) of all tokens; ``-inf`` for those that have been cut off."""
        new = np.full(vocab_size, -np.inf, np.float32)
        if self._columns is None:
            new[self.first : self.first + len(self.logits)] = self.logits
        else:
            new[self.tokens] = self.logits
        return new


class Shaping(ABC):
    """A rule that goes by the tokens that are left and their logits alone, whatever came before.

    So it can be given the tokens that are left instead of the whole vocabulary. A rule for the
    family derives from it, says ``shape``, and is a rule like any other.
    """

    @abstractmethod
    def shape(self, left: Shortlist) -> Shortlist:
        """What the rule leaves of ``left``: at least one token."""

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """New logits (B, V), those that the rule cuts off ``-inf``."""
        return np.stack([self.shape(Shortlist(row)).whole(len(row)) for row in logits])
