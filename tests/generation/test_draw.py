"""Random streams, draws from logits, and the history that rules see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from textrnn.generation.draw import RandomStream, draw, fresh_seed, log_probs_of
from textrnn.generation.history import HISTORY, History
from textrnn.generation.rules import Shortlist
from textrnn.tokenizers import PAD


def test_a_stream_depends_on_seed_and_index_alone() -> None:
    def numbers(seed: int, index: int) -> list[float]:
        stream = RandomStream(seed, index)
        return [stream.next() for _ in range(5)]

    assert numbers(1, 0) == numbers(1, 0)
    assert len({tuple(numbers(seed, index)) for seed in range(5) for index in range(5)}) == 25


@given(st.integers(0, 2**63), st.integers(0, 1000), st.integers(0, 40))
def test_a_stream_goes_on_where_it_was(seed: int, index: int, drawn: int) -> None:
    stream = RandomStream(seed, index)
    numbers = [stream.next() for _ in range(drawn + 1)]
    assert stream.drawn == drawn + 1
    assert RandomStream(seed, index, drawn).next() == numbers[-1]


def test_fresh_seeds_differ_and_are_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # tests are given the same ones each time
    seeds = {fresh_seed() for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_draws_follow_the_distribution() -> None:
    wanted = np.array([0.5, 0.0, 0.3, 0.15, 0.05])
    with np.errstate(divide="ignore"):
        logits = np.log(wanted).astype(np.float32) + 7
    stream = RandomStream(3, 0)
    left = Shortlist(logits)
    drawn = [draw(left, stream.next()) for _ in range(20_000)]
    counts = np.bincount(drawn, minlength=5)
    assert counts[1] == 0
    assert chisquare(np.delete(counts, 1), 20_000 * np.delete(wanted, 1)).pvalue > 1e-3


@pytest.mark.parametrize("uniform", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_a_banned_token_is_never_drawn(uniform: float) -> None:
    logits = np.array([-np.inf, 1, -np.inf, -80, -np.inf], np.float32)
    assert draw(Shortlist(logits), uniform) in (1, 3)


def test_log_probs_are_those_of_the_softmax() -> None:
    logits = np.random.default_rng(1).normal(0, 4, (3, 50)).astype(np.float32)
    exact = logits - np.log(np.exp(logits.astype(np.float64)).sum(1, keepdims=True))
    rows, ids = np.array([0, 2, 2]), np.array([4, 4, 49])
    np.testing.assert_allclose(log_probs_of(logits, rows, ids), exact[rows, ids], atol=1e-5)


rows_of_ids = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=4)


@given(begun=rows_of_ids, more=st.lists(st.integers(1, 99), max_size=150), data=st.data())
def test_a_history_shows_what_was_appended(begun: Any, more: list[int], data: Any) -> None:
    history = History(begun)
    for token in more:
        history.append([token] * len(begun))
    taken = data.draw(st.lists(st.integers(0, len(begun) - 1), max_size=5))
    history.take(taken)
    longest = max(map(len, begun)) + len(more)
    wanted = [[PAD] * (longest - len(begun[r]) - len(more)) + begun[r] + more for r in taken]
    np.testing.assert_array_equal(history.window(), np.array(wanted).reshape(len(taken), longest))


def test_a_history_forgets_what_is_too_old() -> None:
    history = History([range(HISTORY + 5), [7]])
    np.testing.assert_array_equal(history.window()[0], np.arange(5, HISTORY + 5))
    for token in range(3 * HISTORY):
        history.append([token, token])
        assert history.window().shape == (2, HISTORY)
        assert history._buffer.shape[1] <= 2 * HISTORY + 64
    np.testing.assert_array_equal(history.window()[1], np.arange(2 * HISTORY, 3 * HISTORY))


def test_a_history_cannot_be_written_to_by_a_rule() -> None:
    with pytest.raises(ValueError, match="read-only"):
        History([[2, 3]]).window()[0, 0] = 5
