"""Averages of the weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from textrnn.training import Evaluated, Notice, StepDone
from textrnn.training.averaging import WeightAverage

Begin = Any  # of conftest.py
values = st.lists(st.floats(-100, 100), min_size=1, max_size=20)


def averaged(weight: nn.Parameter, average: WeightAverage) -> float:
    with average.in_place():
        return weight.item()


def put(weight: nn.Parameter, average: WeightAverage, value: float) -> None:
    with torch.no_grad():
        weight.fill_(value)
    average.update()


@given(values)
def test_without_a_decay_it_is_the_mean_of_all_updates(given: list[float]) -> None:
    weight = nn.Parameter(torch.tensor(5.0, dtype=torch.float64))
    average = WeightAverage([weight], None)
    for value in given:
        put(weight, average, value)
    assert averaged(weight, average) == pytest.approx(sum(given) / len(given), abs=1e-9)
    assert weight.item() == given[-1]


@given(values, st.floats(0, 0.999))
def test_with_a_decay_it_is_exponential_and_warmed_up(given: list[float], decay: float) -> None:
    weight = nn.Parameter(torch.tensor(5.0, dtype=torch.float64))
    average = WeightAverage([weight], decay)
    expected = 5.0
    for count, value in enumerate(given, 1):
        put(weight, average, value)
        kept = min(decay, (1 + count) / (10 + count))
        expected = kept * expected + (1 - kept) * value
    assert averaged(weight, average) == pytest.approx(expected, abs=1e-9)


def test_the_weights_come_back_after_an_error() -> None:
    weight = nn.Parameter(torch.tensor(1.0))
    average = WeightAverage([weight], None)
    put(weight, average, 3.0)
    put(weight, average, 5.0)
    with pytest.raises(ZeroDivisionError, match="division"), average.in_place():
        1 / (weight.item() - 4.0)
    assert weight.item() == 5.0


def test_a_run_is_scored_and_ends_with_its_average(begin: Begin) -> None:
    decay = 0.5
    run = begin(steps=6, average=decay, evaluate_every=6, optimizer={"learning_rate": 0.05})
    expected = run.weights()

    def follow() -> None:
        if isinstance(run.events[-1], StepDone):
            count = run.events[-1].step
            kept = min(decay, (1 + count) / (10 + count))
            for name, value in run.weights().items():
                expected[name] = kept * expected[name] + (1 - kept) * value

    run.go(after=follow)
    torch.testing.assert_close(run.weights(), expected)
    score = run.trainer.task.evaluate()["loss"]
    assert score == run.of(Evaluated)[0].scores["loss"]


def test_without_a_held_out_text_the_average_is_the_result(begin: Begin) -> None:
    run = begin(steps=6, average=0.5, valid=False).go()
    plain = begin(steps=6, valid=False).go()
    named = dict(zip(run.weights(), run.trainer.average.values, strict=True))
    torch.testing.assert_close(run.weights(), named)
    assert not torch.equal(run.weights()["head.bias"], plain.weights()["head.bias"])


def trigger(criteria: list[float], patience: int) -> int | None:
    """Algorithm 1 of arXiv:1708.02182: at which evaluation, from 0, averaging begins."""
    logs: list[float] = []
    for t, v in enumerate(criteria):
        if t > patience and v > min(logs[: t - patience]):
            return t
        logs.append(v)
    return None


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=6, max_size=6), st.integers(1, 3))
def test_nt_asgd_begins_to_average_when_the_paper_says(
    begin: Begin, criteria: list[float], patience: int
) -> None:
    run = begin(
        steps=6,
        script=criteria,
        evaluate_every=1,
        optimizer={"kind": "nt_asgd", "learning_rate": 0.1, "patience": patience},
    ).go()
    expected = trigger(criteria, patience)
    notices = [n for n, event in enumerate(run.events) if isinstance(event, Notice)]
    if expected is None:
        assert notices == []
        assert run.trainer.average is None
        return
    (place,) = notices
    before = run.events[place - 1]
    assert isinstance(before, Evaluated)
    assert before.step == expected + 1
    assert run.events[place].text.endswith("averaging begins (NT-ASGD)")
    assert run.trainer.average.updates == 6 - before.step
