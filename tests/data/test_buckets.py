"""Batches of pairs: every pair once, within the budget, the same again from any place."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from textrnn.data import IGNORE, PairBatches
from textrnn.errors import DataError
from textrnn.tokenizers import BOS, EOS, PAD

SIZES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=60)


class Numbered:
    """Pairs of given lengths; each id tells which pair it belongs to."""

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def lengths(self) -> NDArray[np.int64]:
        return np.array(self.sizes, np.int64).reshape(-1, 2)

    def pair(self, row: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        source, target = self.sizes[row]
        return np.full(source, 10 + row, np.uint32), np.full(target, 10 + row, np.uint32)


@given(sizes=SIZES, budget=st.integers(1, 60), shuffle=st.sampled_from([None, (1, 0), (1, 1)]))
def test_every_pair_is_in_one_batch_within_the_budget(
    sizes: list[tuple[int, int]], budget: int, shuffle: tuple[int, int] | None
) -> None:
    batches = PairBatches(Numbered(sizes), budget, shuffle)
    seen: Counter[int] = Counter()
    for batch in batches:
        rows = [int(row[0]) - 10 for row in batch.source]
        seen.update(rows)
        width = max(batch.source.shape[1], batch.ids.shape[1])
        assert len(rows) == 1 or len(rows) * width <= budget
        assert batch.source_lengths.tolist() == [sizes[row][0] + 1 for row in rows]
        assert batch.tokens == int((batch.targets != IGNORE).sum())
        for place, row in enumerate(rows):
            source, target = sizes[row]
            own = [10 + row]
            padding = batch.source.shape[1] - source - 1
            assert batch.source[place].tolist() == own * source + [EOS] + [PAD] * padding
            padding = batch.ids.shape[1] - target - 1
            assert batch.ids[place].tolist() == [BOS] + own * target + [PAD] * padding
            assert batch.targets[place].tolist() == own * target + [EOS] + [IGNORE] * padding
    assert seen == Counter(range(len(sizes)))


@given(sizes=SIZES, world=st.integers(1, 4))
def test_processes_share_a_batch(sizes: list[tuple[int, int]], world: int) -> None:
    pairs = Numbered(sizes)
    whole = PairBatches(pairs, 40, (3, 0))
    parts = [PairBatches(pairs, 40, (3, 0), rank, world) for rank in range(world)]
    assert {len(part) for part in parts} == {len(whole)}
    for index in range(len(whole)):
        batches = [part.batch(index) for part in parts]
        expected = whole.batch(index)
        assert {batch.tokens for batch in batches} == {expected.tokens}
        predicted = sum(int((batch.targets != IGNORE).sum()) for batch in batches)
        assert predicted == expected.tokens
        assert all(len(batch.source) >= 1 for batch in batches)


def test_batches_follow_from_seed_and_epoch() -> None:
    pairs = Numbered([(1 + i % 9, 1 + i % 7) for i in range(200)])

    def rows(seed: int, epoch: int) -> list[list[int]]:
        batches = PairBatches(pairs, 60, (seed, epoch))
        return [batches.rows(index).tolist() for index in range(len(batches))]

    assert rows(1, 0) == rows(1, 0)
    assert rows(1, 0) != rows(1, 1) != rows(2, 1)
    assert {tuple(sorted(batch)) for batch in rows(1, 0)} != {
        tuple(sorted(batch)) for batch in rows(1, 1)
    }


def test_a_batch_is_the_same_whatever_came_before() -> None:
    pairs = Numbered([(1 + i % 9, 1 + i % 7) for i in range(100)])
    read_through = list(PairBatches(pairs, 60, (1, 4)))
    fresh = PairBatches(pairs, 60, (1, 4)).batch(5)
    assert torch.equal(fresh.source, read_through[5].source)
    assert torch.equal(fresh.targets, read_through[5].targets)


def test_little_is_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textrnn.data.buckets.POOL", 2000)
    random = np.random.default_rng(1)
    targets = random.integers(3, 40, 5000)
    sources = np.clip(targets + random.integers(-4, 5, 5000), 1, None)
    pairs = Numbered(list(zip(sources.tolist(), targets.tolist(), strict=True)))
    batches = list(PairBatches(pairs, 2000, (1, 0)))
    real = sum(batch.tokens for batch in batches)
    assert real / sum(batch.targets.numel() for batch in batches) > 0.93
    read = sum(int(batch.source_lengths.sum()) for batch in batches)
    assert read / sum(batch.source.numel() for batch in batches) > 0.85


def test_without_shuffling_from_short_to_long() -> None:
    pairs = Numbered([(9, 9), (1, 1), (5, 5), (1, 1)])
    batches = PairBatches(pairs, 12)
    assert [batches.rows(index).tolist() for index in range(len(batches))] == [[1, 3], [2], [0]]


def test_no_pairs() -> None:
    with pytest.raises(DataError, match="there are no sentence pairs to make batches of"):
        PairBatches(Numbered([]), 10)
