"""A network's graphs as files, checked before they are handed out."""

from __future__ import annotations

import base64
import copy
import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from textrnn.errors import EngineError, UnknownNameError
from textrnn.export.parity import Parity, measure_parity
from textrnn.export.quantizing import quantize_weights
from textrnn.export.tracing import trace
from textrnn.export.unrolling import StepModel, between, count_rows_of, read_model
from textrnn.tasks import StepGraph, Task

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
    graph = task.step_graph(copy.deepcopy(network).cpu().float().eval())
    if graph is None:
        raise EngineError(f"{task.__name__} has no graphs to export")
    step = trace(graph)
    if precision == "int8":
        step = StepModel(quantize_weights(step.model), step.carried)
    models = {"step": _step_model(step), "read": read_model(step), "head": _head_model(step)}
    notes = {
        "parameters_sha256": parameters_sha256,
        "precision": precision,
        "initial_state": _initial_state(graph),
    }
    with tempfile.TemporaryDirectory(prefix="textrnn-export-") as name:
        folder = Path(name)
        for file, data in _files(models, notes).items():
            (folder / file).write_bytes(data)
        parity = measure_parity(graph, folder, exact=precision == "float32")
        notes |= {"logits": f"{parity.logits:.3g}", "divergence": f"{parity.divergence:.3g}"}
        files = {f"onnx/{file}": data for file, data in _files(models, notes).items()}
    return Export(files, precision, parity)


def _initial_state(graph: StepGraph) -> str:
    """All parts of one row, one after the other, as base64 of float32."""
    rows = [part.detach().numpy().astype("<f4").tobytes() for part in graph.state.values()]
    return base64.b64encode(b"".join(rows)).decode()


def _step_model(step: StepModel) -> onnx.ModelProto:
    """Ids (B,) and the state to logits (B, V) and the new state."""
    outputs = ["logits", *step.carried.values()]
    graph = step.model.graph
    return _model(
        step,
        "step",
        between(graph, [], outputs),
        graph.input,
        [value for value in graph.output if value.name in outputs],
    )


def _head_model(step: StepModel) -> onnx.ModelProto:
    """Hidden (N, H) and targets (N,) to logits (N, V) and the log-probabilities (N,) of targets."""
    nodes = between(step.model.graph, ["hidden"], ["logits"])
    count_rows_of(nodes, {value.name for value in step.model.graph.input}, "hidden")
    axis = numpy_helper.from_array(np.array([1], np.int64), "head.axis")
    nodes += [
        helper.make_node("LogSoftmax", ["logits"], ["head.all"], axis=1),
        helper.make_node("Unsqueeze", ["targets", "head.axis"], ["head.targets"]),
        helper.make_node("GatherElements", ["head.all", "head.targets"], ["head.found"], axis=1),
        helper.make_node("Squeeze", ["head.found", "head.axis"], ["log_probs"]),
    ]
    (hidden, logits) = (
        value for value in step.model.graph.output if value.name in ("hidden", "logits")
    )
    targets = helper.make_tensor_value_info("targets", TensorProto.INT64, ["batch"])
    log_probs = helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["batch"])
    return _model(step, "head", nodes, [hidden, targets], [logits, log_probs], [axis])


def _model(
    step: StepModel,
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: Iterable[onnx.ValueInfoProto],
    outputs: Iterable[onnx.ValueInfoProto],
    more: Iterable[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    used = {name for node in nodes for name in node.input}
    tensors = [tensor for tensor in step.model.graph.initializer if tensor.name in used]
    graph = helper.make_graph(nodes, name, list(inputs), list(outputs), [*tensors, *more])
    return helper.make_model(
        graph,
        opset_imports=list(step.model.opset_import),
        ir_version=step.model.ir_version,
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
