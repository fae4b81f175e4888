"""Streams: every target where it belongs, once, on every process."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from textrnn.data import IGNORE, TokenStreams
from textrnn.errors import DataError

sizes = st.tuples(st.integers(2, 200), st.integers(1, 8), st.integers(1, 12))


def read(streams: TokenStreams) -> tuple[np.ndarray, np.ndarray]:
    """All windows of the streams side by side: ids and targets (B, row length)."""
    windows = [streams.window(index) for index in range(len(streams))]
    return (
        torch.cat([window.ids for window in windows], 1).numpy(),
        torch.cat([window.targets for window in windows], 1).numpy(),
    )


@given(sizes)
def test_whole_predicts_every_token_but_the_first_once(given: tuple[int, int, int]) -> None:
    tokens, rows, bptt = given
    ids, targets = read(TokenStreams(np.arange(tokens), rows, bptt, whole=True))
    real = targets != IGNORE
    assert sorted(targets[real]) == list(range(1, tokens))
    assert (ids[real] == targets[real] - 1).all()
    assert targets.shape == ids.shape
    assert [row[row != IGNORE].tolist() for row in targets] == [
        sorted(row[row != IGNORE]) for row in targets
    ]


@given(sizes)
def test_training_rows_are_contiguous_and_equally_long(given: tuple[int, int, int]) -> None:
    tokens, rows, bptt = given
    assume(tokens > rows * bptt)
    streams = TokenStreams(np.arange(tokens), rows, bptt)
    ids, targets = read(streams)
    assert ids.shape == targets.shape == (rows, streams.row_length)
    assert (targets == ids + 1).all()
    assert (np.diff(ids, axis=1) == 1).all()
    assert (ids[1:, 0] == targets[:-1, -1]).all()  # a row begins where the one before it ends
    assert tokens - 1 - targets.size < rows
    widths = [streams.window(index).ids.shape[1] for index in range(len(streams))]
    assert set(widths[:-1]) <= {bptt}
    assert 1 <= widths[-1] <= bptt


@given(sizes, st.integers(1, 4))
def test_processes_share_the_rows(given: tuple[int, int, int], world: int) -> None:
    tokens, rows, bptt = given[0], given[1] * world, given[2]
    assume(tokens > rows * bptt)
    corpus = np.arange(tokens)
    whole = TokenStreams(corpus, rows, bptt)
    parts = [TokenStreams(corpus, rows, bptt, rank=rank, world=world) for rank in range(world)]
    assert {len(part) for part in parts} == {len(whole)}
    for index in range(len(whole)):
        window = whole.window(index)
        here = [part.window(index) for part in parts]
        assert torch.equal(torch.cat([each.ids for each in here]), window.ids)
        assert torch.equal(torch.cat([each.targets for each in here]), window.targets)
        assert {each.tokens for each in here} == {window.tokens} == {window.targets.numel()}


@given(sizes)
def test_the_count_of_targets_is_exact(given: tuple[int, int, int]) -> None:
    tokens, rows, bptt = given
    streams = TokenStreams(np.arange(tokens), rows, bptt, whole=True)
    counts = [streams.window(index).tokens for index in range(len(streams))]
    assert sum(counts) == tokens - 1


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_large_ids_pass_unharmed(dtype: type[np.generic]) -> None:
    top = np.iinfo(dtype).max
    window = TokenStreams(np.array([top - 1, top, top - 2], dtype), 1, 2).window(0)
    assert window.ids.tolist() == [[top - 1, top]]
    assert window.targets.tolist() == [[top, top - 2]]
    assert window.ids.dtype == torch.int64


def test_a_corpus_that_is_too_short_says_what_it_needs() -> None:
    assert len(TokenStreams(np.arange(13), 3, 4)) == 1
    with pytest.raises(
        DataError,
        match=r"the corpus has 12 tokens, too few for one window: batch_size 3 x bptt 4 needs 13; "
        "make one of them smaller",
    ):
        TokenStreams(np.arange(12), 3, 4)


def test_rows_that_do_not_divide_are_refused() -> None:
    with pytest.raises(DataError, match="batch_size 5 does not divide among 2 processes"):
        TokenStreams(np.arange(100), 5, 4, world=2)


@given(sizes, st.integers(0, 99))
def test_windows_of_random_lengths_are_the_same_streams(
    given: tuple[int, int, int], seed: int
) -> None:
    tokens, rows, bptt = given
    assume(tokens > rows * bptt)
    plain = TokenStreams(np.arange(tokens), rows, bptt)
    varied = plain.varied(0.05, 2.0, (seed, 3))
    for left, right in zip(read(varied), read(plain), strict=True):
        np.testing.assert_array_equal(left, right)
    windows = [varied.window(index) for index in range(len(varied))]
    assert [window.ids.shape[1] for window in windows] == list(varied.lengths)
    assert [window.tokens for window in windows] == [rows * width for width in varied.lengths]
    assert varied.lengths == plain.varied(0.05, 2.0, (seed, 3)).lengths


def test_lengths_are_drawn_as_the_paper_says() -> None:
    """Around bptt in 19 of 20 cases and around its half in the other, at least 5, anew by seed."""
    streams = TokenStreams(np.zeros(400_001, np.int64), 1, 70)
    lengths = np.array(streams.varied(0.05, 5.0, (1, 0)).lengths[:-1])
    short = lengths < 52
    assert short.mean() == pytest.approx(0.05, abs=0.01)
    assert lengths[short].mean() == pytest.approx(35, abs=1)
    assert lengths[~short].mean() == pytest.approx(70, abs=0.5)
    assert lengths[~short].std() == pytest.approx(5, abs=0.3)
    assert streams.varied(0.05, 5.0, (1, 1)).lengths[:9] != tuple(lengths[:9])
    assert min(streams.varied(0.0, 50.0, (1, 0)).lengths[:-1]) == 5
    assert set(TokenStreams(np.zeros(91), 1, 3).varied(0.0, 2.0, (1,)).lengths) <= set(range(3, 12))
