"""The tokens that are left to choose from: all at first, few once rules have cut the rest off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules._base import Ids, Logits

__all__ = ["Shaping", "Shortlist", "reached"]


class Shortlist:
    """What B rows may still choose: K tokens each, by id, with their logits. Not to be changed.

    Cutting off the unlikely tokens of a large vocabulary is quick where those that are left are
    listed: whatever comes next looks at a few hundred numbers instead of V.

    Args:
        logits: (B, K); rows with fewer tokens than others are filled up with ``-inf``.
        tokens: which tokens those are, (B, K); None where column k is token ``first + k``.
        first: see there.
        weights: their probabilities (B, K) over that of the likeliest, where they are known.
        shifted: the greatest logit of each row is known to be 0.

    >>> left = Shortlist(np.log(np.array([[0.1, 0.5, 0.4], [0.8, 0.1, 0.1]], np.float32)), first=4)
    >>> left = left.only(left.weights > 0.4)
    >>> left.tokens
    array([[5, 6],
           [4, 4]])
    >>> left.ids(np.array([1, 0]))
    array([6, 4])
    """

    __slots__ = ("_weights", "first", "logits", "shifted", "tokens")

    def __init__(
        self,
        logits: Logits,
        tokens: Ids | None = None,
        *,
        first: int = 0,
        weights: Logits | None = None,
        shifted: bool = False,
    ) -> None:
        self.logits = logits
        self.tokens = tokens
        self.first = first
        self.shifted = shifted
        self._weights = weights

    @property
    def weights(self) -> Logits:
        """The probabilities (B, K) over that of the likeliest token of each row.

        Computed once, and kept by :meth:`only`.
        """
        if self._weights is None:
            shares = self.logits
            if not self.shifted:
                shares = shares - shares.max(axis=1, keepdims=True)
            self._weights = np.exp(shares)
        return self._weights

    @property
    def total(self) -> NDArray[Any]:
        """The sum (B, 1) of the weights; it does not depend on how far a row is filled up."""
        if self.tokens is None:
            total: NDArray[Any] = self.weights.sum(axis=1, keepdims=True)
            return total
        return self.weights.cumsum(axis=1, dtype=np.float64)[:, -1:]

    def only(self, keep: NDArray[np.bool_]) -> Shortlist:
        """Those tokens that ``keep`` (B, K) says, the likeliest of each row among them."""
        listed, columns = _listing(keep)
        tokens = columns + self.first if self.tokens is None else listed(self.tokens, 0)
        return Shortlist(
            listed(self.logits, -np.inf),
            tokens,
            weights=None if self._weights is None else listed(self._weights, 0),
            shifted=self.shifted,
        )

    def ids(self, columns: Ids) -> Ids:
        """The token (B,) that stands in a column (B,) of each row."""
        if self.tokens is None:
            return columns + self.first
        found: Ids = self.tokens[np.arange(len(columns)), columns]
        return found

    def whole(self, vocab_size: int) -> Logits:
        """New logits (B, V) of all tokens; ``-inf`` for those that have been cut off."""
        new = np.full((len(self.logits), vocab_size), -np.inf, np.float32)
        if self.tokens is None:
            new[:, self.first : self.first + self.logits.shape[1]] = self.logits
        else:
            rows, columns = np.nonzero(self.logits > -np.inf)
            new[rows, self.tokens[rows, columns]] = self.logits[rows, columns]
        return new


_Listing = Callable[[NDArray[Any], float], NDArray[Any]]


def _listing(keep: NDArray[np.bool_]) -> tuple[_Listing, Ids]:
    """What lists those values (B, K) that ``keep`` (B, K) says, and the columns they come from."""
    rows, width = keep.shape
    (places,) = keep.reshape(-1).nonzero()
    if rows == 1:
        return lambda values, filler: values.reshape(-1)[places][np.newaxis], places[np.newaxis]
    counts = np.count_nonzero(keep, axis=1)
    widest, ends = int(counts.max()), counts.cumsum()
    every = np.arange(rows)
    slots = np.arange(len(places)) + np.repeat(every * widest - ends + counts, counts)

    def listed(values: NDArray[Any], filler: float) -> NDArray[Any]:
        new = np.full(rows * widest, filler, values.dtype)
        new[slots] = values.reshape(-1)[places]
        return new.reshape(rows, widest)

    columns = np.zeros(rows * widest, np.int64)
    columns[slots] = places - np.repeat(every * width, counts)
    return listed, columns.reshape(rows, widest)


def reached(sums: NDArray[np.float64], wanted: NDArray[Any], *, beyond: bool = False) -> Ids:
    """The first place (B,) where growing sums (B, K) reach what is wanted (B,), or go beyond it.

    >>> reached(np.array([[0.5, 0.75, 1.0]]), np.array([0.75])).tolist()
    [1]
    """
    places: Ids
    if len(sums) == 1:
        places = sums[0].searchsorted(wanted, side="right" if beyond else "left")
    else:
        edges = wanted[:, np.newaxis]
        places = np.count_nonzero(sums <= edges if beyond else sums < edges, axis=1)
    return places


class Shaping(ABC):
    """A rule that goes by the logits alone: whichever tokens they are of, and whatever came before.

    So it can be given the tokens that are left instead of the whole vocabulary. A rule for the
    family derives from it, says ``shape``, and is a rule like any other.
    """

    @abstractmethod
    def shape(self, left: Shortlist) -> Shortlist:
        """What the rule leaves of ``left``: at least one token a row."""

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """New logits (B, V), those that the rule cuts off ``-inf``."""
        return self.shape(Shortlist(logits)).whole(logits.shape[1])
