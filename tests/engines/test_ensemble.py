"""Several engines as one: the mean of their probabilities, whatever they are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textrnn.engines import Cache, CachedEngine, EnsembleEngine, Learning, open_engine
from textrnn.errors import EngineError
from textrnn.generation import pad_right
from textrnn.model_folder import open_model_folder
from textrnn.tokenizers import BOS

IDS, LENGTHS = pad_right([[BOS, 5, 6, 7, 8, 5, 6], [BOS, 9], [BOS, 4, 4, 4]])


@pytest.fixture(scope="module")
def engines(toy_model: Path) -> list[Any]:
    """Two that differ: one has learnt from a strange text."""
    engine: Any = open_engine(open_model_folder(toy_model), engine="torch", threads=1)
    learner = engine.learner(Learning(learning_rate=1e-2, segment=8))
    list(learner.read(np.array([BOS, *[5, 9, 7] * 30])))
    return [engine, learner.engine]


@pytest.fixture(scope="module")
def both(engines: list[Any]) -> EnsembleEngine:
    return EnsembleEngine(engines)


def probabilities(logits: Any) -> np.ndarray:
    shares = np.exp(np.asarray(logits, np.float64))
    return shares / shares.sum(axis=1, keepdims=True)


def test_the_mean_of_probabilities(engines: list[Any], both: EnsembleEngine) -> None:
    logits, state = both.start(IDS, LENGTHS)
    starts = [engine.start(IDS, LENGTHS) for engine in engines]
    wanted = sum(probabilities(logits) for logits, _ in starts) / 2
    np.testing.assert_allclose(np.exp(logits), wanted, atol=1e-6)
    assert abs(probabilities(starts[0][0]) - wanted).max() > 0.01
    chosen, ids = np.array([2, 0]), np.array([5, 6])
    logits, _ = both.step(ids, both.reorder(state, chosen))
    steps = [
        engine.step(ids, engine.reorder(at, chosen))[0]
        for engine, (_, at) in zip(engines, starts, strict=True)
    ]
    np.testing.assert_allclose(np.exp(logits), sum(map(probabilities, steps)) / 2, atol=1e-6)


def test_scores_hidden_states_and_states(engines: list[Any], both: EnsembleEngine) -> None:
    scored, state = both.score(IDS, LENGTHS)
    parts = [np.exp(engine.score(IDS, LENGTHS)[0]) for engine in engines]
    np.testing.assert_allclose(np.exp(scored), sum(parts) / 2, atol=1e-6)
    hidden, _ = both.read(IDS, LENGTHS)
    assert hidden.shape == (*IDS.shape, both.hidden_size)
    np.testing.assert_allclose(both.log_probs(hidden[0, :6], IDS[0, 1:]), scored[0, 1:], atol=1e-5)
    arrays = both.state_arrays(state)
    assert {name.split("/")[0] for name in arrays} == {"0", "1"}
    ids = np.array([7, 7, 7])
    loaded = both.state_from_arrays(arrays)
    np.testing.assert_array_equal(both.step(ids, loaded)[0], both.step(ids, state)[0])
    for wrong in ("2/0.0", "0.0"):
        with pytest.raises(EngineError, match=f"not a state of 2 models: {wrong}"):
            both.state_from_arrays({**arrays, wrong: ids})


def test_they_learn_side_by_side(engines: list[Any], both: EnsembleEngine) -> None:
    text, learning = np.array([BOS, *[6, 7, 8] * 20]), Learning(segment=10)
    learner = both.learner(learning)
    found = list(learner.read(text))
    alone = [list(engine.learner(learning).read(text)) for engine in engines]
    for reading, *parts in zip(found, *alone, strict=True):
        mean = sum(np.exp(part.log_probs) for part in parts) / 2
        np.testing.assert_allclose(np.exp(reading.log_probs), mean, atol=1e-6)
    row, length = text[np.newaxis], np.array([len(text)])
    assert learner.engine.score(row, length)[0].sum() > both.score(row, length)[0].sum()


def test_with_a_cache(both: EnsembleEngine) -> None:
    cached = CachedEngine(both, Cache(4))
    assert cached.name == "torch+torch+cache"
    logits, state = cached.start(IDS, LENGTHS)
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-4)
    loaded = cached.state_from_arrays(cached.state_arrays(state))
    ids = np.array([4, 5, 6])
    np.testing.assert_array_equal(cached.step(ids, loaded)[0], cached.step(ids, state)[0])
