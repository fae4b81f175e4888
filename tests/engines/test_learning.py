"""Learning from what is read: the paper's rule, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textrnn.engines import (
    Cache,
    CachedEngine,
    EnsembleEngine,
    Learning,
    as_learning,
    open_engine,
)
from textrnn.engines._torch_learning import RmsRule
from textrnn.errors import EngineError, UsageError
from textrnn.model_folder import ModelFolder, open_model_folder
from textrnn.tokenizers import BOS

LEARNING = Learning(learning_rate=5e-3, segment=8)


@pytest.fixture
def folder(toy_model: Path) -> ModelFolder:
    return open_model_folder(toy_model)


@pytest.fixture
def engine(folder: ModelFolder) -> Any:
    return open_engine(folder, engine="torch", threads=1)


@pytest.fixture
def ids(folder: ModelFolder) -> np.ndarray:
    """A text unlike those that the model was trained on: "sat the king." again and again."""
    return np.array([BOS, *folder.tokenizer().encode("sat the king.\n" * 12)])


def rule_by_hand(
    start: np.ndarray, gradients: list[np.ndarray], learning: Learning, squares: np.ndarray | None
) -> np.ndarray:
    """Equations 5 and 6, in float64; mean squares that are given stay."""
    value, total, last_mean = start.astype(np.float64), np.zeros(len(start)), np.inf
    for count, gradient in enumerate(gradients, 1):
        total += gradient**2
        root = np.sqrt(total / count if squares is None else squares)
        mean = last_mean if squares is None else root.mean()
        pull = np.minimum(1, learning.decay * root / mean)
        back = pull * (start - value)
        value += back - learning.learning_rate * gradient / (root + learning.epsilon)
        last_mean = root.mean()
    return value


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3, 1.0])
def test_the_rule(fixed: bool, decay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textrnn.engines._torch_learning._AT_ONCE", 4)  # several pieces
    learning = Learning(learning_rate=0.1, decay=decay, epsilon=0.01)
    draw = torch.Generator().manual_seed(1)
    shapes = [(3, 5), (7,)]
    parameters = [torch.randn(shape, generator=draw) for shape in shapes]
    scales = [torch.rand(shape, generator=draw) * 3 for shape in shapes]
    steps = [[torch.randn(s.shape, generator=draw) * s for s in scales] for _ in range(6)]
    start = flat(parameters)
    rule = RmsRule(parameters, learning)
    squares = None
    if fixed:
        for gradients in steps[:2]:
            rule.observe(gradients)
        rule.fix()
        squares = (flat(steps[0]) ** 2 + flat(steps[1]) ** 2) / 2
    for gradients in steps[2:]:
        rule.learn(gradients)
    wanted = rule_by_hand(start, [flat(gradients) for gradients in steps[2:]], learning, squares)
    np.testing.assert_allclose(flat(parameters), wanted, atol=1e-5)
    assert abs(flat(parameters) - start).max() > 0.05


def flat(tensors: list[torch.Tensor]) -> np.ndarray:
    return torch.cat([tensor.flatten() for tensor in tensors]).double().numpy()


def test_it_learns_and_the_model_stays(engine: Any, ids: np.ndarray, toy_model: Path) -> None:
    before = (toy_model / "model.safetensors").read_bytes()
    row, length = ids[np.newaxis], np.array([len(ids)])
    static = engine.score(row, length)[0][0]
    learner = engine.learner(LEARNING)
    readings = list(learner.read(ids))
    np.testing.assert_array_equal(
        np.concatenate([ids[:1], *(reading.ids[1:] for reading in readings)]), ids
    )
    found = np.concatenate([reading.log_probs for reading in readings])
    np.testing.assert_allclose(found[:8], static[1:9], atol=1e-5)  # not learnt from yet
    assert found.sum() > 0.8 * static.sum()
    assert readings[0].hidden.shape == (8, engine.hidden_size)
    after = learner.engine.score(row, length)[0][0]
    assert after.sum() > found.sum()
    np.testing.assert_array_equal(engine.score(row, length)[0][0], static)
    assert (toy_model / "model.safetensors").read_bytes() == before


def test_a_text_in_parts_is_the_text(engine: Any, ids: np.ndarray) -> None:
    """Where a part ends with a segment; one token alone is read and not predicted."""
    whole = engine.learner(LEARNING)
    parts = engine.learner(LEARNING)
    wanted = [reading.log_probs for reading in whole.read(ids)]
    assert list(parts.read(ids[:0])) == []
    assert list(parts.read(ids[:1])) == []
    found = []
    for begin in range(1, len(ids), 16):
        found += [reading.log_probs for reading in parts.read(ids[begin : begin + 16])]
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(wanted))


def test_statistics_of_another_text(engine: Any, ids: np.ndarray, folder: ModelFolder) -> None:
    """They are taken with the model as it is, and do not change its place in the text."""
    training = np.array([BOS, *folder.tokenizer().encode("the cat sat.\na dog ran.\n" * 9)])
    gentle = Learning(learning_rate=1e-3, decay=0.1, segment=8)
    runs = [
        [reading.log_probs for reading in engine.learner(gentle, statistics).read(ids)]
        for statistics in (training, None)
    ]
    np.testing.assert_allclose(runs[0][0], runs[1][0], atol=1e-6)
    assert abs(runs[0][-1] - runs[1][-1]).max() > 1e-3
    static = engine.score(ids[np.newaxis], np.array([len(ids)]))[0].sum()
    assert np.concatenate(runs[0]).sum() > static


def test_a_rate_that_is_too_high(engine: Any, ids: np.ndarray) -> None:
    wild = Learning(learning_rate=1e38, segment=8)
    with pytest.raises(EngineError, match=r"no longer a number: give a lower learning rate than 1"):
        list(engine.learner(wild).read(ids))


def test_engines_without_gradients(folder: ModelFolder) -> None:
    engine: Any = open_engine(folder, engine="onnx", threads=1)
    message = r"the engine onnx cannot learn.*--engine torch"
    for one in (engine, EnsembleEngine([engine]), CachedEngine(engine, Cache(5))):
        with pytest.raises(EngineError, match=message):
            as_learning(one).learner(LEARNING)


def test_with_a_cache(engine: Any, ids: np.ndarray) -> None:
    """Without learning it is the cache; with it, better than either."""
    cached = CachedEngine(engine, Cache(50, theta=0.5))
    still = Learning(learning_rate=1e-12, segment=8)
    wanted = cached.score(ids[np.newaxis], np.array([len(ids)]))[0][0]
    found = np.concatenate([r.log_probs for r in cached.learner(still).read(ids)])
    np.testing.assert_allclose(found, wanted[1:], atol=1e-4)
    learner = cached.learner(LEARNING)
    both = np.concatenate([r.log_probs for r in learner.read(ids)]).sum()
    alone = np.concatenate([r.log_probs for r in engine.learner(LEARNING).read(ids)]).sum()
    assert both > max(alone, wanted.sum())
    assert isinstance(learner.engine, CachedEngine)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0: give a number above 0"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
        ({"decay": -0.1}, r"decay is -0\.1: give a number from 0 to 1"),
        ({"decay": 1.5}, r"decay is 1\.5: give a number from 0 to 1"),
        ({"epsilon": 0.0}, r"epsilon is 0\.0: give a number above 0"),
        ({"segment": 2.0}, r"segment is 2\.0: give a whole number of at least 1"),
        ({"segment": True}, "segment is True"),
    ],
)
def test_settings_that_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Learning(**options)
