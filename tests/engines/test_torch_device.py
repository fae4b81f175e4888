"""Logits that stay on the device, and recorded steps: on the processor here, on a GPU where is one.

A recording is a CUDA graph; on the processor a function that runs again takes its place, so that
all but the capture itself is tested everywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from textrnn.config import EncoderSettings, LanguageModelHeadSettings
from textrnn.engines._torch_device import DeviceLogits, RecordedSteps, record_on_cuda
from textrnn.engines.torch import TorchEngine
from textrnn.generation import BeamPlan, Wish, beam_search
from textrnn.generation.candidates import NEVER, best_tokens, log_totals
from textrnn.tasks.language_modeling import LanguageModelNetwork

V = 40


def make_engine(device: str = "cpu") -> TorchEngine:
    torch.manual_seed(2)
    encoder = EncoderSettings(cell="lstm", embedding_size=8, hidden_size=8, layers=2)
    network = LanguageModelNetwork(encoder, LanguageModelHeadSettings(), V).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return TorchEngine(network.to(device), V)


class Plain:
    """The same engine, its logits always copied."""

    def __init__(self, engine: TorchEngine) -> None:
        self.name, self.vocab_size = engine.name, engine.vocab_size
        self.step, self.reorder = engine.step, engine.reorder


@pytest.mark.parametrize("count", [1, 5, 30, 100])
def test_the_best_and_the_totals_are_those_of_the_array(count: int) -> None:
    array = np.random.default_rng(3).standard_normal((6, V)).astype(np.float32)
    if count >= 10:  # of more equal ones than are wanted, it is not said which
        array[2, 10:20] = array[2].max() + 1
    held = DeviceLogits(torch.from_numpy(array))
    (best, *totals), (there, *wanted) = best_tokens(held, count), best_tokens(array, count)
    assert set(zip(*there, strict=True)) >= set(zip(*best, strict=True))
    np.testing.assert_array_equal(np.bincount(best.rows), [min(count, V - NEVER)] * 6)
    np.testing.assert_allclose(totals, wanted, rtol=1e-6)  # as they round
    for found, wanted in zip(log_totals(held), log_totals(array), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert (len(held), held.shape) == (6, (6, V))
    rows, ids = np.array([0, 5]), np.array([7, 9])
    np.testing.assert_array_equal(held[rows, ids], array[rows, ids])
    np.testing.assert_array_equal(held[:, 1], array[:, 1])
    np.testing.assert_array_equal(np.asarray(held), array)


@pytest.mark.parametrize("rules", [(), (lambda ids, logits: logits * np.float32(0.5),)])
def test_a_beam_finds_the_same_texts_with_logits_on_the_device(
    rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    plan = BeamPlan(beam_size=4, max_new_tokens=12, n_best=3, rules=rules)
    beginnings, wishes = [[2, 9], [2, 17]], [Wish(), Wish(prefix=(7, 8))]
    logits, state = engine.start(np.array(beginnings), np.array([2, 2]))
    plain = beam_search(Plain(engine), beginnings, logits, state, plan, wishes=wishes)

    def refused(*given: Any) -> Any:
        raise AssertionError("all logits are asked for")

    monkeypatch.setattr(engine, "step", refused)
    held = beam_search(engine, beginnings, logits, state, plan, wishes=wishes)
    assert [[h.ids for h in best] for best in held] == [[h.ids for h in best] for best in plain]
    for ours, theirs in zip(held, plain, strict=True):
        np.testing.assert_allclose([h.score for h in ours], [h.score for h in theirs], rtol=1e-5)


def run_again(run: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], Any], Sequence[Tensor]]:
    """A recording as a CUDA graph makes it: its results are always in the same tensors."""
    results = run()

    def repeat() -> None:
        for place, value in zip(results, run(), strict=True):
            place.copy_(value)

    return repeat, results


def texts(engine: TorchEngine, rows: int = 3) -> Any:
    """Logits of some steps, and the states, all kept."""
    ids = np.arange(5, 5 + rows)
    logits, state = engine.start(ids[:, None], np.ones(rows, np.int64))
    kept = [(logits, engine.state_arrays(state))]
    for _ in range(4):
        logits, state = engine.step(logits[:, 4:].argmax(1) + 4, state)
        kept.append((logits, engine.state_arrays(state)))
    return kept


def check_recorded(engine: TorchEngine, recorded: TorchEngine) -> None:
    for rows in (3, 1, 3):
        for (a, b), (c, d) in zip(texts(engine, rows), texts(recorded, rows), strict=True):
            np.testing.assert_allclose(a, c, atol=1e-5)
            for name in b:
                np.testing.assert_allclose(b[name], d[name], atol=1e-5)


def test_recorded_steps_are_the_steps() -> None:
    recorded = make_engine()
    steps = RecordedSteps(recorded._plain_step, run_again)
    recorded._step = steps
    check_recorded(make_engine(), recorded)
    assert set(steps._recorded) == {1, 3}


def test_so_many_recordings_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textrnn.engines._torch_device._MOST_RECORDED", 1)
    recorded = make_engine()
    steps = RecordedSteps(recorded._plain_step, run_again)
    recorded._step = steps
    check_recorded(make_engine(), recorded)
    assert set(steps._recorded) == {3}


def refused(run: Callable[[], Sequence[Tensor]]) -> Any:
    raise RuntimeError("operation not permitted when stream is capturing\nmore")


def wrong(run: Callable[[], Sequence[Tensor]]) -> Any:
    return (lambda: None), [result + 1 for result in run()]


@pytest.mark.parametrize(
    ("record", "reason"),
    [(refused, "operation not permitted when stream is capturing"), (wrong, "something else than")],
)
def test_a_recording_that_fails_is_not_used(
    record: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine()
    engine._step = RecordedSteps(engine._plain_step, record)
    with caplog.at_level(logging.INFO, "textrnn"):
        check_recorded(make_engine(), engine)
    assert [r.getMessage() for r in caplog.records if reason in r.getMessage()]
    assert len(caplog.records) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA device")
def test_cuda_graphs_are_the_steps() -> None:
    recorded = make_engine("cuda")
    assert isinstance(recorded._step, RecordedSteps)
    check_recorded(make_engine(), recorded)
    assert set(recorded._step._recorded) == {1, 3}
    assert recorded._step._record is record_on_cuda
