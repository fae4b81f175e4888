"""From a function of a network to an ONNX model, by PyTorch's exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from textrnn.errors import EngineError
from textrnn.tasks import Function

__all__ = ["Listed", "trace"]


class Listed(nn.Module):
    """A function whose inputs come as one list, for then their number may be any."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The outputs for these inputs."""
        outputs: tuple[Tensor, ...] = self.module(*inputs)
        return outputs


def trace(function: Function) -> onnx.ModelProto:
    """The ONNX model of a function, in float32, its inputs and outputs named as the function's.

    Raises:
        EngineError: the exporter cannot express the network.
    """
    arguments = function.inputs.values()
    names = sorted({name for _, axes in arguments for name in axes if name is not None})
    sizes = {name: torch.export.Dim(name, min=1) for name in names}
    with _quiet():
        try:
            program = torch.onnx.export(
                Listed(function.module).eval(),
                ([argument.example for argument in arguments],),
                dynamo=True,
                dynamic_shapes=(
                    [
                        {place: sizes[name] for place, name in enumerate(axes) if name is not None}
                        for _, axes in arguments
                    ],
                ),
                input_names=list(function.inputs),
                output_names=list(function.outputs),
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            reason = str(error).strip().split("\n")[0]
            raise EngineError(f"the network cannot be exported to ONNX: {reason}") from error
    assert program is not None  # the exporter's own default returns nothing
    model: onnx.ModelProto = program.model_proto
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in model.graph.value_info:
        value.ClearField("metadata_props")
    _fold(model.graph)
    return model


def _fold(graph: onnx.GraphProto) -> None:
    """Parts of parameters as constants of their own, so that they are quantised like any other."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type in ("Slice", "Transpose") and constants.keys() >= set(node.input):
            given = {name: numpy_helper.to_array(constants[name]) for name in node.input}
            (part,) = ReferenceEvaluator(node).run(None, given)
            constants[node.output[0]] = numpy_helper.from_array(np.asarray(part), node.output[0])
            graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    del graph.initializer[:]
    graph.initializer.extend(tensor for name, tensor in constants.items() if name in read)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's talk of operators that nobody here uses."""
    talk: Any = logging.getLogger("torch.onnx")
    level = talk.level
    talk.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        talk.setLevel(level)
