"""Batches of sentence pairs of like lengths, as many a batch as a budget of tokens allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.data.pairs import Pairs
from textrnn.data.streams import IGNORE
from textrnn.errors import DataError
from textrnn.tokenizers import BOS, EOS, PAD

__all__ = ["PairBatch", "PairBatches"]

POOL = 8192
"""Pairs that are sorted by length together; the pools, and so what is beside what, are random."""

BUCKET = 2
"""Lengths of a target that are not told apart when pairs are sorted: less padding of sources."""


@dataclass(frozen=True)
class PairBatch:
    """Sentence pairs, padded.

    Args:
        source: (B, S), each row ending with EOS, then PAD.
        source_lengths: (B,), EOS counted.
        ids: (B, T), what the decoder reads: BOS and the target, then PAD.
        targets: (B, T), what it is to say: the target and EOS, then :data:`IGNORE`.
        tokens: how many targets there are in the whole batch, over all processes.
    """

    source: Tensor
    source_lengths: Tensor
    ids: Tensor
    targets: Tensor
    tokens: int


@dataclass(frozen=True)
class PairBatches:
    """An epoch's batches: pools of random pairs, each sorted by length and cut by the budget.

    A batch's rows times its width, of the wider side, is within the budget; a pair that is longer
    than the budget is a batch by itself. Every pair is in one batch.

    Args:
        pairs: the pairs.
        budget: tokens of a side in a batch over all processes, padding, BOS and EOS among them.
        shuffle: seed and epoch; None: one pool, from the shortest to the longest.
        rank: which process this is.
        world: of how many; each takes every ``world``-th row of a batch.

    Raises:
        DataError: there are no pairs.

    >>> import numpy as np
    >>> class Two:
    ...     def __len__(self): return 2
    ...     def lengths(self): return np.array([[3, 2], [1, 1]])
    ...     def pair(self, row): return [([7, 8, 9], [5, 6]), ([7], [5])][row]
    >>> (batch,) = PairBatches(Two(), budget=8)
    >>> batch.source.tolist(), batch.source_lengths.tolist()
    ([[7, 3, 0, 0], [7, 8, 9, 3]], [2, 4])
    >>> batch.ids.tolist(), batch.targets.tolist(), batch.tokens
    ([[2, 5, 0], [2, 5, 6]], [[5, 3, -1], [5, 6, 3]], 5)
    """

    pairs: Pairs
    budget: int
    shuffle: tuple[int, int] | None = None
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        """Check that there is something to read."""
        if not len(self.pairs):
            raise DataError("there are no sentence pairs to make batches of")

    def __len__(self) -> int:
        return len(self._plan[1])

    def rows(self, index: int) -> NDArray[np.int64]:
        """The pairs in a batch, over all processes."""
        order, batches = self._plan
        begin, end = batches[index]
        return order[begin:end]

    def __iter__(self) -> Iterator[PairBatch]:
        return (self.batch(index) for index in range(len(self)))

    def batch(self, index: int) -> PairBatch:
        """The batch at ``index``, as far as it is this process's.

        A process for which no row is left takes one of which nothing is to be predicted.
        """
        whole = self.rows(index)
        own = whole[self.rank :: self.world]
        pairs = [self.pairs.pair(int(row)) for row in (own if len(own) else whole[:1])]
        source = _filled(PAD, [(*ids, EOS) for ids, _ in pairs])
        ids = _filled(PAD, [(BOS, *ids) for _, ids in pairs])
        targets = _filled(IGNORE, [(*ids, EOS) for _, ids in pairs])
        if not len(own):
            targets.fill_(IGNORE)
        return PairBatch(
            source=source,
            source_lengths=torch.tensor([len(ids) + 1 for ids, _ in pairs]),
            ids=ids,
            targets=targets,
            tokens=int(self._lengths[whole, 1].sum()) + len(whole),
        )

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return self.pairs.lengths()

    @cached_property
    def _plan(self) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
        """The pairs in order, and each batch's begin and end in it."""
        if self.shuffle is None:
            order = _by_length(self._lengths, np.arange(len(self.pairs)))
            return order, list(_cut(self._lengths[order], self.budget))
        random = np.random.default_rng(self.shuffle)
        order = random.permutation(len(self.pairs))
        pools = [
            _by_length(self._lengths, pool)
            for pool in np.array_split(order, max(2, -(-len(order) // POOL)))
            if len(pool)
        ]
        batches, start = [], 0
        for pool in pools:
            batches += [
                (start + begin, start + end)
                for begin, end in _cut(self._lengths[pool], self.budget)
            ]
            start += len(pool)
        return np.concatenate(pools), [batches[place] for place in random.permutation(len(batches))]


def _by_length(lengths: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows in buckets by the target's length, and in each by the source's, rising and falling.

    So neighbours are alike where one bucket ends and the next begins, too. Ties stay as they are.
    """
    source, bucket = lengths[rows, 0], lengths[rows, 1] // BUCKET
    return rows[np.lexsort((np.where(bucket % 2, source, -source), bucket))]


def _cut(lengths: NDArray[np.int64], budget: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each batch of pairs that stand in order."""
    begin = width = 0
    for place, longer in enumerate((lengths.max(axis=1) + 1).tolist()):
        widened = max(width, longer)
        if place > begin and widened * (place + 1 - begin) > budget:
            yield begin, place
            begin, widened = place, longer
        width = widened
    yield begin, len(lengths)


def _filled(value: int, rows: list[tuple[int, ...]]) -> Tensor:
    """Rows of ids as (B, T), what is left of each filled with a value."""
    whole = np.full((len(rows), max(map(len, rows))), value, np.int64)
    for row, ids in enumerate(rows):
        whole[row, : len(ids)] = ids
    return torch.from_numpy(whole)
