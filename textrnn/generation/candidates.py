"""The best next tokens of many rows at once, and what their log-probabilities are measured by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats, HeldLogits
from textrnn.generation.rules import Ids, Logits
from textrnn.tokenizers import EOS

__all__ = ["NEVER", "AnyLogits", "Candidates", "best_tokens", "log_totals"]

AnyLogits: TypeAlias = Logits | HeldLogits
Numbers: TypeAlias = NDArray[np.floating[Any]]

NEVER = EOS
"""Ids below this one (PAD, UNK, BOS) are never generated, so they are a margin to leave out."""

_SAFE = 40.0  # the exponential of what is smaller, and sums of it, are far from what float32 holds
_NEAR = 4.0  # nats; few tokens are as near as that to a row's best
_BLOCKS = 32  # tokens of which one is looked at to find out how good the best are
_LEAST = np.finfo(np.float32).min
_CHUNK = 1 << 17  # numbers worked on at a time: they stay in the processor's own memory


class Candidates(NamedTuple):
    """What rows may go on with, row by row.

    Args:
        rows: (M,), ascending.
        ids: the tokens, ascending in a row (M,).
        values: what they are weighed by (M,).
    """

    rows: Ids
    ids: Ids
    values: Numbers

    def among(self, places: Ids | NDArray[np.bool_]) -> Candidates:
        """Some of them."""
        return Candidates(self.rows[places], self.ids[places], self.values[places])

    def and_these(self, rows: Ids, ids: Ids, values: Numbers) -> Candidates:
        """These beside others, which come first in their rows."""
        both = Candidates(
            np.concatenate([rows, self.rows]),
            np.concatenate([ids, self.ids]),
            np.concatenate([values, self.values]),
        )
        return both.among(both.rows.argsort(kind="stable"))


@np.errstate(invalid="ignore")  # of what is not a number nothing is: the caller looks
def best_tokens(
    logits: AnyLogits, count: int, within: float = np.inf
) -> tuple[Candidates, Numbers, Numbers]:
    """The best tokens of each row.

    Args:
        logits: (B, V).
        count: how many of each row are wanted; there may be some more.
        within: how far from its row's best a token may lie; what lies further away may be missing.

    Returns:
        The tokens with their logits, PAD, UNK and BOS left out, and what :func:`log_totals` gives.

    >>> best, *totals = best_tokens(np.array([[9, 9, 9, 1, 3, 3, 2]], np.float32), 2)
    >>> best.ids, best.values
    (array([4, 5]), array([3., 3.], dtype=float32))
    """
    if not isinstance(logits, np.ndarray):
        ids, values = logits.best(count, NEVER)
        rows = np.arange(len(ids)).repeat(ids.shape[1])
        return Candidates(rows, ids.ravel(), values.ravel()), *logits.log_totals(NEVER)
    without = np.empty(len(logits))
    width = logits.shape[1] - NEVER
    found = []
    for chunk, part in _chunks(logits):
        greatest = np.maximum.reduce(part, axis=1)
        least = greatest - within if within <= _NEAR else _least(part, count)
        (places,) = (part >= least[:, np.newaxis]).ravel().nonzero()
        found.append(places + chunk.start * width)
        without[chunk] = _log_total(part, greatest)
    rows, ids = np.divmod(found[0] if len(found) == 1 else np.concatenate(found), width)
    ids += NEVER
    best = Candidates(rows, ids, logits[rows, ids])
    return best, _with_never(logits, without), without


@np.errstate(invalid="ignore")
def log_totals(logits: AnyLogits) -> tuple[Numbers, Numbers]:
    """Logarithms of the sums of exponentials: of all tokens (B,), and without PAD, UNK and BOS.

    >>> [totals.round(4).tolist() for totals in log_totals(np.zeros((1, 8), np.float32))]
    [[2.0794], [1.6094]]
    """
    if not isinstance(logits, np.ndarray):
        return logits.log_totals(NEVER)
    without = np.empty(len(logits))
    for rows, part in _chunks(logits):
        without[rows] = _log_total(part, np.maximum.reduce(part, axis=1))
    return _with_never(logits, without), without


def _chunks(logits: Logits) -> Iterator[tuple[slice, Logits]]:
    """A few rows at a time, PAD, UNK and BOS left out."""
    at_once = max(1, _CHUNK // logits.shape[1])
    for begin in range(0, len(logits), at_once):
        rows = slice(begin, begin + at_once)
        yield rows, logits[rows, NEVER:]


def _least(part: Logits, count: int) -> Floats:
    """A number for each row (B,) that at least ``count`` of it (B, V) reach, and few more."""
    rows, width = part.shape
    count = min(count, width)
    blocks = min(_BLOCKS, max(1, width // (4 * count)))
    if blocks > 1:  # the best of as many blocks are as good as that, or better
        even = part[:, : width - width % blocks]
        part = np.maximum.reduce(even.reshape(rows, blocks, -1), axis=1)
    place = part.shape[1] - count
    least: Floats = np.partition(part, place, axis=1)[:, place]
    return np.maximum(least, _LEAST)  # what is banned is none of them


def _log_total(part: Logits, greatest: Floats) -> Numbers:
    """The logarithms of the rows' sums of exponentials (B,).

    From what is large or small the greatest is taken first: each row for itself, so that it is the
    same beside others.
    """
    sizes = np.abs(greatest)
    if np.maximum.reduce(sizes) < _SAFE:
        base = None
        exponentials = np.exp(part)
    else:
        base = np.where(sizes < _SAFE, np.float32(0.0), greatest)
        exponentials = np.exp(part - base[:, np.newaxis])
    totals: Numbers = np.log(np.add.reduce(exponentials, axis=1), dtype=np.float64)
    return totals if base is None else totals + base


def _with_never(logits: Logits, without: Numbers) -> Numbers:
    never = np.logaddexp.reduce(logits[:, :NEVER], axis=1, dtype=np.float64)
    totals: Numbers = np.logaddexp(without, never)
    return totals
