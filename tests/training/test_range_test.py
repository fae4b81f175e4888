"""The learning-rate range test."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch

from textrnn.errors import MissingExtraError, TrainingError, UsageError
from textrnn.training import RangeTest, StepDone, Trainer, learning_rate_range_test

Begin = Any  # of conftest.py
PNG = b"\x89PNG\r\n\x1a\n"


def find(run: Any, **given: Any) -> RangeTest:
    trainer = run.trainer
    return learning_rate_range_test(trainer.task, trainer.settings, trainer.accelerator, **given)


def test_it_names_a_rate_at_which_the_loss_falls(begin: Begin) -> None:
    found = find(begin(encoder={"dropout": 0.1}))
    assert 1e-6 < found.suggestion < found.rates[-1] <= 1.0
    assert len(found.rates) == len(found.losses)
    factors = {round(b / a, 6) for a, b in zip(found.rates, found.rates[1:], strict=False)}
    assert len(factors) == 1
    learnt = begin(steps=40, optimizer={"learning_rate": found.suggestion}).go().of(StepDone)
    assert learnt[-1].loss < 0.8 * learnt[0].loss


def test_each_step_is_the_trainers_at_the_rate_of_its_turn(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the run's own limits, schedule and evaluations are."""
    seen: list[float] = []
    step = Trainer._step

    def noted(self: Trainer, group: Any, started: float) -> StepDone:
        done = step(self, group, started)
        seen.append(done.learning_rate)
        return done

    monkeypatch.setattr(Trainer, "_step", noted)
    run = begin(
        steps=None,
        epochs=0.5,
        evaluate_every=1,
        early_stopping=1,
        average=0.9,
        accumulation=2,
        unfreeze={"every": 1},
        schedule={"kind": "cosine", "warmup_steps": 3},
        script=[],
    )
    found = find(run, lowest=1e-5, highest=1e-2, steps=30)
    assert seen == pytest.approx(list(found.rates))
    assert len(seen) == 30
    assert seen[0] == pytest.approx(1e-5)
    assert seen[-1] == pytest.approx(1e-2)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_network_is_as_it_was(precision: str, begin: Begin) -> None:
    run = begin(precision=precision)
    before, forward = run.weights(), run.trainer.network.forward
    run.trainer.network.head.bias.requires_grad_(False)
    run.trainer.network.eval()
    find(run, steps=20)
    assert all(torch.equal(value, before[name]) for name, value in run.weights().items())
    assert not run.trainer.network.training
    assert not run.trainer.network.head.bias.requires_grad
    assert all(parameter.grad is None for parameter in run.trainer.network.parameters())
    assert run.trainer.network.forward == forward


def test_it_ends_where_the_loss_is_four_times_its_best(begin: Begin) -> None:
    found = find(begin(clip_norm=None), highest=1e3)
    assert len(found.rates) < 100
    assert found.losses[-1] > 4 * min(found.losses)
    assert all(loss <= 4 * min(found.losses) for loss in found.losses[:-1])


def test_it_ends_where_the_loss_is_no_number(begin: Begin) -> None:
    run = begin(optimizer={"kind": "sgd"}, clip_norm=None)
    before = run.weights()
    found = find(run, lowest=1e-3, highest=1e30, steps=20)
    assert 5 <= len(found.losses) < 20
    with pytest.raises(
        TrainingError, match=r"not finite after [1-4] steps from the rate 1e\+30 on"
    ):
        find(run, lowest=1e30, highest=1e31)
    assert all(torch.equal(value, before[name]) for name, value in run.weights().items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lowest": 0.1, "highest": 0.1}, "to rise from 0.1 to 0.1"),
        ({"lowest": 0.0}, "to rise from 0 to 1"),
        ({"lowest": -1.0}, "to rise from -1 to 1"),
        ({"steps": 4}, "4 steps do not show where a loss falls: take 5 or more"),
    ],
)
def test_rates_that_do_not_rise_are_refused(
    given: dict[str, Any], message: str, begin: Begin
) -> None:
    with pytest.raises(UsageError, match=message):
        find(begin(), **given)


def test_the_suggestion_lies_before_the_lowest_loss() -> None:
    rates = tuple(10.0**power for power in range(-5, 1))
    assert RangeTest(rates, (4.0, 4.0, 3.5, 2.0, 1.9, 9.0)).suggestion == pytest.approx(1e-3)
    with pytest.raises(
        TrainingError, match="did not fall at any rate from 1e-05 to 1: begin lower"
    ):
        _ = RangeTest(rates, (4.0, 4.1, 4.2, 4.3, 4.4, 9.0)).suggestion


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    RangeTest((1e-3, 1e-2, 1e-1), (3.0, 2.0, 4.0)).draw(tmp_path / "rates")
    assert (tmp_path / "rates").read_bytes().startswith(PNG)


def test_without_matplotlib_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **given: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return imported(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        MissingExtraError, match=r"curve needs matplotlib: pip install 'textrnn\[plo"
    ):
        RangeTest((1e-3, 1e-2), (3.0, 2.0)).draw(tmp_path / "rates.png")
