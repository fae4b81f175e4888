"""Learning-rate schedules at their ends and between."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.config import ScheduleSettings
from textrnn.training.schedules import learning_rate_factor

KINDS = get_args(ScheduleSettings.model_fields["kind"].annotation)
FINAL, PEAK = 0.1, 0.4
GIVEN: dict[str, dict[str, float]] = {
    "cosine": {"final": FINAL},
    "linear": {"final": FINAL},
    "one_cycle": {"final": FINAL, "peak_at": PEAK},
    "slanted_triangular": {"peak_at": PEAK},
}
#: At the start, halfway and at the end.
ENDS = {
    "constant": (1.0, 1.0, 1.0),
    "plateau": (1.0, 1.0, 1.0),
    "linear": (1.0, 0.55, FINAL),
    "cosine": (1.0, 0.55, FINAL),
    "one_cycle": (1 / 25, 0.1 + 0.9 * (1 + math.cos(math.pi / 6)) / 2, FINAL),
    "slanted_triangular": (1 / 32, (1 + 31 * 5 / 6) / 32, 1 / 32),
}


def schedule(kind: str, **given: Any) -> ScheduleSettings:
    return ScheduleSettings.model_validate({"kind": kind} | GIVEN.get(kind, {}) | given)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ends_are_where_they_should_be(kind: str) -> None:
    found = [learning_rate_factor(schedule(kind), 0, done) for done in (0.0, 0.5, 1.0)]
    assert found == pytest.approx(ENDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_schedule_rises_to_its_peak_and_falls_from_it(kind: str, one: float, two: float) -> None:
    earlier, later = sorted((one, two))
    before, after = (learning_rate_factor(schedule(kind), 0, done) for done in (earlier, later))
    assert 0.0 < before <= 1.0
    peak = PEAK if kind in ("one_cycle", "slanted_triangular") else 0.0
    if later <= peak:
        assert before <= after + 1e-12
    elif earlier >= peak:
        assert before >= after - 1e-12


@pytest.mark.parametrize("kind", ["one_cycle", "slanted_triangular"])
def test_the_peak_is_where_it_was_put(kind: str) -> None:
    assert learning_rate_factor(schedule(kind), 0, PEAK) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_warmed_up(kind: str) -> None:
    plain, warmed = schedule(kind), schedule(kind, warmup_steps=4)
    for step in range(8):
        done = step / 8
        share = min(1.0, (step + 1) / 4)
        expected = share * learning_rate_factor(plain, step, done)
        assert learning_rate_factor(warmed, step, done) == pytest.approx(expected)


def test_each_plateau_multiplies_by_the_factor() -> None:
    settings = schedule("plateau", factor=0.3)
    found = [learning_rate_factor(settings, 0, 0.5, plateaus) for plateaus in range(3)]
    assert found == pytest.approx([1.0, 0.3, 0.09])


def test_a_run_that_is_over_time_stays_at_the_end() -> None:
    assert learning_rate_factor(schedule("linear"), 0, 1.7) == pytest.approx(FINAL)
