"""A network's graphs as files, checked before they are handed out."""

from __future__ import annotations

import base64
import copy
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from textrnn.errors import EngineError, UnknownNameError
from textrnn.export.batching import take_many_rows
from textrnn.export.flattening import flatten_products
from textrnn.export.ordering import between, names_read
from textrnn.export.parity import Parity, measure_parity
from textrnn.export.quantizing import quantize_weights
from textrnn.export.tracing import trace
from textrnn.export.unrolling import unroll
from textrnn.tasks import Function, Graph, Task

__all__ = ["PRECISIONS", "Export", "export_network"]

PRECISIONS = ("float32", "int8")
WEIGHTS = "weights.data"
_INSIDE = 256  # bytes; smaller arrays stay in the graph
_ALIGNED = 64


@dataclass(frozen=True)
class Export:
    """Exported graphs.

    Args:
        files: their content by name in a model folder, for example ``onnx/step.onnx``.
        precision: of the weights, ``"float32"`` or ``"int8"``.
        parity: how far they are from the network.
    """

    files: Mapping[str, bytes]
    precision: str
    parity: Parity


def export_network(
    task: type[Task], network: nn.Module, *, parameters_sha256: str, precision: str = "int8"
) -> Export:
    """Export a network and measure the result against it.

    Args:
        task: whose network it is.
        network: left as it is.
        parameters_sha256: of the model.safetensors that holds its parameters; each graph names it.
        precision: ``"float32"`` or ``"int8"``.

    Raises:
        UnknownNameError: another precision.
        EngineError: the network cannot be exported, or the graphs do not say what it says.
        OSError: there is no room for the graphs in the temporary folder.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    graphs = task.graphs(copy.deepcopy(network).cpu().float().eval())
    if not graphs:
        raise EngineError(f"{task.__name__} has no graphs to export")
    if precision != "int8":
        graphs = {name: graph for name, graph in graphs.items() if not graph.quantized_only}
    models = _models(graphs, precision)
    notes = {"parameters_sha256": parameters_sha256, "precision": precision}
    notes |= _initial_state(graphs)
    with tempfile.TemporaryDirectory(prefix="textrnn-export-") as name:
        folder = Path(name)
        for file, data in _files(models, notes).items():
            (folder / file).write_bytes(data)
        parity = measure_parity(graphs, folder, exact=precision == "float32")
        notes |= {"logits": f"{parity.logits:.3g}", "divergence": f"{parity.divergence:.3g}"}
        files = {f"onnx/{file}": data for file, data in _files(models, notes).items()}
    return Export(files, precision, parity)


def _models(graphs: Mapping[str, Graph], precision: str) -> dict[str, onnx.ModelProto]:
    """The model of each graph; a function that several are made of is traced once."""
    traced: dict[int, onnx.ModelProto] = {}
    # Graphs that share matrices cut them alike.
    only_many = all(graph.many_rows for graph in graphs.values())

    def model_of(function: Function) -> onnx.ModelProto:
        if id(function) not in traced:
            model = flatten_products(trace(function))
            if precision == "int8":
                model = quantize_weights(model, whole=only_many)
            traced[id(function)] = model
        return traced[id(function)]

    models = {}
    for name, graph in graphs.items():
        reading, bounded = graph.reading, graph.function.bounded
        if reading is None:
            model = model_of(graph.function)
        else:
            then = None if reading.then is None else model_of(reading.then)
            given = graph.function.inputs
            step = reading.step
            if precision == "int8" and reading.marked is not None:
                step = reading.marked
            model = unroll(reading, model_of(step), then, given)
            bounded |= step.bounded
        if graph.many_rows:
            model = take_many_rows(model, bounded if only_many else None)
        models[name] = _cut(model, name, graph.outputs)
    return models


def _initial_state(graphs: Mapping[str, Graph]) -> dict[str, str]:
    """The state at the beginning of a text, where it is an input: the parts of one row in a row.

    As base64 of float32.
    """
    for graph in graphs.values():
        initial = {} if graph.reading is None else graph.reading.initial
        parts = [initial[name] for name in graph.function.inputs if name in initial]
        if parts:
            data = b"".join(part.detach().numpy().astype("<f4").tobytes() for part in parts)
            return {"initial_state": base64.b64encode(data).decode()}
    return {}


def _cut(model: onnx.ModelProto, name: str, outputs: Sequence[str] | None) -> onnx.ModelProto:
    """The part of a model that leads to some of its outputs, or to all."""
    found = {value.name: value for value in model.graph.output}
    chosen = list(found) if outputs is None else list(outputs)
    nodes = between(model.graph, chosen)
    used = {name for node in nodes for name in names_read(node)}
    graph = helper.make_graph(
        nodes,
        name,
        model.graph.input,
        [found[output] for output in chosen],
        [tensor for tensor in model.graph.initializer if tensor.name in used],
    )
    return helper.make_model(
        graph,
        opset_imports=list(model.opset_import),
        ir_version=model.ir_version,
        producer_name="textrnn",
    )


def _files(models: Mapping[str, onnx.ModelProto], notes: Mapping[str, str]) -> dict[str, bytes]:
    """The models as files, their arrays in one more file, each once."""
    weights = bytearray()
    places: dict[bytes, tuple[int, int]] = {}
    files: dict[str, bytes] = {}
    for name, model in models.items():
        stored = onnx.ModelProto()
        stored.CopyFrom(model)
        helper.set_model_props(stored, dict(notes))
        for tensor in stored.graph.initializer:
            data = numpy_helper.to_array(tensor).tobytes()
            if len(data) < _INSIDE:
                continue
            digest = hashlib.sha256(data).digest()
            if digest not in places:
                weights += bytes(-len(weights) % _ALIGNED)
                places[digest] = len(weights), len(data)
                weights += data
            _point(tensor, *places[digest])
        files[f"{name}.onnx"] = stored.SerializeToString(deterministic=True)
    return {**files, WEIGHTS: bytes(weights)}


def _point(tensor: onnx.TensorProto, offset: int, length: int) -> None:
    """Let a tensor's numbers lie in the file of weights."""
    kind, dims, name = tensor.data_type, list(tensor.dims), tensor.name
    tensor.Clear()
    tensor.data_type, tensor.name = kind, name
    tensor.dims.extend(dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
