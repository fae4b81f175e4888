"""How many groups learn at a point of a run."""

from __future__ import annotations

from typing import Any

import pytest

from textrnn.config import RunSettings
from textrnn.training.progress import Progress
from textrnn.training.unfreezing import unfrozen

BATCHES = 10


def over(count: int, groups: int = 3, seconds: float = 1.0, **given: Any) -> list[int]:
    """How many groups learn at each step of a run."""
    settings = RunSettings.model_validate(given)
    return [
        unfrozen(
            settings,
            Progress(step, *divmod(step, BATCHES), seconds=step * seconds),
            BATCHES,
            groups,
        )
        for step in range(count)
    ]


@pytest.mark.parametrize(
    "given", [{"epochs": 3}, {"steps": 30}, {"minutes": 0.5}, {"epochs": 9, "steps": 30}]
)
def test_a_run_that_is_long_enough_unfreezes_by_its_epochs(given: dict[str, Any]) -> None:
    assert over(30, **given, unfreeze={"every": 1}) == [1] * 10 + [2] * 10 + [3] * 10


@pytest.mark.parametrize(
    "given", [{"epochs": 1.2}, {"steps": 12}, {"minutes": 0.2}, {"epochs": 9, "steps": 12}]
)
def test_a_run_that_is_too_short_unfreezes_in_its_first_third(given: dict[str, Any]) -> None:
    assert over(12, **given, unfreeze={"every": 1}) == [1] * 2 + [2] * 2 + [3] * 8


def test_an_end_at_which_the_last_group_would_begin_is_too_short() -> None:
    assert over(10, epochs=1, unfreeze={"every": 0.5})[3:6] == [2, 3, 3]


def test_what_has_begun_goes_on_when_the_pace_quickens() -> None:
    settings = RunSettings(minutes=60, unfreeze={"every": 1})
    slow = Progress(80, 0, 80, seconds=25 * 60.0)
    assert unfrozen(settings, slow, 100, 3) == 3
    quick = Progress(98, 0, 98, seconds=26 * 60.0)
    assert unfrozen(settings, quick, 100, 3) == 1
    quick.unfrozen = 3
    assert unfrozen(settings, quick, 100, 3) == 3


def test_what_is_never_to_be_unfrozen_stays() -> None:
    for given in ({"epochs": 1}, {"epochs": 1, "minutes": 0.1}):
        assert over(10, **given, unfreeze={"every": 1}) == [1] * 10


def test_without_unfreezing_or_with_one_group_all_learn() -> None:
    assert over(4, steps=4) == [3] * 4
    assert over(4, groups=1, steps=4, unfreeze={"every": 1}) == [1] * 4
