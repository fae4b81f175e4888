"""Mixout: parameters that are now and then what they were at the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from textrnn.errors import UsageError
from textrnn.recipe.assembly import assemble
from textrnn.recipe.catalogue import load_recipe
from textrnn.training import Trainer
from textrnn.training.mixout import Mixout


def parameters(value: float, start: float = 1.0) -> tuple[nn.Parameter, Callable[..., Mixout]]:
    weight = nn.Parameter(torch.full((4000,), start))

    def make(probability: float, seed: int = 1) -> Mixout:
        mixout = Mixout([weight], probability, seed)
        weight.data.fill_(value)
        return mixout

    return weight, make


def test_the_mean_is_the_parameter_and_the_gradient_goes_where_it_was_used() -> None:
    weight, make = parameters(3.0)
    with make(0.75).applied(0):
        mixed = weight.detach().clone()
        (weight * 2.0).sum().backward()
    own = mixed > 1.0
    assert mixed[own].unique().tolist() == [9.0]  # 1 + (3 - 1) / (1 - 0.75)
    assert mixed[~own].unique().tolist() == [1.0]
    assert mixed.mean().item() == pytest.approx(3.0, rel=0.1)
    assert weight.unique().tolist() == [3.0]
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.where(own, 8.0, 0.0))


def test_from_a_start_of_zero_it_is_dropout() -> None:
    weight, make = parameters(2.0, start=0.0)
    with make(0.5).applied(0):
        assert sorted(weight.unique().tolist()) == [0.0, 4.0]


def test_a_step_draws_the_same_again_and_another_step_does_not() -> None:
    weight, make = parameters(3.0)
    drawn = []
    for seed, step in ((1, 0), (1, 0), (1, 1), (2, 0), (2**63 - 1, 0)):
        weight.data.fill_(1.0)
        with make(0.5, seed).applied(step):
            drawn.append(weight.detach().clone())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[3])


def test_frozen_parameters_stay_and_an_error_leaves_them_as_they_were() -> None:
    weight, make = parameters(3.0)
    mixout = make(0.5)
    weight.requires_grad_(False)
    with mixout.applied(0):
        assert weight.unique().tolist() == [3.0]
    weight.requires_grad_(True)

    def fail() -> None:
        with mixout.applied(0):
            raise ValueError("no loss")

    with pytest.raises(ValueError, match="no loss"):
        fail()
    assert weight.unique().tolist() == [3.0]


def test_it_needs_a_model_to_start_from(labelled_folder: Path) -> None:
    with pytest.raises(UsageError, match="mixes in the model that a run starts from: give init_fr"):
        load_recipe(labelled_folder / "recipe.yaml", {"training.mixout": 0.5})


def test_a_run_goes_on_to_the_same_bits(begin: Callable, tmp_path: Path) -> None:
    whole = begin(mixout=0.9, valid=False).go().weights()
    begin(mixout=0.9, valid=False, steps=3, checkpoints=tmp_path).go()
    halves = begin(mixout=0.9, valid=False, checkpoints=tmp_path).go(resume=True).weights()
    plain = begin(valid=False).go().weights()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert not any(torch.equal(whole[name], plain[name]) for name in whole)


def test_what_is_fresh_is_not_mixed(begin: Callable) -> None:
    run = begin(mixout=0.5, valid=False)
    assert run.trainer.mixout is not None
    run.trainer.task.fresh = frozenset(dict(run.trainer.network.named_parameters()))
    alone = Trainer(run.trainer.task, run.trainer.settings, run.trainer.accelerator)
    plain = begin(valid=False).go().weights()
    assert list(alone.run())
    named = dict(alone.network.named_parameters())
    assert all(torch.equal(plain[name], named[name]) for name in plain)


def test_a_classifier_on_another_models_encoder_has_a_fresh_head(
    labelled_folder: Path, toy_classifier: Path, tmp_path: Path
) -> None:
    def fresh(**given: object) -> frozenset[str]:
        overrides = {"init_from": str(toy_classifier), "tokenizer": None, **given}
        return assemble(
            load_recipe(labelled_folder / "recipe.yaml", overrides), tmp_path
        ).task.fresh

    assert fresh() == frozenset()
    other = tmp_path / "other.csv"
    other.write_text((labelled_folder / "train.csv").read_text().replace("pos", "up"))
    given = {"data.path": str(tmp_path), "data.train": "other", "data.valid": None}
    found = fresh(**given, **{"data.test": None})
    assert found
    assert not any(name.startswith("encoder.") for name in found)
