"""The loop: what it learns, when it evaluates, when it ends, and what it leaves in the network."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.config import EncoderSettings, LanguageModelHeadSettings, TrainingSettings
from textrnn.data import Corpus, Window
from textrnn.errors import DivergedError
from textrnn.nn import cells
from textrnn.tasks import Loss, Scores, Task
from textrnn.tasks.language_modeling import LanguageModeling, LanguageModelNetwork
from textrnn.training import (
    CheckpointSaved,
    Evaluated,
    Finished,
    Notice,
    Started,
    StepDone,
    Trainer,
    make_accelerator,
)
from textrnn.training.progress import Interruption

Begin = Any  # of conftest.py
SGD = {"kind": "sgd", "learning_rate": 0.1}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


# What is learnt


@pytest.mark.parametrize("cell", cells.FAMILY.names())
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_eight_examples_are_learnt_by_heart(cell: str, precision: str, tmp_path: Path) -> None:
    ids = np.random.default_rng(1).integers(0, 20, 8 * 6 + 1).astype(np.uint16)
    path = tmp_path / "ids"
    ids.tofile(path)
    corpus = Corpus(path, "uint16", "eight", len(ids), len(ids), 8, 8, 0)
    settings = TrainingSettings.model_validate(
        {
            "steps": 120,
            "batch_size": 8,
            "bptt": 6,
            "precision": precision,
            "optimizer": {"learning_rate": 2e-2},
        }
    )
    torch.manual_seed(0)
    encoder = EncoderSettings(cell=cell, embedding_size=16, hidden_size=24)
    network = LanguageModelNetwork(encoder, LanguageModelHeadSettings(), 20)
    task = LanguageModeling(network, settings, lambda epoch: corpus)
    trainer = Trainer(task, settings, make_accelerator(precision, "cpu"))
    losses = [event.loss for event in trainer.run() if isinstance(event, StepDone)]
    assert losses[0] == pytest.approx(np.log(20), rel=0.2)
    assert losses[-1] < 0.1
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_the_making_of_batches_counts(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """``training.minutes`` would end too late otherwise."""
    run = begin(steps=3)
    quick = run.trainer.task.batches

    def slow(epoch: int, start: int) -> Iterator[Any]:
        for batch in quick(epoch, start):
            time.sleep(0.02)
            yield batch

    monkeypatch.setattr(run.trainer.task, "batches", slow)
    assert run.go().of(Finished)[0].seconds >= 3 * 0.02


def test_a_held_out_text_is_scored_better_for_it(begin: Begin) -> None:
    run = begin(steps=40, evaluate_every=10, optimizer={"learning_rate": 2e-2})
    before = run.trainer.task.evaluate()["loss"]
    scores = [event.scores["loss"] for event in run.go().of(Evaluated)]
    assert min(scores) < 0.8 * before
    assert run.trainer.task.evaluate()["loss"] == min(scores)


def test_the_same_seed_gives_the_same_bits(begin: Begin) -> None:
    dropout = {"dropout": 0.3, "weight_drop": 0.3}
    first, again, other = (begin(encoder=dropout, seed=seed).go().weights() for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


class Rows(nn.Module):
    """The language model without a carried state, so that the rows of a batch may be cut up."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        settings = EncoderSettings(embedding_size=6, hidden_size=8)
        self.inner = LanguageModelNetwork(settings, LanguageModelHeadSettings(), 9)

    def forward(self, ids: Tensor, targets: Tensor, state: Any) -> Loss:
        return self.inner(ids, targets, None)._replace(state=())  # type: ignore[no-any-return]


class GivenBatches(Task):
    """Batches that a test has made."""

    criterion = "loss"

    def __init__(self, windows: Sequence[Window]) -> None:
        self.network: Rows = Rows()
        self.windows = windows

    @classmethod
    def build_network(cls, settings: Any, vocab_size: int) -> nn.Module:
        return Rows()

    def batches(self, epoch: int, start: int) -> Iterator[Window]:
        return iter(self.windows[start:])

    def batches_an_epoch(self) -> int:
        return len(self.windows)

    def inputs(self, batch: Window, device: torch.device) -> tuple[Tensor, ...]:
        return batch.ids, batch.targets

    def evaluate(self) -> Scores | None:
        return None

    def groups(self) -> Sequence[Sequence[nn.Parameter]]:
        return [list(self.network.parameters())]

    def network_settings(self) -> dict[str, Any]:
        return {}


def window(ids: Tensor) -> Window:
    return Window(ids[:, :-1], ids[:, 1:], ids[:, 1:].numel())


def one_step(
    windows: Sequence[Window], *, penalty: float = 0.0, **training: Any
) -> tuple[StepDone, Rows]:
    given = {"steps": 1, "optimizer": SGD, "clip_norm": None, "schedule": {"kind": "constant"}}
    settings = TrainingSettings.model_validate(given | training)
    task = GivenBatches(windows)
    task.network.inner.activation_regularization = penalty
    trainer = Trainer(task, settings, make_accelerator("float32", "cpu"))
    (done,) = [event for event in trainer.run() if isinstance(event, StepDone)]
    return done, task.network


def test_accumulation_is_one_large_batch() -> None:
    ids = torch.randint(9, (6, 8))
    whole, once = one_step([window(ids)])
    split, twice = one_step([window(ids[:2]), window(ids[2:])], accumulation=2)
    assert split.loss == pytest.approx(whole.loss)
    assert split.tokens == whole.tokens == 42
    assert split.gradient_norm == pytest.approx(whole.gradient_norm)
    for left, right in zip(once.parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("weight", [0.0, 20.0])
def test_a_gradient_is_that_of_the_mean_over_all_tokens(weight: float) -> None:
    """However unequal the batches; the penalties, means already, weigh by their tokens."""
    windows = [window(torch.randint(9, shape)) for shape in ((2, 8), (3, 3), (1, 5))]
    reference = Rows()
    before = [parameter.detach().clone() for parameter in reference.parameters()]
    tokens = sum(each.tokens for each in windows)
    loss, penalty = torch.zeros(()), torch.zeros(())
    for each in windows:
        hidden, _ = reference.inner.encode(each.ids)
        logits = reference.inner.logits(hidden).flatten(0, 1)
        loss = loss + F.cross_entropy(logits, each.targets.flatten(), reduction="sum")
        penalty = penalty + weight * hidden.square().mean() * each.tokens
    ((loss + penalty) / tokens).backward()
    done, network = one_step(windows, penalty=weight, accumulation=3)
    assert done.loss == pytest.approx(loss.item() / tokens)
    assert done.tokens == tokens
    named = zip(before, reference.parameters(), network.parameters(), strict=True)
    for old, expected, found in named:
        assert expected.grad is not None
        torch.testing.assert_close(found.detach(), old - 0.1 * expected.grad)


def test_state_is_carried_along_the_stream_and_cut(begin: Begin) -> None:
    """A window starts from where the one before it ended; an epoch starts anew."""
    run = begin(epochs=2, steps=None)
    network = run.trainer.network
    seen: list[tuple[Any, Any]] = []

    def note(module: nn.Module, args: tuple[Any, ...], result: Loss) -> None:
        if module.training:
            seen.append((args[2], result.state))

    network.register_forward_hook(note)
    run.go()
    batches = run.of(Started)[0].batches_an_epoch
    assert len(seen) == 2 * batches == 12
    for index, (before, _) in enumerate(seen):
        if index % batches == 0:
            assert before is None
            continue
        for cell, ended in zip(before, seen[index - 1][1], strict=True):
            for part, old in zip(cell, ended, strict=True):
                assert torch.equal(part, old)
                assert not part.requires_grad


# What is said, and when it ends


def test_events_come_in_order(begin: Begin) -> None:
    run = begin(steps=5, evaluate_every=2).go()
    kinds = [type(event).__name__ for event in run.events]
    steps = ["StepDone", "StepDone", "Evaluated"]
    assert kinds == ["Started", *steps, *steps, "StepDone", "Evaluated", "Finished"]
    assert [event.step for event in run.of(StepDone)] == [1, 2, 3, 4, 5]
    assert [event.tokens for event in run.of(StepDone)] == [20, 40, 60, 80, 100]
    assert [event.epoch for event in run.of(StepDone)] == pytest.approx(
        [n / 6 for n in range(1, 6)]
    )
    assert [event.step for event in run.of(Evaluated)] == [2, 4, 5]
    started, finished = run.of(Started)[0], run.of(Finished)[0]
    assert started == Started(sum(w.numel() for w in run.weights().values()), 6, 0)
    assert (finished.step, finished.reason) == (5, "steps")
    assert finished.best == min(event.scores["loss"] for event in run.of(Evaluated))
    seconds = [event.seconds for event in run.of(StepDone)]
    assert seconds == sorted(seconds)
    assert run.of(StepDone)[-1].seconds_left == 0.0
    assert all(event.tokens_per_second > 0 for event in run.of(StepDone))


@pytest.mark.parametrize(
    ("limits", "steps", "reason"),
    [
        ({"steps": 7}, 7, "steps"),
        ({"epochs": 2}, 12, "epochs"),
        ({"epochs": 0.5}, 3, "epochs"),
        ({"epochs": 1.5, "steps": 100}, 9, "epochs"),
        ({"epochs": 3, "steps": 4}, 4, "steps"),
        ({"minutes": 1e-9, "steps": 50}, 1, "minutes"),
        ({"epochs": 1, "accumulation": 4}, 2, "epochs"),
    ],
)
def test_a_run_ends_at_its_first_limit(
    limits: dict[str, float], steps: int, reason: str, begin: Begin
) -> None:
    (finished,) = begin(**{"steps": None} | limits).go().of(Finished)
    assert (finished.step, finished.reason) == (steps, reason)


def test_an_epochs_end_is_evaluated_unless_steps_are_named(begin: Begin) -> None:
    assert [event.step for event in begin(steps=14).go().of(Evaluated)] == [6, 12, 14]
    run = begin(steps=14, evaluate_every=7).go()
    assert [event.step for event in run.of(Evaluated)] == [7, 14]


def test_without_a_held_out_text_the_last_weights_are_the_result(begin: Begin) -> None:
    run = begin(valid=False).go()
    assert run.of(Evaluated) == []
    assert run.of(Finished)[0].best is None
    assert not run.trainer.best


def test_the_best_weights_are_the_result(begin: Begin) -> None:
    run = begin(script=[3.0, 1.0, 2.0], evaluate_every=2)
    kept: list[dict[str, Tensor]] = []

    def keep() -> None:
        if isinstance(run.events[-1], Evaluated):
            kept.append(run.weights())

    run.go(after=keep)
    assert [event.best for event in run.of(Evaluated)] == [True, True, False]
    assert run.of(Finished)[0].best == 1.0
    assert same(run.weights(), kept[1])
    assert not same(run.weights(), kept[2])


def test_it_stops_early_where_nothing_gets_better(begin: Begin) -> None:
    scores = [3.0, 2.0, 2.5, 2.0, 9.0, 0.0]
    run = begin(script=scores, evaluate_every=1, early_stopping=3).go()
    (finished,) = run.of(Finished)
    assert (finished.step, finished.reason, finished.best) == (5, "early_stopping", 2.0)


# Rates and steps


def test_the_rate_of_a_step_is_the_schedules(begin: Begin) -> None:
    run = begin(steps=4, schedule={"kind": "linear", "warmup_steps": 2, "final": 0.2}).go()
    rates = [event.learning_rate / 1e-3 for event in run.of(StepDone)]
    assert rates == pytest.approx([0.5, 0.8, 0.6, 0.4])


def test_the_rate_follows_the_windows_length(begin: Begin) -> None:
    variable = {"short": 0.5, "deviation": 1.0}
    run = begin(bptt=10, variable_bptt=variable, steps=8, schedule={"kind": "constant"}).go()
    steps = run.of(StepDone)
    counts = np.diff([0, *(step.tokens for step in steps)])
    assert len(set(counts)) > 1
    rate, rows = run.trainer.settings.optimizer.learning_rate, run.trainer.settings.batch_size
    expected = [rate * count / rows / 10 for count in counts]
    assert [step.learning_rate for step in steps] == pytest.approx(expected)


def test_a_plateau_lowers_the_rate_and_leaves_early_stopping_alone(begin: Begin) -> None:
    run = begin(
        steps=50,
        script=[2.0, 1.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5],
        evaluate_every=1,
        early_stopping=5,
        schedule={"kind": "plateau", "factor": 0.5, "patience": 1},
    ).go()
    rates = [event.learning_rate / 1e-3 for event in run.of(StepDone)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.25])
    assert run.of(Finished)[0].reason == "early_stopping"
    assert {event.text for event in run.of(Notice)} == {
        "no improvement: the learning rate is multiplied by 0.5"
    }


def test_lower_groups_learn_at_lower_rates(begin: Begin) -> None:
    run = begin(steps=1, optimizer=SGD | {"layer_decay": 0.5}, clip_norm=None)
    before = run.weights()
    run.go()
    optimizer = run.trainer.optimizer
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
        [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]
    )
    full = begin(steps=1, optimizer=SGD, clip_norm=None).go().weights()
    for name, value in run.weights().items():
        depth = {"0": 2, "1": 1}.get(name.split(".")[2] if "layers" in name else "", 0)
        change, whole = value - before[name], full[name] - before[name]
        torch.testing.assert_close(change, whole * 0.5**depth)


def test_weight_decay_leaves_vectors_alone(begin: Begin) -> None:
    def run(decay: float) -> dict[str, Tensor]:
        optimizer = {"kind": "adamw", "learning_rate": 0.1, "weight_decay": decay}
        return begin(steps=1, optimizer=optimizer).go().weights()  # type: ignore[no-any-return]

    start, plain, decayed = begin().weights(), run(0.0), run(0.5)
    for name, value in decayed.items():
        shrunk = 0.1 * 0.5 * start[name] if value.ndim > 1 else torch.zeros(())
        torch.testing.assert_close(value, plain[name] - shrunk, rtol=1e-4, atol=1e-6)


def test_groups_are_unfrozen_from_the_top(begin: Begin) -> None:
    run = begin(epochs=3, steps=None, unfreeze={"every": 1})
    before, changed = run.weights(), []
    for event in run.trainer.run():
        if isinstance(event, StepDone):
            weights = run.weights()
            groups = run.trainer.groups
            changed.append(
                tuple(
                    any(
                        not torch.equal(weights[name], before[name])
                        for name, parameter in run.trainer.network.named_parameters()
                        if any(parameter is member for member in group)
                    )
                    for group in groups
                )
            )
    assert changed == (
        [(True, False, False)] * 6 + [(True, True, False)] * 6 + [(True, True, True)] * 6
    )


def test_who_never_unfreezes_is_told(begin: Begin) -> None:
    run = begin(epochs=1, steps=None, unfreeze={"every": 9}).go()
    assert "only the top group learns" in run.of(Notice)[0].text
    assert [parameter.requires_grad for parameter in run.trainer.groups[1]] == [False] * 4
    assert not begin(epochs=1, steps=None, unfreeze={"every": 0.5}).go().of(Notice)


@pytest.mark.parametrize("limits", [{"steps": 6}, {"minutes": 0.1}])
def test_a_short_run_unfreezes_all_groups(
    limits: dict[str, float], begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end comes long before the epochs that unfreezing takes."""
    clock = iter(range(10_000))  # a second goes by whenever somebody looks
    monkeypatch.setattr("textrnn.training.loop.time.monotonic", lambda: next(clock))
    run = begin(**{"steps": None} | limits, unfreeze={"every": 5})
    before = run.weights()
    run.go()
    assert run.of(Finished)[0].step == 6
    weights = run.weights()
    assert not [name for name in weights if torch.equal(weights[name], before[name])]


def test_gradients_are_clipped_by_their_norm(begin: Begin) -> None:
    run = begin(steps=1, optimizer=SGD, clip_norm=1e-3)
    before = run.weights()
    (done,) = run.go().of(StepDone)
    change = [value - before[name] for name, value in run.weights().items()]
    assert done.gradient_norm > 1e-2
    norm = torch.cat([part.flatten() for part in change]).norm().item()
    assert norm == pytest.approx(0.1 * 1e-3, rel=1e-3)


# When it goes wrong


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(bad: float, begin: Begin, tmp_path: Path) -> None:
    run = begin(checkpoints=tmp_path / "checkpoints", checkpoint_minutes=0)
    network = run.trainer.network
    whole = type(network).forward
    kept: list[dict[str, Tensor]] = []

    def forward(*args: Any) -> Loss:
        loss = whole(network, *args)
        return loss._replace(total=loss.total * bad) if len(run.of(StepDone)) == 2 else loss

    network.forward = forward
    with pytest.raises(
        DivergedError,
        match=r"the training loss became NaN or infinite at step 3; the last good weights are in "
        r".*/step-00000002; try a lower learning_rate",
    ):
        run.go(after=lambda: kept.append(run.weights()))
    assert same(run.weights(), kept[-1])
    assert len(run.of(CheckpointSaved)) == 2


def test_a_gradient_that_is_no_number_is_not_stepped_along(begin: Begin) -> None:
    run = begin()
    before = run.weights()
    weight = run.trainer.network.encoder.embedding.weight
    weight.register_hook(lambda grad: grad * float("inf"))
    with pytest.raises(
        DivergedError, match="the training gradient became NaN or infinite at step 1"
    ):
        run.go()
    assert same(run.weights(), before)


def test_a_rate_that_is_far_too_high_diverges(begin: Begin, tmp_path: Path) -> None:
    run = begin(
        optimizer={"kind": "sgd", "learning_rate": 1e30}, clip_norm=None, checkpoints=tmp_path / "c"
    )
    with pytest.raises(DivergedError, match=r"became NaN or infinite at step [23]; "):
        run.go()


@pytest.mark.parametrize("checkpoints", [False, True])
def test_ctrl_c_keeps_a_checkpoint(checkpoints: bool, begin: Begin, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" if checkpoints else None
    handler = signal.getsignal(signal.SIGINT)
    run = begin(steps=50, checkpoints=folder)

    def interrupt() -> None:
        if isinstance(run.events[-1], StepDone) and run.events[-1].step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.go(after=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    assert run.of(StepDone)[-1].step == 3
    if folder is not None:
        assert run.events[-1] == CheckpointSaved(3, folder / "step-00000003")


def test_a_second_ctrl_c_acts_at_once() -> None:
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.came
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
