"""Texts of unequal lengths side by side: which ones together, and padded to one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from textrnn.engines import Ids
from textrnn.tokenizers import PAD

__all__ = ["in_batches", "pad_right"]


def pad_right(rows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Rows of ids as ids (B, T), padded with PAD on the right, and their lengths (B,).

    >>> pad_right([[2, 5], [2]])
    (array([[2, 5],
           [2, 0]]), array([2, 1]))
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    ids = np.full((len(rows), lengths.max()), PAD, np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids, lengths


def in_batches(lengths: Sequence[int], tokens: int, rows: int | None = None) -> Iterator[list[int]]:
    """Places of texts of like lengths, as many together as there is room for, one at least.

    Args:
        lengths: of the texts, in tokens.
        tokens: in a batch, at most, padding included.
        rows: in a batch, at most.

    >>> list(in_batches([3, 40, 2], tokens=40))
    [[2, 0], [1]]
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        size = len(batch) + 1
        if batch and (size * lengths[place] > tokens or (rows is not None and size > rows)):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
