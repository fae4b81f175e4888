"""No value that a graph rounds by one scale for all rows ever leaves its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import GraphProto, TensorProto, helper
from torch import Tensor, nn

from textrnn.config import DecoderSettings, EncoderSettings, TranslationHeadSettings
from textrnn.errors import EngineError
from textrnn.export import export_network, graphs
from textrnn.nn.cells import FAMILY, CellState, GatedCell
from textrnn.tasks.translation import Translation, TranslationNetwork

V = 40


class Relu(GatedCell):
    """Its state grows beyond all bounds."""

    gates = 1

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        hidden = torch.relu(from_input + from_hidden)
        return hidden, (hidden,)


class ReluGru(FAMILY.get("gru")):  # type: ignore[misc]
    """It inherits a promise that it does not keep."""

    def update(self, from_input: Tensor, from_hidden: Tensor, state: CellState) -> Any:
        return Relu.update(self, from_input[:, : self.hidden_size], 0 * state[0], state)  # type: ignore[arg-type]


class Twos(GatedCell):
    """It keeps its promise, but begins beyond it."""

    gates = 1
    bounded = True

    def initial_state(self, batch: int) -> CellState:
        return tuple(part + 2.0 for part in super().initial_state(batch))

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        hidden = 0.9 * state[0] + 0.1 * torch.tanh(from_input + from_hidden)
        return hidden, (hidden,)


class Peephole(FAMILY.get("lstm")):  # type: ignore[misc]
    """A gate looks at the cell state, which is not bounded."""

    bounded = True

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.peephole = nn.Parameter(torch.empty(4 * self.hidden_size, self.hidden_size))

    def update(self, from_input: Tensor, from_hidden: Tensor, state: CellState) -> Any:
        return super().update(from_input + state[1] @ self.peephole.t(), from_hidden, state)


class Halves(GatedCell):
    """It projects both halves of its input by one matrix."""

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, **settings: Any) -> None:
        super().__init__(input_size, hidden_size, **settings)
        self.weight_input = nn.Parameter(torch.empty(hidden_size, input_size // 2))

    def project(self, inputs: Tensor) -> Tensor:
        halves = inputs.reshape(-1, self.input_size // 2) @ self.weight_input.t() + self.bias_input
        return halves.reshape(*inputs.shape[:-1], 2, -1).sum(-2)

    update = Relu.update


OWN = {"relu": Relu, "relu_gru": ReluGru, "twos": Twos, "peephole": Peephole, "halves": Halves}
KEPT = {"gru": True, "mingru": False}
KEPT |= dict.fromkeys(OWN, False) | {"peephole": True}


@pytest.fixture(autouse=True)
def _own_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FAMILY, "_added", {})  # no other test is to see them
    for name, cell in OWN.items():
        FAMILY.add(name, cell)


def make(cell: str) -> TranslationNetwork:
    torch.manual_seed(0)
    network = TranslationNetwork(
        EncoderSettings(
            cell=cell, embedding_size=32, hidden_size=16, bidirectional=cell != "halves"
        ),
        DecoderSettings(cell="gru", hidden_size=24),
        TranslationHeadSettings(),
        V,
        V,
    )
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.25)
    return network.eval()


def rounded(graph: GraphProto) -> Iterator[tuple[onnx.NodeProto | None, str]]:
    """The values rounded by 1 / 127, each with the loop that it stands in."""
    for node in graph.node:
        if node.op_type == "QuantizeLinear" and node.input[1] == "batching.unit":
            yield None, node.input[0]
        for attribute in node.attribute:
            for _, name in rounded(attribute.g):
                yield node, name


def shown(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """A model that gives those values out, too."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    names = []
    for place, (loop, name) in enumerate(list(rounded(result.graph))):
        out = f"shown.{place}"
        graph = result.graph if loop is None else loop.attribute[0].g
        if loop is not None:
            graph = next(entry.g for entry in loop.attribute if entry.name == "body")
            loop.output.append(out)
        graph.node.append(helper.make_node("Identity", [name], [f"{out}.inside" if loop else out]))
        value = helper.make_tensor_value_info
        if loop is not None:
            graph.output.append(value(f"{out}.inside", TensorProto.FLOAT, None))
        result.graph.output.append(value(out, TensorProto.FLOAT, None))
        names.append(out)
    return result, names


@pytest.mark.parametrize(("cell", "kept"), KEPT.items())
def test_what_has_one_scale_stays_within_it(cell: str, kept: bool) -> None:
    network = make(cell)
    assert network.encoder.stays_bounded() == kept
    functions = Translation.graphs(network)
    known: dict[str, Any] = {}
    seen = 0
    for name, model in graphs._models(functions, "int8").items():
        more, values = shown(model)
        session = onnxruntime.InferenceSession(more.SerializeToString())
        function = functions[name].function
        inputs = {n: known.get(n, a.example.numpy()) for n, a in function.inputs.items()}
        for _ in range(6 if name == "step" else 1):
            found = session.run(None, inputs)
            for value in found[len(function.outputs) :]:
                assert np.abs(value).max() <= 1 + 1e-5
            outputs = dict(zip(function.outputs, found, strict=False))
            inputs |= {begin: outputs[end] for begin, end in function.carried.items()}
        known = {n.replace("first.", "state."): value for n, value in outputs.items()}
        seen += len(values)
    assert seen >= (5 if kept else 2)
    ids, lengths = (part.example for part in functions["encode"].function.inputs.values())
    with torch.no_grad():
        greatest = network.encode(ids, lengths)[0].memory.abs().max().item()
    assert (greatest <= 1) == (kept or cell == "relu_gru")


def test_a_graph_that_cannot_be_run_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(model: onnx.ModelProto, *_: Any) -> onnx.ModelProto:
        result = onnx.ModelProto()
        result.CopyFrom(model)
        result.graph.node[0].op_type = "Nothing"
        return result

    monkeypatch.setattr(graphs, "take_many_rows", spoilt)
    with pytest.raises(EngineError, match=r"ONNX Runtime cannot run the exported encode\.onnx \("):
        export_network(Translation, make("gru"), parameters_sha256="0" * 64)
