"""What a neural cache remembers of a text, and what it makes of that."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textrnn.engines._base import Floats, Ids
from textrnn.engines._learning import Reading
from textrnn.errors import UsageError
from textrnn.tokenizers import BOS

__all__ = ["Cache", "Memory"]

_BLOCK = 64  # states that lie together: to add one, one block at most is copied


@dataclass(frozen=True, eq=False)
class Memory:
    """The pairs (h_i, w_i) of a text so far; to add to it is to make another one.

    BOS, which nobody writes, is no part of a text and is not remembered.

    Args:
        ids: the tokens (N,), in order.
        blocks: the hidden states that they came after, N in all, (n, H) each.
        last: the hidden state (H,) after the last token of the text, whose next is not known.

    >>> memory = Memory().follow(np.array([7, 8, 9]), np.eye(3, dtype=np.float32), 9)
    >>> memory.ids.tolist(), memory.products(np.float32([[0, 1, 0]])).tolist()
    ([8, 9], [[0.0, 1.0]])
    """

    ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    blocks: tuple[Floats, ...] = ()
    last: Floats | None = None

    def follow(self, ids: Ids, hidden: Floats, size: int) -> Memory:
        """What is remembered when the text has gone on.

        Args:
            ids: the tokens that came (T,), at least one.
            hidden: the hidden state after each of them (T, H).
            size: the most pairs, of which the last are kept.
        """
        before, known = hidden[:-1], ids[1:]
        if self.last is not None:
            before, known = np.concatenate([self.last[np.newaxis], before]), ids
        told = known != BOS
        tail = np.concatenate([*self.blocks[-1:], before[told]])
        cut = (tail[begin : begin + _BLOCK] for begin in range(0, len(tail), _BLOCK))
        whole = Memory(
            np.concatenate([self.ids, known[told]]), (*self.blocks[:-1], *cut), hidden[-1]
        )
        return whole.trimmed(size)

    def trimmed(self, size: int) -> Memory:
        """The last ``size`` pairs at most."""
        extra = max(0, len(self.ids) - size)
        ids, blocks = self.ids[extra:], list(self.blocks)
        while extra and extra >= len(blocks[0]):
            extra -= len(blocks.pop(0))
        if extra:
            blocks[0] = blocks[0][extra:]
        return Memory(ids, tuple(blocks), self.last)

    def states(self, width: int) -> Floats:
        """The hidden states (N, H), H being ``width``."""
        return np.concatenate([np.empty((0, width), np.float32), *self.blocks])

    def products(self, hidden: Floats) -> Floats:
        """Of hidden states (T, H) with those remembered (T, N); N is at least 1."""
        return np.concatenate([hidden @ block.T for block in self.blocks], axis=1)


@dataclass(frozen=True)
class Cache:
    """A continuous cache (Grave et al. 2017, arXiv:1612.04426, section 3).

    Args:
        size: N, the last pairs of a hidden state and the token after it that are remembered.
        theta: how much the likeness of states counts: at 0 every token that came counts alike, the
            greater theta, the more the likest state decides alone.
        weight: the share of the cache's distribution in the whole (lambda), below 1, once the cache
            is full; see :meth:`weight_of`.

    Raises:
        UsageError: a value that is not allowed.

    >>> Cache(0)
    Traceback (most recent call last):
    textrnn.errors.UsageError: cache is 0: give a whole number of at least 1
    """

    size: int
    theta: float = 0.3
    weight: float = 0.2

    def __post_init__(self) -> None:
        """Check every value."""
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise UsageError(f"cache is {self.size!r}: give a whole number of at least 1")
        if not (math.isfinite(self.theta) and self.theta >= 0):
            raise UsageError(f"theta is {self.theta!r}: give a number of at least 0")
        if not 0 < self.weight < 1:
            raise UsageError(f"lambda is {self.weight!r}: give a number between 0 and 1")

    def weight_of(self, known: Ids) -> NDArray[np.float64]:
        """The share in the whole of a cache with so many pairs: less, as long as it is not full.

        The paper's is the same from the first token on, so that one pair that came would be written
        again and again.

        >>> Cache(200, weight=0.2).weight_of(np.array([0, 1, 100, 200, 300])).tolist()
        [0.0, 0.001, 0.1, 0.2, 0.2]
        """
        weights: NDArray[np.float64] = self.weight * np.minimum(known / self.size, 1.0)
        return weights

    def shares(self, hidden: Floats, memory: Memory, visible: Ids | None = None) -> Floats:
        """The share (T, N) of each remembered pair in the cache's distribution: a row sums to 1.

        Args:
            hidden: present hidden states (T, H).
            memory: N pairs, at least one.
            visible: (T,) how many of them, in order, had come by then, at least one; the last
                ``size`` of these count. None: all pairs do.
        """
        scores = self.theta * memory.products(hidden)
        if visible is not None:
            place, end = np.arange(scores.shape[1]), visible[:, np.newaxis]
            scores[(place >= end) | (place < end - self.size)] = -np.inf
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Floats = scores / scores.sum(axis=1, keepdims=True)
        return shares

    def mix(self, log_probs: Floats, memory: Memory, hidden: Floats) -> Floats:
        """The model's log-probabilities (V,) at a hidden state (H,), mixed with the cache's."""
        if not len(memory.ids):
            return log_probs
        shares = self.shares(hidden[np.newaxis], memory)[0]
        in_cache = np.bincount(memory.ids, shares)
        came = np.flatnonzero(in_cache)
        weight = float(self.weight_of(np.array(len(memory.ids))))
        mixed = log_probs + np.float32(math.log1p(-weight))
        mixed[came] = np.logaddexp(mixed[came], np.log(weight * in_cache[came]))
        return mixed

    def mix_targets(self, reading: Reading, memory: Memory) -> tuple[Floats, Memory]:
        """The log-probabilities (N,) of a segment mixed with the cache's, token by token.

        Also returns the memory after all of its tokens but the last, which has not been read.
        """
        ids, targets = reading.ids[:-1], reading.ids[1:]
        grown = memory.follow(ids, reading.hidden, self.size + len(ids))
        told = (ids != BOS) & (np.arange(len(ids)) >= (memory.last is None))
        after: Ids = np.cumsum(told[::-1])[::-1] - told
        visible: Ids = len(grown.ids) - after
        mixed = reading.log_probs.copy()
        some = visible > 0
        if some.any():
            shares = self.shares(reading.hidden[some], grown, visible[some])
            right = grown.ids == targets[some, np.newaxis]
            in_cache, weight = np.sum(shares, axis=1, where=right), self.weight_of(visible[some])
            with np.errstate(divide="ignore"):
                of_cache = np.log(weight * in_cache)
            mixed[some] = np.logaddexp(mixed[some] + np.log1p(-weight), of_cache)
        return mixed, grown.trimmed(self.size)
