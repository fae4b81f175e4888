"""The best tokens of many rows, and the sums that their log-probabilities are measured by."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.generation.candidates import NEVER, Candidates, best_tokens, log_totals


def rows(*bases: float) -> np.ndarray:
    """Logits around each of these."""
    draw = np.random.default_rng(0).standard_normal((len(bases), 50)).astype(np.float32)
    return draw + np.array(bases, np.float32)[:, np.newaxis]


@pytest.mark.parametrize("count", [1, 5, 20])
def test_logits_of_any_size_have_their_sums(count: int) -> None:
    logits = rows(0, 60, -60, 1e4, -1e4)
    exact = logits.astype(np.float64)
    whole = np.logaddexp.reduce(exact, axis=1)
    without = np.logaddexp.reduce(exact[:, NEVER:], axis=1)
    _, *totals = best_tokens(logits, count)
    for found in (totals, log_totals(logits)):
        np.testing.assert_allclose(found[0], whole, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[1], without, rtol=1e-6, atol=1e-6)


@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 100),
    within=st.sampled_from([0.0, 1.5, 3.9, 4.1, np.inf]),
    shape=st.sampled_from([(1, 5), (2, 30), (5, 1000), (70, 2000)]),
)
def test_the_best_tokens_of_each_row_are_there(
    seed: int, count: int, within: float, shape: tuple[int, int]
) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, shape).round(1).astype(np.float32)
    logits[:, 7:9] = -np.inf  # as rules leave them
    listed, totals, without = best_tokens(logits, count, within)
    best = Candidates(*map(np.array, listed))
    np.testing.assert_array_equal((totals, without), log_totals(logits))
    np.testing.assert_array_equal(best.values, logits[best.rows, best.ids])
    pairs = list(zip(best.rows, -best.values, best.ids, strict=True))
    assert len(set(pairs)) == len(pairs)
    assert sorted(best.rows) == best.rows.tolist()
    for one, other in itertools.pairwise(pairs):
        assert one[:2] != other[:2] or one[2] < other[2]
    assert best.ids.min() >= NEVER
    assert np.isfinite(best.values).all()
    for row, numbers in enumerate(logits):
        order = sorted(range(NEVER, shape[1]), key=lambda id: (-numbers[id], id))
        near = [id for id in order[:count] if numbers[id] >= numbers[order[0]] - within]
        assert {id for id in near if numbers[id] > -np.inf} <= set(best.ids[best.rows == row])


def test_where_no_limit_is_set_as_many_come_as_are_wanted_best_first() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (40, 300)).round(1).astype(np.float32)
    best, *_ = best_tokens(logits, 5)
    np.testing.assert_array_equal(best.rows, np.arange(40).repeat(5))
    order = np.argsort(-logits[:, NEVER:], axis=1, kind="stable")[:, :5] + NEVER
    np.testing.assert_array_equal(np.reshape(best.ids, (40, 5)), order)


def test_of_a_flat_distribution_no_more_come_than_are_looked_for() -> None:
    best, *_ = best_tokens(np.zeros((3, 9000), np.float32), 5, within=1.5)
    assert best.ids == list(range(NEVER, NEVER + 5)) * 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("base", [1.5, 12.0, 1e4])
@pytest.mark.parametrize("beside", [1e4, np.nan, -np.inf])
def test_a_row_is_the_same_beside_any_other(beside: float, base: float, dtype: type) -> None:
    logits = rows(base, beside).astype(dtype)
    (best, *alone), (others, *together) = best_tokens(logits[:1], 5), best_tokens(logits, 5)
    for one, other in zip(best, others, strict=True):
        assert one == other[: others.rows.count(0)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    for one, other in zip(log_totals(logits[:1]), log_totals(logits), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
