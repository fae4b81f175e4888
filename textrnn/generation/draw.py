"""Drawing a token: greedily, or from the random stream that belongs to one text."""

from __future__ import annotations

import secrets
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from textrnn.generation.rules import Ids, Logits, Shortlist

__all__ = ["RandomStream", "draw", "fresh_seed", "log_probs_of", "log_total"]


_BLOCK = 64  # weights summed at a time: fewer steps that wait for the one before
_MANY = 1024  # from here on, that pays
_AHEAD = 32  # numbers taken from the generator at a time
_BELOW_ONE = 1 - 2.0**-52


def fresh_seed() -> int:
    """A seed that nobody chose, short enough to be written down."""
    return secrets.randbits(32)


class RandomStream:
    """Uniform numbers in [0, 1) that depend on (seed, index) only.

    PCG64, seeded by numpy's SeedSequence with the index as spawn key.

    Args:
        seed: at least 0.
        index: which of the samples drawn with that seed.
        drawn: how many numbers have been taken from the stream already.

    >>> stream = RandomStream(seed=1, index=0)
    >>> taken = [stream.next() for _ in range(3)]
    >>> RandomStream(seed=1, index=0, drawn=2).next() == taken[2]
    True
    """

    def __init__(self, seed: int, index: int, drawn: int = 0) -> None:
        self.seed, self.index, self.drawn = seed, index, drawn
        bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(index,)))
        self._generator = np.random.Generator(bits.advance(drawn))
        self._ahead: list[float] = []

    def next(self) -> float:
        """The next number; it takes exactly one step of the stream."""
        if not self._ahead:
            self._ahead = self._generator.random(_AHEAD)[::-1].tolist()
        self.drawn += 1
        return self._ahead.pop()


def draw(left: Shortlist, uniform: float) -> int:
    """Draw a token by inverting its distribution function at ``uniform``.

    >>> draw(Shortlist(np.log(np.array([0.5, 0.25, 0.25], np.float32))), 0.6)
    1
    """
    weights = left.weights
    if len(weights) >= _MANY:
        return left.id(_place_in_blocks(weights, uniform))
    held = np.add.accumulate(weights, dtype=np.float64)
    return left.id(int(held.searchsorted(uniform * held.item(-1) * _BELOW_ONE, side="right")))


def _place_in_blocks(weights: Logits, uniform: float) -> int:
    """The same among many: first the block of tokens, then the token."""
    blocks = np.add.reduceat(weights, _block_starts(len(weights)))
    before = np.add.accumulate(blocks, dtype=np.float64)
    wanted = uniform * before[-1] * _BELOW_ONE
    block = int(before.searchsorted(wanted, side="right"))
    if block:
        wanted -= before[block - 1]
    first = block * _BLOCK
    held = np.add.accumulate(weights[first : first + _BLOCK], dtype=np.float64)
    place = int(held.searchsorted(wanted, side="right"))
    # Sums are rounded in different ways, so it may lie past the last token of some weight.
    return first + (place if place < len(held) else int(held.argmax()))


@lru_cache
def _block_starts(count: int) -> Ids:
    return np.arange(0, count, _BLOCK)


def log_total(logits: Logits) -> NDArray[np.float64]:
    """The logarithm of the sum of the exponentials of each row of ``logits`` (B, V): (B,)."""
    greatest = logits.max(axis=1, keepdims=True)
    shares = logits - greatest
    total = np.exp(shares, out=shares).sum(axis=1).astype(np.float64)
    return np.asarray(greatest[:, 0] + np.log(total))


def log_probs_of(logits: Logits, rows: Ids, ids: Ids) -> NDArray[np.float64]:
    """Natural log-probabilities (N,) of ``ids`` (N,) in ``rows`` (N,) of ``logits`` (B, V).

    >>> log_probs_of(np.zeros((1, 4), np.float32), np.array([0]), np.array([2])).round(4)
    array([-1.3863])
    """
    return np.asarray(logits[rows, ids] - log_total(logits)[rows])
