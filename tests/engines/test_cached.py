"""The neural cache: the paper's formula token by token, whatever the way the text is read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textrnn.engines import Cache, CachedEngine, Engine, open_engine
from textrnn.engines import _cached as module
from textrnn.errors import EngineError, UsageError
from textrnn.generation import pad_right
from textrnn.model_folder import open_model_folder
from textrnn.tokenizers import BOS

CACHE = Cache(7, theta=0.8, weight=0.3)
TEXT = [BOS, 5, 6, 7, 5, 6, 8, 5, 6, 7, 9, 9, BOS, 5, 6, 10, 4, 5, 6, 7, 11, 5, 6, 5]


@pytest.fixture(scope="module", params=["onnx", "torch"])
def engine(request: pytest.FixtureRequest, toy_model: Path) -> Any:
    return open_engine(open_model_folder(toy_model), engine=request.param, threads=1)


def expected(engine: Engine, ids: list[int], cache: Cache) -> list[np.ndarray]:
    """The mixed distribution (V,) after each token, from the paper's equations.

    While the cache fills, its share is as much smaller as there is less in it.
    """
    found, pairs, last, state = [], [], None, None
    for id in ids:
        if last is not None and id != BOS:
            pairs = [*pairs, (last, id)][-cache.size :]
        one = np.array([[id]])
        logits, _ = engine.start(one, np.array([1]), state)
        hidden, state = engine.read(one, np.array([1]), state)
        last = hidden[0, 0].astype(np.float64)
        model = np.exp(logits[0].astype(np.float64))
        model /= model.sum()
        weights = np.array([np.exp(cache.theta * (last @ h)) for h, _ in pairs])
        in_cache = np.zeros(engine.vocab_size)
        for weight, (_, token) in zip(weights, pairs, strict=True):
            in_cache[token] += weight / weights.sum()
        share = cache.weight * len(pairs) / cache.size
        found.append((1 - share) * model + share * in_cache)
    return found


def test_steps_follow_the_formula(engine: Any) -> None:
    cached = CachedEngine(engine, CACHE)
    wanted = expected(engine, TEXT, CACHE)
    logits, state = cached.start(np.array([TEXT[:1]]), np.array([1]))
    for place, id in enumerate(TEXT[1:]):
        np.testing.assert_allclose(np.exp(logits[0]), wanted[place], atol=2e-5)
        assert np.exp(logits[0]).sum() == pytest.approx(1, abs=1e-4)
        logits, state = cached.step(np.array([id]), state)
    np.testing.assert_allclose(np.exp(logits[0]), wanted[-1], atol=2e-5)
    assert len(state.memories[0].ids) == CACHE.size


def test_a_prompt_is_read_as_step_by_step(engine: Any) -> None:
    cached = CachedEngine(engine, CACHE)
    rows = [TEXT, TEXT[:1], TEXT[:9]]
    logits, state = cached.start(*pad_right(rows))
    for row, ids in enumerate(rows):
        wanted = expected(engine, ids, CACHE)[-1]
        np.testing.assert_allclose(np.exp(logits[row]), wanted, atol=2e-5)
    logits, _ = cached.start(np.array([TEXT[9:12]] * 3), np.array([3, 1, 3]), state)
    wanted = expected(engine, [*TEXT[:9], *TEXT[9:12]], CACHE)[-1]
    np.testing.assert_allclose(np.exp(logits[2]), wanted, atol=2e-5)


@pytest.mark.parametrize("at_once", [3, 256])
def test_scores_are_those_of_the_steps(
    engine: Any, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, window by window, in parts, and beside another row."""
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    cached, distributions = CachedEngine(engine, CACHE), expected(engine, TEXT, CACHE)
    wanted = [0.0, *(np.log(p[id]) for p, id in zip(distributions, TEXT[1:], strict=False))]
    whole, _ = cached.score(*pad_right([TEXT[:5], TEXT]))
    np.testing.assert_allclose(whole[1], wanted, atol=1e-4)
    np.testing.assert_allclose(whole[0, :5], wanted[:5], atol=1e-4)
    assert not whole[0, 5:].any()
    begun, state = cached.score(np.array([TEXT[:1]]), np.array([1]))
    assert begun.tolist() == [[0.0]]
    parts, cuts = [], [0, 4, 5, 13, len(TEXT) - 1]
    for begin, end in pairwise(cuts):
        some, state = cached.score(
            np.array([TEXT[begin : end + 1]]), np.array([end + 1 - begin]), state
        )
        parts += some[0, 1:].tolist()
    np.testing.assert_allclose(parts, wanted[1:], atol=1e-4)


def test_the_engines_agree(toy_model: Path) -> None:
    """As far as they do without a cache."""
    folder = open_model_folder(toy_model)
    onnx, torch = (open_engine(folder, engine=name, threads=1) for name in ("onnx", "torch"))
    plain, cached = (
        [wrap(engine).score(*pad_right([TEXT]))[0].sum() for engine in (onnx, torch)]
        for wrap in (lambda engine: engine, lambda engine: CachedEngine(engine, CACHE))
    )
    assert abs(cached[0] - cached[1]) < abs(plain[0] - plain[1]) + 0.05
    assert abs(cached[0] - plain[0]) > 0.5


def test_a_state_is_reordered_kept_and_saved(engine: Any) -> None:
    cached = CachedEngine(engine, CACHE)
    rows = pad_right([TEXT[:8], TEXT[:3]])
    _, state = cached.start(*rows)
    ids = np.array([7, 6, 7])
    turned = cached.reorder(state, np.array([1, 0, 1]))
    logits, _ = cached.step(ids, turned)
    again, _ = cached.step(ids[1::-1], state)  # what went on from the other is no part of this one
    np.testing.assert_allclose(logits[:2], again[::-1], atol=1e-5)
    np.testing.assert_allclose(logits[0], logits[2], atol=1e-5)
    again, _ = cached.step(ids[:2], state)
    arrays = cached.state_arrays(state)
    assert arrays["cache/ids"].shape == (2, CACHE.size)
    loaded = cached.state_from_arrays(arrays)
    np.testing.assert_array_equal(cached.step(ids[:2], loaded)[0], again)


def test_a_state_before_the_first_token(engine: Any) -> None:
    cached = CachedEngine(engine, CACHE)
    _, state = cached.read(np.zeros((1, 0), np.int64), np.array([0]))
    loaded = cached.state_from_arrays(cached.state_arrays(state))
    assert loaded.memories[0].last is None
    first, _ = cached.start(np.array([TEXT]), np.array([len(TEXT)]))
    np.testing.assert_allclose(
        cached.start(np.array([TEXT]), np.array([len(TEXT)]), loaded)[0], first, atol=1e-6
    )


def test_what_is_no_state_of_it(engine: Any) -> None:
    cached = CachedEngine(engine, CACHE)
    _, state = cached.start(np.array([TEXT]), np.array([len(TEXT)]))
    arrays = cached.state_arrays(state)
    with pytest.raises(EngineError, match=r"not a state with a cache of 8"):
        CachedEngine(engine, Cache(8)).state_from_arrays(arrays)
    with pytest.raises(EngineError, match="ids outside the vocabulary"):
        cached.state_from_arrays({**arrays, "cache/ids": arrays["cache/ids"] + 10_000})
    with pytest.raises(EngineError, match="not a state of this model"):
        cached.state_from_arrays({n: a for n, a in arrays.items() if n.startswith("cache")})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "cache is 0: give a whole number of at least 1"),
        ({"size": True}, "cache is True"),
        ({"size": 2.5}, r"cache is 2\.5"),
        ({"size": 2, "theta": -1.0}, r"theta is -1\.0: give a number of at least 0"),
        ({"size": 2, "theta": float("nan")}, "theta is nan"),
        ({"size": 2, "weight": 1.0}, r"lambda is 1\.0: give a number between 0 and 1"),
        ({"size": 2, "weight": 0.0}, r"lambda is 0\.0"),
    ],
)
def test_settings_that_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Cache(**options)
