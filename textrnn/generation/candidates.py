"""The best next tokens of many rows at once, and what their log-probabilities are measured by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats, HeldLogits
from textrnn.generation.rules import Ids, Logits
from textrnn.tokenizers import EOS

__all__ = ["NEVER", "AnyLogits", "Best", "best_tokens", "log_totals"]

AnyLogits: TypeAlias = Logits | HeldLogits

NEVER = EOS
"""Ids below this one (PAD, UNK, BOS) are never generated, so they are a margin to leave out."""

_FEW = 16  # up to here, looking for the greatest again and again is quicker than partitioning
_SAFE = 40.0  # the exponential of what is smaller, and sums of it, are far from what float32 holds
_CHUNK = 1 << 18  # numbers worked on at a time: they stay in the processor's own memory


class Best(NamedTuple):
    """The best tokens of each row, PAD, UNK and BOS left out.

    Args:
        ids: greatest logit first; of equals, the smaller id first (B, K).
        values: their logits (B, K).
        totals: the logarithms of the sums of exponentials of all tokens (B,).
        without: the same without PAD, UNK and BOS (B,).
    """

    ids: Ids
    values: Floats
    totals: NDArray[np.float64]
    without: NDArray[np.float64]


@np.errstate(invalid="ignore")  # of what is not a number nothing is: the caller looks
def best_tokens(logits: AnyLogits, count: int) -> Best:
    """The ``count`` best tokens of each row.

    >>> best = best_tokens(np.array([[9, 9, 9, 1, 3, 3, 2]], np.float32), 3)
    >>> best.ids, best.values, best.without.round(4)
    (array([[4, 5, 6]]), array([[3., 3., 2.]], dtype=float32), array([3.9176]))
    """
    if not isinstance(logits, np.ndarray):
        return Best(*logits.best(count, NEVER), *logits.log_totals(NEVER))
    count = min(count, logits.shape[1] - NEVER)
    ids = np.empty((len(logits), count), np.int64)
    values = np.empty((len(logits), count), np.float32)
    if count > _FEW:
        _partitioned(logits[:, NEVER:], ids, values)
        return Best(ids + NEVER, values, *log_totals(logits))
    without = np.empty(len(logits))
    for rows, part in _chunks(logits):
        numbers, begins = part.reshape(-1), part.shape[1] * np.arange(len(part))
        for place in range(count):
            chosen = part.argmax(axis=1)
            ids[rows, place] = chosen
            chosen += begins
            values[rows, place] = numbers[chosen]
            numbers[chosen] = -np.inf
        base = _base(values[rows, 0])
        sums = np.exp(values[rows] - base[:, np.newaxis]).sum(axis=1)
        sums += _sum_of_exponentials(part, base)
        without[rows] = base + np.log(sums, dtype=np.float64)
    return Best(ids + NEVER, values, _with_never(logits, without), without)


@np.errstate(invalid="ignore")
def log_totals(logits: AnyLogits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the sums of exponentials: of all tokens (B,), and without PAD, UNK and BOS.

    >>> [totals.round(4).tolist() for totals in log_totals(np.zeros((1, 8), np.float32))]
    [[2.0794], [1.6094]]
    """
    if not isinstance(logits, np.ndarray):
        return logits.log_totals(NEVER)
    bases = _base(logits[:, NEVER:].max(axis=1))
    without = bases.astype(np.float64)
    for rows, part in _chunks(logits):
        without[rows] += np.log(_sum_of_exponentials(part, bases[rows]), dtype=np.float64)
    return _with_never(logits, without), without


def _chunks(logits: Logits) -> Iterator[tuple[slice, Logits]]:
    """A few rows at a time, copied, PAD, UNK and BOS left out."""
    at_once = max(1, _CHUNK // logits.shape[1])
    room = np.empty((min(at_once, len(logits)), logits.shape[1] - NEVER), np.float32)
    for begin in range(0, len(logits), at_once):
        rows = slice(begin, begin + at_once)
        part = room[: len(logits[rows])]
        part[:] = logits[rows, NEVER:]
        yield rows, part


def _base(greatest: Floats) -> Floats:
    """What is taken from each row's logits before exponentials are: its greatest, or nothing.

    Each row for itself, so that it is the same beside others.
    """
    return np.where(np.abs(greatest) < _SAFE, np.float32(0.0), greatest)


def _sum_of_exponentials(part: Logits, base: Floats) -> NDArray[np.float32]:
    """Of each row less its base; ``part`` (B, V) is used up."""
    if base.any():
        np.subtract(part, base[:, np.newaxis], out=part)
    np.exp(part, out=part)
    sums: NDArray[np.float32] = part.sum(axis=1)
    return sums


def _with_never(logits: Logits, without: NDArray[np.float64]) -> NDArray[np.float64]:
    never = np.logaddexp.reduce(logits[:, :NEVER], axis=1, dtype=np.float64)
    totals: NDArray[np.float64] = np.logaddexp(without, never)
    return totals


def _partitioned(logits: Logits, ids: Ids, values: Floats) -> None:
    """The best by partitioning, where there are many."""
    count = ids.shape[1]
    least = np.partition(logits, logits.shape[1] - count, axis=1)[:, -count]
    for row, numbers in enumerate(logits):
        among = np.flatnonzero(numbers >= least[row])
        chosen = among[np.argsort(-numbers[among], kind="stable")[:count]]
        ids[row] = chosen
        values[row] = numbers[chosen]
