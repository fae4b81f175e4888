"""Steps of the ONNX engine are written into memory that is used again, and nobody can tell."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textrnn
from textrnn.engines import _onnx_steps, onnx
from textrnn.engines._onnx_sessions import has_vnni
from textrnn.engines.onnx import OnnxEngine
from textrnn.model_folder import open_model_folder


@pytest.fixture(scope="module")
def engine(toy_model: Path) -> Any:
    return textrnn.load(toy_model, engine="onnx").engine


def plain(engine: Any, ids: Any, state: Any) -> list[Any]:
    """What the session says, into new memory."""
    steps = engine._step
    return steps._session.run(None, dict(zip(steps._inputs, (ids, *state), strict=True)))


@pytest.mark.parametrize("kept", [0, 1, 3, 9])
def test_what_a_step_returned_is_never_written_to_while_anyone_has_it(
    engine: Any, kept: int
) -> None:
    choose = random.Random(kept)
    _, state = engine.start(np.array([[2]]), np.array([1]))
    held: list[tuple[Any, Any]] = []
    for _ in range(120):
        ids = np.array([choose.randrange(4, engine.vocab_size)])
        wanted = plain(engine, ids, state)
        logits, state = engine.step(ids, state)
        for found, array in zip([logits, *state], wanted, strict=True):
            np.testing.assert_array_equal(found, array)
        # A view of the logits, one part of the state, or both in whole.
        some = choose.choice([(logits[:, 3:],), (state[-1],), (logits, *state)])
        held.append((some, [array.copy() for array in some]))
        del held[: max(0, len(held) - kept)]
        for arrays, copies in held:
            for array, copy in zip(arrays, copies, strict=True):
                np.testing.assert_array_equal(array, copy)
        if held and choose.random() < 0.3 and len(held[0][0]) > 1:
            state = held[0][0][1:]  # gone on from twice


def test_memory_is_used_again_and_other_numbers_of_rows_take_its_place(engine: Any) -> None:
    _, state = engine.start(np.array([[2]]), np.array([1]))
    places = set()
    for _ in range(30):
        logits, state = engine.step(np.array([5]), state)
        places.add(logits.ctypes.data)
    assert len(places) <= _onnx_steps._MOST_SLOTS
    one = state
    _, three = engine.step(np.array([5, 6, 7]), engine.reorder(state, np.array([0, 0, 0])))
    again, _ = engine.step(np.array([6]), one)
    np.testing.assert_array_equal(again, plain(engine, np.array([6]), one)[0])
    assert all(len(part) == 3 for part in three)


def test_very_many_rows_are_given_new_memory(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, state = engine.start(np.array([[2]]), np.array([1]))
    logits, after = engine.step(np.array([5]), state)
    monkeypatch.setattr(_onnx_steps, "_MOST_LOGITS", 1)
    again, same = engine.step(np.array([5]), state)
    np.testing.assert_array_equal(again, logits)
    for left, right in zip(after, same, strict=True):
        np.testing.assert_array_equal(left, right)


def test_many_rows_have_a_graph_of_their_own(toy_model: Path, tmp_path: Path) -> None:
    folder = open_model_folder(toy_model)
    old = shutil.copytree(toy_model / "onnx", tmp_path / "onnx")
    (old / "steps.onnx").unlink()  # a folder from before there was such a graph
    new_engine, old_engine = (
        OnnxEngine(path, folder.parameters_sha256) for path in (toy_model / "onnx", old)
    )
    ids = np.arange(4, 4 + onnx._MANY_ROWS)
    states = [
        engine.start(ids[:, None], np.ones_like(ids))[1] for engine in (new_engine, old_engine)
    ]
    for _ in range(5):
        logits, states[0] = new_engine.step(ids, states[0])
        wanted, states[1] = old_engine.step(ids, states[1])
        np.testing.assert_allclose(logits, wanted, atol=1e-4)
    assert old_engine._many_steps is old_engine._step
    assert (new_engine._many_steps is new_engine._step) == (not has_vnni())
