"""The tokens that are left to choose from: all at first, few once rules have cut the rest off."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules._base import Ids, Logits

__all__ = ["Shaping", "Shortlist"]


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

    __slots__ = ("_columns", "_greatest", "_logits", "_source", "_weights", "first")

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
        self._logits = logits
        self._source: tuple[Logits, Ids] | None = (
            None  # where the logits stand, until they are asked for
        )
        self._weights = weights
        self._greatest = greatest

    @property
    def logits(self) -> Logits:
        """The logits (K,)."""
        if self._logits is None:
            assert self._source is not None
            logits, places = self._source
            self._logits = logits[places]
        return self._logits

    @property
    def greatest(self) -> float:
        """The logit of the likeliest token."""
        if self._greatest is None:
            self._greatest = float(self.logits.max())
        return self._greatest

    @property
    def weights(self) -> Logits:
        """The probabilities (K,) over that of the likeliest token."""
        if self._weights is None:
            shares = self.logits if self.greatest == 0 else self.logits - np.float32(self.greatest)
            self._weights = np.exp(shares)
        return self._weights

    @property
    def tokens(self) -> Ids:
        """Which tokens these are (K,), by id."""
        if self._columns is None:
            return np.arange(self.first, self.first + len(self.logits))
        return self._columns + self.first

    def id(self, column: int) -> int:
        """The token that stands in a column."""
        return self.first + (column if self._columns is None else int(self._columns[column]))

    def only(self, keep: NDArray[np.bool_]) -> Shortlist:
        """Those tokens that ``keep`` (K,) says, the likeliest among them."""
        (places,) = keep.nonzero()
        weights = None if self._weights is None else self._weights[places]
        left = Shortlist(None, self.first, weights=weights, greatest=self._greatest)
        left._columns = places if self._columns is None else self._columns[places]
        if self._logits is not None:
            left._source = self._logits, places
        elif self._source is not None:
            left._source = self._source[0], self._source[1][places]
        return left

    def changed(self, logits: Logits, *, greatest: float | None = None) -> Shortlist:
        """The same tokens with other logits (K,)."""
        left = Shortlist(logits, self.first, greatest=greatest)
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
