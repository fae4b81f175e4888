"""The best next tokens of many rows at once, and what their log-probabilities are measured by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
_NEAR = 4.0  # nats; as a rule a dozen or two of tokens are as near as that to a row's best
_CROWD = 16  # so many times as many as are wanted are too many: a flat distribution's
_FEW = 64  # up to here, looking for the greatest again and again is quicker than partitioning
_LEAST = np.finfo(np.float32).min
_CHUNK = 1 << 18  # numbers worked on at a time: they stay in the processor's own memory


class Candidates(NamedTuple):
    """What rows may go on with, row by row.

    Args:
        rows: ascending.
        ids: the tokens; in a row, of those with equal values the smaller one comes first.
        values: what they are weighed by.
    """

    rows: list[int]
    ids: list[int]
    values: list[float]


@np.errstate(invalid="ignore", over="ignore")  # the caller looks at the totals
def best_tokens(
    logits: AnyLogits, count: int, within: float = np.inf
) -> tuple[Candidates, Numbers, Numbers]:
    """The best tokens of each row.

    Args:
        logits: (B, V).
        count: how many of each row are wanted.
        within: how far from its row's best a token may lie; what lies further away may be missing,
            and what is as near may be there, though it be more than ``count``.

    Returns:
        The tokens with their logits, PAD, UNK and BOS left out, and what :func:`log_totals` gives.

    >>> best, *totals = best_tokens(np.array([[9, 9, 9, 1, 3, 3, 2]], np.float32), 2)
    >>> best.ids, best.values
    ([4, 5], [3.0, 3.0])
    """
    if not isinstance(logits, np.ndarray):
        ids, values = logits.best(count, NEVER)
        rows = np.arange(len(ids)).repeat(ids.shape[1])
        return _listed(rows, ids.ravel(), values.ravel()), *logits.log_totals(NEVER)
    count = min(count, logits.shape[1] - NEVER)
    found, totals = [], []
    for begin, part, room in _chunks(logits):
        greatest = np.maximum.reduce(part[:, NEVER:], axis=1)
        rows, ids = _best(part, greatest, count, within, room)
        found.append((rows + begin if begin else rows, ids))
        totals.append(_log_totals(part, greatest, room))
    rows, ids = _joined(found)
    return _listed(rows, ids, logits[rows, ids]), *_joined(totals)


@np.errstate(invalid="ignore", over="ignore")
def log_totals(logits: AnyLogits) -> tuple[Numbers, Numbers]:
    """Logarithms of the sums of exponentials: of all tokens (B,), and without PAD, UNK and BOS.

    >>> [totals.round(4).tolist() for totals in log_totals(np.zeros((1, 8), np.float32))]
    [[2.0794], [1.6094]]
    """
    if not isinstance(logits, np.ndarray):
        return logits.log_totals(NEVER)
    totals = [
        _log_totals(part, np.maximum.reduce(part[:, NEVER:], axis=1), room)
        for _, part, room in _chunks(logits)
    ]
    return _joined(totals)


def _listed(rows: Ids, ids: Ids, values: Numbers) -> Candidates:
    return Candidates(rows.tolist(), ids.tolist(), values.tolist())


def _joined(pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Pairs of arrays, one after the other, as one pair."""
    if len(pairs) == 1:
        return pairs[0]
    one, other = map(np.concatenate, zip(*pairs, strict=True))
    return one, other


def _chunks(logits: Logits) -> Iterator[tuple[int, Logits, Logits]]:
    """A few rows at a time: the first one's number, they in float32, and room for as much."""
    at_once = max(1, _CHUNK // logits.shape[1])
    room = np.empty((min(at_once, len(logits)), logits.shape[1]), np.float32)
    for begin in range(0, len(logits), at_once):
        part = np.asarray(logits[begin : begin + at_once], np.float32)
        yield begin, part, room[: len(part)]


def _best(
    part: Logits, greatest: Floats, count: int, within: float, room: Logits
) -> tuple[Ids, Ids]:
    """Rows and ids of what is near each row's best, or of its ``count`` best.

    Args:
        part: the logits (B, V).
        greatest: of each row (B,).
        count: how many are wanted, at most as many as there are.
        within: how far from its row's best one may lie.
        room: for as many numbers.
    """
    if within <= _NEAR:
        rows, ids = _not_below(part, greatest - within)
        if len(rows) <= _CROWD * count * len(part):
            return rows, ids
    if count <= _FEW:
        return _one_by_one(part, count, room)
    place = part.shape[1] - NEVER - count
    least = np.partition(part[:, NEVER:], place, axis=1)[:, place]
    return _not_below(part, np.maximum(least, _LEAST))  # what is banned is none of them


def _not_below(part: Logits, least: Floats) -> tuple[Ids, Ids]:
    """Rows and ids of all that reach their row's ``least`` (B,)."""
    part = part[:, NEVER:]
    (places,) = (part >= least[:, np.newaxis]).ravel().nonzero()
    rows, ids = np.divmod(places, part.shape[1])
    ids += NEVER
    return rows, ids


def _one_by_one(part: Logits, count: int, room: Logits) -> tuple[Ids, Ids]:
    """Rows and ids of the greatest, found one after the other; what is banned is none of them."""
    room[:] = part
    room[:, :NEVER] = -np.inf
    numbers, begins = room.reshape(-1), np.arange(0, room.size, room.shape[1])
    ids = np.empty((count, len(room)), np.int64)
    values = np.empty(ids.shape, np.float32)
    for place in range(count):
        ids[place] = room.argmax(axis=1)
        places = ids[place] + begins
        values[place] = numbers[places]
        numbers[places] = -np.inf
    left = np.isfinite(values.T)
    return left.nonzero()[0], ids.T[left]


def _log_totals(part: Logits, greatest: Floats, room: Logits) -> tuple[Numbers, Numbers]:
    """What :func:`log_totals` gives.

    From what is large or small the greatest is taken first: each row for itself, so that it is the
    same beside others.
    """
    never = np.logaddexp.reduce(part[:, :NEVER], axis=1, dtype=np.float64)
    sizes, base = np.abs(greatest), None
    if not np.maximum.reduce(sizes) < _SAFE:
        base = np.where(sizes < _SAFE, np.float32(0.0), greatest)
        part = np.subtract(part, base[:, np.newaxis], out=room)
    weights = np.exp(part, out=room)[:, NEVER:]
    without: Numbers = np.log(np.add.reduce(weights, axis=1), dtype=np.float64)
    if base is not None:
        without += base
    return np.logaddexp(without, never), without
