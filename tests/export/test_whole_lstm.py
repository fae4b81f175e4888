"""LSTMs are read whole by an operator of their own, and whatever else stays a loop."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from textrnn.config import ClassificationHeadSettings, EncoderSettings
from textrnn.export import PRECISIONS, export_network, parity
from textrnn.nn.cells import FAMILY, CellState
from textrnn.nn.cells.lstm import LSTM
from textrnn.tasks._classification_network import ClassificationNetwork
from textrnn.tasks._marks import lstms_over_time
from textrnn.tasks.classification import Classification

LENGTHS = np.array([9, 2, 7, 8, 1, 17])


class Renamed(LSTM):
    """A user's LSTM by another name."""


class Leaking(LSTM):
    """One whose cell state leaks: its parameters are an LSTM's, its equations are not."""

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        output, (hidden, memory) = super().update(from_input, from_hidden, state)
        return output, (hidden, 0.9 * memory)


class Wide(LSTM):
    """One that begins beyond what an LSTM gives."""

    def initial_state(self, batch: int) -> CellState:
        hidden, memory = super().initial_state(batch)
        return hidden + 3.0, memory


@pytest.fixture(autouse=True)
def _users_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FAMILY, "_added", {})  # no other test is to see them
    for cell in (Renamed, Leaking, Wide):
        FAMILY.add(cell.__name__.lower(), cell)


def make_network(
    cell: str = "lstm", spread: float = 0.15, **settings: Any
) -> ClassificationNetwork:
    encoder: dict[str, Any] = {"embedding_size": 24, "hidden_size": 24, "layers": 2, **settings}
    torch.manual_seed(3)
    network = ClassificationNetwork(
        EncoderSettings(cell=cell, **encoder), ClassificationHeadSettings(hidden_size=16), 3, 50
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=spread)
    with torch.no_grad():
        network.encoder.embedding.weight[:, 3] *= 10.0  # a column that would coarsen the others
        network.encoder.embedding.weight[:, 5] = 0.0
    return network.eval()


def read_graph(network: ClassificationNetwork, precision: str, folder: Path) -> Path:
    made = export_network(Classification, network, parameters_sha256="0" * 64, precision=precision)
    for name, data in made.files.items():
        (folder / Path(name).name).write_bytes(data)
    return folder / "read.onnx"


def kinds(path: Path) -> Counter[str]:
    nodes = onnx.load(path, load_external_data=False).graph.node
    found = Counter(node.op_type for node in nodes)
    return Counter({name: found[name] for name in ("DynamicQuantizeLSTM", "Scan") if found[name]})


def run(session: onnxruntime.InferenceSession, ids: Any, lengths: Any) -> list[Any]:
    state = {
        part.name: np.zeros((len(ids), part.shape[1]), np.float32)
        for part in session.get_inputs()[2:]
    }
    return list(session.run(None, {"ids": ids, "lengths": lengths, **state}))


@pytest.mark.parametrize(
    ("cell", "settings", "whole", "loops"),
    [
        ("lstm", {}, 2, 0),
        ("renamed", {"bidirectional": True}, 4, 0),
        ("lstm", {"layer_norm": True}, 1, 1),
        ("lstm", {"residual": True}, 1, 1),
        ("leaking", {}, 0, 2),
        ("wide", {}, 0, 2),
        ("gru", {}, 0, 2),
        ("mogrifier", {}, 0, 2),
    ],
)
def test_lstms_with_bounded_inputs_are_found(
    cell: str, settings: dict[str, Any], whole: int, loops: int
) -> None:
    network = make_network(cell, **settings)
    assert len(lstms_over_time(network.encoder)) == whole
    assert len(network.encoder.cells()) == whole + loops


@pytest.mark.parametrize("precision", PRECISIONS)
def test_only_graphs_in_8_bits_have_the_operator(precision: str, tmp_path: Path) -> None:
    found = kinds(read_graph(make_network(residual=True), precision, tmp_path))
    if precision == "int8":
        assert found == {"DynamicQuantizeLSTM": 1, "Scan": 1}
    else:
        assert found == {"Scan": 2}


@pytest.mark.parametrize("spread", [0.15, 3.0])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_is_the_network_and_a_row_alone_is_that_row_in_a_batch(
    spread: float, bidirectional: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chaotic = spread > 1.0
    if chaotic:
        monkeypatch.setattr(parity, "DIVERGED", np.inf)
    network = make_network(spread=spread, bidirectional=bidirectional)
    path = read_graph(network, "int8", tmp_path)
    assert kinds(path) == {"DynamicQuantizeLSTM": 4 if bidirectional else 2}
    session = onnxruntime.InferenceSession(path)
    ids = np.random.default_rng(1).integers(4, 50, (len(LENGTHS), LENGTHS.max()))
    together = run(session, ids, LENGTHS)
    with torch.inference_mode():
        pooled, _ = network.read(torch.from_numpy(ids), torch.from_numpy(LENGTHS), None)
    if not chaotic:
        for found, wanted in zip(together, pooled.values(), strict=False):
            np.testing.assert_allclose(found, wanted.numpy(), atol=0.1)
    for row, length in enumerate(LENGTHS):
        alone = run(session, ids[row : row + 1, :length], LENGTHS[row : row + 1])
        for part, whole in zip(alone, together, strict=True):
            np.testing.assert_allclose(part[0], whole[row], rtol=1e-5, atol=2e-6)
