"""The best next tokens of many rows at once, and what their log-probabilities are measured by."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats, HeldLogits
from textrnn.generation.rules import Ids, Logits
from textrnn.tokenizers import EOS

__all__ = ["NEVER", "AnyLogits", "best_tokens", "log_totals"]

AnyLogits: TypeAlias = Logits | HeldLogits

NEVER = EOS
"""Ids below this one (PAD, UNK, BOS) are never generated, so they are a margin to leave out."""

_FEW = 16  # up to here, looking for the greatest again and again is quicker than partitioning
_CHUNK = 1 << 18  # numbers worked on at a time: they stay in the processor's own memory


def best_tokens(logits: AnyLogits, count: int) -> tuple[Ids, Floats]:
    """The ``count`` greatest logits of each row, PAD, UNK and BOS left out: ids and values (B, K).

    Greatest first; of equals, the smaller id first.

    >>> best_tokens(np.array([[9, 9, 9, 1, 3, 3, 2]], np.float32), 3)
    (array([[4, 5, 6]]), array([[3., 3., 2.]], dtype=float32))
    """
    if not isinstance(logits, np.ndarray):
        return logits.best(count, NEVER)
    count = min(count, logits.shape[1] - NEVER)
    ids = np.empty((len(logits), count), np.int64)
    values = np.empty((len(logits), count), np.float32)
    at_once = max(1, _CHUNK // logits.shape[1])
    choose = _greatest if count <= _FEW else _partitioned
    for begin in range(0, len(logits), at_once):
        rows = slice(begin, begin + at_once)
        choose(logits[rows, NEVER:], ids[rows], values[rows])
    ids += NEVER
    return ids, values


def _greatest(logits: Logits, ids: Ids, values: Floats) -> None:
    left = logits.copy()
    every = np.arange(len(left))
    for place in range(ids.shape[1]):
        chosen = left.argmax(axis=1)
        ids[:, place] = chosen
        values[:, place] = left[every, chosen]
        left[every, chosen] = -np.inf


def _partitioned(logits: Logits, ids: Ids, values: Floats) -> None:
    count = ids.shape[1]
    least = np.partition(logits, logits.shape[1] - count, axis=1)[:, -count]
    for row, numbers in enumerate(logits):
        among = np.flatnonzero(numbers >= least[row])
        chosen = among[np.argsort(-numbers[among], kind="stable")[:count]]
        ids[row] = chosen
        values[row] = numbers[chosen]


def log_totals(
    logits: AnyLogits,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the sums of exponentials: of all tokens (B,), and without PAD, UNK and BOS.

    >>> [totals.round(4).tolist() for totals in log_totals(np.zeros((1, 8), np.float32))]
    [[2.0794], [1.6094]]
    """
    if not isinstance(logits, np.ndarray):
        return logits.log_totals(NEVER)
    allowed = logits[:, NEVER:]
    greatest = allowed.max(axis=1)
    sums = np.empty(len(logits))
    at_once = max(1, _CHUNK // logits.shape[1])
    room = np.empty((min(at_once, len(logits)), allowed.shape[1]), np.float32)
    for begin in range(0, len(logits), at_once):
        rows = slice(begin, begin + at_once)
        part = room[: len(allowed[rows])]
        np.subtract(allowed[rows], greatest[rows, None], out=part)
        np.exp(part, out=part)
        sums[rows] = part.sum(axis=1)
    without = greatest + np.log(sums)
    never = np.logaddexp.reduce(logits[:, :NEVER], axis=1, dtype=np.float64)
    return np.logaddexp(without, never), without
