"""Gradients and gates, against what is worked out another way."""

from __future__ import annotations

import builtins
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from textrnn.errors import MissingExtraError, UnknownNameError, UsageError
from textrnn.inspection import (
    GateValues,
    GradientNorms,
    cell_gradients,
    draw_gates,
    draw_gradients,
    gate_values,
    model_gradients,
)
from textrnn.model_folder import ModelFolder, open_model_folder
from textrnn.nn import cells
from textrnn.recipe import train
from textrnn.tasks import network_from_folder
from textrnn.tokenizers import BOS

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(toy_model: Path) -> ModelFolder:
    return open_model_folder(toy_model, task="language_modeling")


@pytest.mark.parametrize("name", cells.FAMILY.names())
def test_every_cell_has_gradients(name: str) -> None:
    measured = cell_gradients(name, hidden_size=8, length=30)
    assert len(measured.norms) == 31
    assert measured.relative()[0] == 1.0
    assert all(norm > 0 for norm in measured.norms)
    assert measured == cell_gradients(name, hidden_size=8, length=30)
    assert measured != cell_gradients(name, hidden_size=8, length=30, seed=1)


def test_the_gradient_vanishes_fastest_where_there_are_no_gates() -> None:
    """After 50 steps an RNN has a thousandth of what an LSTM has, whose forget gate is open."""
    left = {name: cell_gradients(name, length=50).relative()[50] for name in ("rnn", "lstm")}
    assert left["rnn"] < 1e-3 * left["lstm"]


def test_a_gradient_is_a_product_of_jacobians() -> None:
    """Of an RNN of width 1 that reads zeros from the state 0, each is its hidden weight."""
    torch.manual_seed(0)
    weight = cells.FAMILY.get("rnn")(1, 1).weight_hidden.item()
    assert abs(weight) == pytest.approx(1.0)  # orthogonal
    norms = cell_gradients("rnn", hidden_size=1, length=3).norms
    assert norms[0] == pytest.approx(1.0)
    assert all(after < before for before, after in pairwise(norms))


def test_a_models_gradient_is_that_of_its_last_token(folder: ModelFolder) -> None:
    """Against differences, whose logits are in float32."""
    text = "the cat sat"
    measured = model_gradients("toy", folder, text)
    network: Any = network_from_folder(folder)
    ids = torch.tensor([[BOS, *folder.tokenizer().encode(text)]])
    assert len(measured.norms) == ids.shape[1]

    def loss(state: Any, first: int) -> float:
        hidden, _ = network.encode(ids[:, first:-1], state)
        return float(-network.log_probs(hidden[:, -1], ids[:, -1]))

    first = 3
    with torch.no_grad():
        _, state = network.encode(ids[:, :first])
        flat = [part for layer in state for part in layer]
        total = 0.0
        for part in flat:
            for place in range(part.shape[1]):
                part[0, place] += 5e-2
                above = loss(state, first)
                part[0, place] -= 1e-1
                total += ((above - loss(state, first)) / 1e-1) ** 2
                part[0, place] += 5e-2
    assert measured.norms[ids.shape[1] - 1 - first] == pytest.approx(total**0.5, rel=0.05)


def test_gates_are_those_of_the_steps(folder: ModelFolder) -> None:
    measured = gate_values(folder, "the cat")
    network: Any = network_from_folder(folder)
    (cell, *rest) = network.encoder.cells()
    assert len(measured.layers) == 1 + len(rest)
    assert measured.pieces == tuple("the cat")
    ids = torch.tensor([[BOS, *folder.tokenizer().encode("the cat")]])
    _, state = network.encode(ids[:, :-1])
    expected = cell.open_gates(network.encoder.embed(ids[:, -1]), state[0])
    for name, values in measured.layers[0].items():
        assert values.shape == (7, cell.hidden_size)
        torch.testing.assert_close(values[-1:], expected[name])
    means = measured.means()[0]
    assert {len(values) for values in means.values()} == {7}


def test_what_cannot_be_looked_at(folder: ModelFolder, toy_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the text is empty: give one of several words"):
        gate_values(folder, "")
    with pytest.raises(UnknownNameError, match="no cell 'lsmt'"):
        cell_gradients("lsmt")
    with pytest.raises(UsageError, match=f"seed is {2**70}: give a whole number from 0 to"):
        cell_gradients("lstm", seed=2**70)
    data = {"tokenizer.kind": "char", "data.path": str(toy_folder), "data.train": "train.txt"}
    small = {"encoder.hidden_size": 4, "encoder.embedding_size": 4, "head.tied": True}
    run = {"training.steps": 1, "training.batch_size": 2, "encoder.cell": "rnn"}
    recipe = tmp_path / "rnn.yaml"
    recipe.write_text("task: language_modeling\n")
    model = train(recipe, output=tmp_path / "run", overrides=data | small | run)
    with pytest.raises(UsageError, match="the model's cell, rnn, has no gates: choose one that"):
        gate_values(open_model_folder(model), "the cat")


def test_the_pictures_are_drawn(folder: ModelFolder, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    measured = [GradientNorms("rnn", (1.0, 0.1, 0.01)), GradientNorms("none", (0.0, 0.0))]
    draw_gradients(measured, tmp_path / "gradients.png")
    values = gate_values(folder, "a $ b")
    draw_gates(GateValues(values.pieces, values.layers), tmp_path / "gates.png")
    for name in ("gradients", "gates"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(PNG)


def test_boxes_stand_for_what_no_font_has(folder: ModelFolder, tmp_path: Path) -> None:
    """Whoever draws says so in one line; matplotlib would for every character."""
    pytest.importorskip("matplotlib")
    layers = gate_values(folder, "abc").layers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_gates(GateValues(("\u4eac", "\u90fd", "c"), layers), tmp_path / "gates.png")
    assert (tmp_path / "gates.png").read_bytes().startswith(PNG)


def test_without_matplotlib_the_message_says_so(
    folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match="the picture of gradients needs matplotlib"):
        draw_gradients([GradientNorms("rnn", (1.0,))], tmp_path / "x.png")
    with pytest.raises(MissingExtraError, match="the picture of gates needs matplotlib"):
        draw_gates(gate_values(folder, "a"), tmp_path / "x.png")
