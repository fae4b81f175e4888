"""The bootstrap finds a real difference, and seldom finds one that is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import DataError, UsageError
from textrnn.metrics import paired_bootstrap

values = st.lists(
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 1000)), min_size=1, max_size=30
)


def test_scores_are_over_the_sizes() -> None:
    found = paired_bootstrap([10, 20], [12, 24], [5, 10], samples=10)
    assert (found.first, found.second) == (2.0, 2.4)
    assert found.making == "paired bootstrap, 10 resamples of 2 segments, seed 1"


def test_accuracy_needs_no_sizes() -> None:
    assert paired_bootstrap([1, 0, 1, 1], [1, 1, 1, 1]).first == 0.75


def test_a_difference_by_hand() -> None:
    # Two segments, differences 0 and 1: a resample has the mean 0, 0.5 or 1, so each resample is
    # as far from 0.5 as 0 is or exactly at 0.5, which is half of them.
    found = paired_bootstrap([0, 0], [0, 1], samples=4000)
    assert found.interval == (0, 1)
    assert found.p_value == pytest.approx(0.5, abs=0.03)


def test_the_interval_is_that_of_the_normal_distribution() -> None:
    gains = np.random.default_rng(0).normal(0.3, 2, 4000)
    found = paired_bootstrap(np.zeros(4000), gains)
    error = gains.std() / np.sqrt(4000)
    expected = (gains.mean() - 1.96 * error, gains.mean() + 1.96 * error)
    np.testing.assert_allclose(found.interval, expected, atol=0.2 * error)  # type: ignore[arg-type]


def test_p_values_of_equal_systems_are_spread_evenly() -> None:
    random = np.random.default_rng(0)
    ps = [
        paired_bootstrap(*random.normal(size=(2, 100)), samples=200, seed=trial).p_value
        for trial in range(200)
    ]
    assert 0.01 < np.mean(np.array(ps) < 0.05) < 0.1
    assert np.mean(ps) == pytest.approx(0.5, abs=0.07)


@settings(max_examples=50)
@given(values, st.integers(0, 2**32))
def test_turned_around_the_signs_change(rows: list[tuple[float, float, int]], seed: int) -> None:
    first, second, sizes = (np.array(column) for column in zip(*rows, strict=True))
    there = paired_bootstrap(first, second, sizes, samples=20, seed=seed)
    back = paired_bootstrap(second, first, sizes, samples=20, seed=seed)
    assert (there.first, there.second) == (back.second, back.first)
    assert there.interval is not None
    assert back.interval is not None
    np.testing.assert_allclose(there.interval, [-back.interval[1], -back.interval[0]], atol=1e-9)
    assert 0 < there.p_value <= 1


def test_a_seed_repeats_it() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 50))
    assert paired_bootstrap(first, second, seed=7) == paired_bootstrap(first, second, seed=7)
    assert paired_bootstrap(first, second, seed=7) != paired_bootstrap(first, second, seed=8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [1, 2]), r"values \(1,\), \(2,\) and sizes \(1,\) do not pair"),
        (([1], [1], [1, 2]), r"values \(1,\), \(1,\) and sizes \(2,\) do not pair"),
        (([[1]], [[1]]), "do not pair"),
        (([], []), "there is nothing to compare: no segments, or one without a size"),
        (([1, 2], [1, 2], [1, 0]), "there is nothing to compare: no segments, or one without"),
    ],
)
def test_what_cannot_be_compared(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        paired_bootstrap(*arguments)


def test_no_resamples() -> None:
    with pytest.raises(UsageError, match="samples is 0, and must be at least 1"):
        paired_bootstrap([1], [2], samples=0)
