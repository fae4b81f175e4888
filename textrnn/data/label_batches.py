"""Batches of labelled texts of like lengths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.data.label_corpus import LabelledCorpus
from textrnn.data.streams import IGNORE
from textrnn.errors import DataError
from textrnn.tokenizers import PAD

__all__ = ["LabelledBatch", "LabelledBatches"]

POOL = 64
"""Batches whose texts are sorted by length together; the pools are random."""


@dataclass(frozen=True)
class LabelledBatch:
    """Labelled texts, padded.

    Args:
        ids: (B, T), each row BOS, a text, EOS, then PAD.
        lengths: (B,), BOS and EOS counted.
        targets: labels (B,), or (B, C) of 0 and 1.
        tokens: how many texts there are in the whole batch, over all processes: a classifier's loss
            is a mean over texts.
    """

    ids: Tensor
    lengths: Tensor
    targets: Tensor
    tokens: int


@dataclass(frozen=True)
class LabelledBatches:
    """An epoch's batches: pools of random texts, each sorted by length and cut; every text once.

    Args:
        corpus: the texts.
        rows: of a batch, over all processes.
        budget: the most that a batch's rows times its width may be; a text longer than that is a
            batch by itself.
        shuffle: seed and epoch; None: one pool, from the shortest to the longest.
        rank: which process this is.
        world: of how many; each takes every ``world``-th row of a batch.

    Raises:
        DataError: there are no texts.
    """

    corpus: LabelledCorpus
    rows: int
    budget: int
    shuffle: tuple[int, int] | None = None
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        """Check that there is something to read."""
        if not len(self.corpus):
            raise DataError("there are no texts to make batches of")

    def __len__(self) -> int:
        return len(self._plan)

    def places(self, index: int) -> NDArray[np.int64]:
        """The texts in a batch, over all processes."""
        return self._plan[index]

    def batch(self, index: int) -> LabelledBatch:
        """The batch at ``index``, as far as it is this process's.

        A process for which no row is left takes one whose label is not to be predicted.
        """
        whole = self._plan[index]
        own = whole[self.rank :: self.world]
        taken = own if len(own) else whole[:1]
        lengths = self._lengths[taken]
        ids = np.full((len(taken), int(lengths.max())), PAD, np.int64)
        for place, row in enumerate(taken.tolist()):
            ids[place, : lengths[place]] = self.corpus.text(row)
        targets = torch.from_numpy(self.corpus.targets[taken])
        if not len(own):
            targets.fill_(IGNORE)
        return LabelledBatch(torch.from_numpy(ids), torch.from_numpy(lengths), targets, len(whole))

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return self.corpus.lengths()

    @cached_property
    def _plan(self) -> list[NDArray[np.int64]]:
        """The texts of each batch."""
        count = len(self.corpus)
        if self.shuffle is None:
            order = np.arange(count)
            return self._cut(order[np.argsort(self._lengths, kind="stable")])
        random = np.random.default_rng(self.shuffle)
        order, size = random.permutation(count), POOL * self.rows
        batches: list[NDArray[np.int64]] = []
        for begin in range(0, count, size):
            pool = order[begin : begin + size]
            batches += self._cut(pool[np.argsort(self._lengths[pool], kind="stable")])
        return [batches[place] for place in random.permutation(len(batches))]

    def _cut(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Texts in order of their lengths, as batches."""
        batches, begin = [], 0
        for place, length in enumerate(self._lengths[order].tolist()):
            full = place - begin == self.rows or (place + 1 - begin) * length > self.budget
            if place > begin and full:
                batches.append(order[begin:place])
                begin = place
        return [*batches, order[begin:]]
