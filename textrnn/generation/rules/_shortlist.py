"""The tokens that are left to choose from: all at first, few once rules have cut the rest off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules._base import Ids, Logits

__all__ = ["Shaping", "Shortlist"]


class Shortlist:
    """What B rows may still choose: K tokens each, by id, with their logits. Not to be changed.

    Cutting off the unlikely tokens of a large vocabulary is quick where those that are left are
    listed: whatever comes next looks at a few hundred numbers instead of V.

    Args:
        logits: (B, K); rows with fewer tokens than others are filled up with ``-inf``.
        tokens: which tokens those are, (B, K); None where column k is token ``first + k``.
        first: see there.
        weights: their probabilities (B, K) over that of the likeliest, where they are known.

    >>> left = Shortlist(np.log(np.array([[0.1, 0.6, 0.3], [0.8, 0.1, 0.1]], np.float32)), first=4)
    >>> left = left.only(left.weights > 0.4)
    >>> left.tokens
    array([[5, 6],
           [4, 0]])
    >>> left.ids(np.array([1, 0]))
    array([6, 4])
    """

    __slots__ = ("_weights", "first", "logits", "tokens")

    def __init__(
        self,
        logits: Logits,
        tokens: Ids | None = None,
        *,
        first: int = 0,
        weights: Logits | None = None,
    ) -> None:
        self.logits = logits
        self.tokens = tokens
        self.first = first
        self._weights = weights

    @property
    def weights(self) -> Logits:
        """The probabilities (B, K) over that of the likeliest token of each row.

        Computed once, and kept by :meth:`only`.
        """
        if self._weights is None:
            shares = self.logits - self.logits.max(axis=1, keepdims=True)
            self._weights = np.exp(shares, out=shares)
        return self._weights

    def only(self, keep: NDArray[np.bool_]) -> Shortlist:
        """Those tokens that ``keep`` (B, K) says, the likeliest of each row among them."""
        listed = _listing(keep)
        logits = listed(self.logits, -np.inf)
        if self.tokens is None:
            tokens = listed(np.arange(self.first, self.first + keep.shape[1]), 0)
        else:
            tokens = listed(self.tokens, 0)
        weights = None if self._weights is None else listed(self._weights, 0)
        return Shortlist(logits, tokens, weights=weights)

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


def _listing(keep: NDArray[np.bool_]) -> Callable[[NDArray[Any], float], NDArray[Any]]:
    """What lists those values (B, K), or (K,) for all rows, that ``keep`` (B, K) says."""
    rows, width = keep.shape
    (places,) = keep.reshape(-1).nonzero()
    if rows == 1:
        return lambda values, filler: values.reshape(-1)[places][np.newaxis]
    counts = np.count_nonzero(keep, axis=1)
    columns = places - np.repeat(np.arange(0, rows * width, width), counts)
    inside = np.arange(counts.max()) < counts[:, np.newaxis]

    def listed(values: NDArray[Any], filler: float) -> NDArray[Any]:
        new = np.full(inside.shape, filler, values.dtype)
        new[inside] = values[columns] if values.ndim == 1 else values.reshape(-1)[places]
        return new

    return listed


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
