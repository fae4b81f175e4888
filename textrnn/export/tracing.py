"""From a network to an ONNX model of one step, by PyTorch's exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from textrnn.errors import EngineError
from textrnn.export.unrolling import StepModel
from textrnn.tasks import StepGraph

__all__ = ["Whole", "trace"]

_EXAMPLE_ROWS = 2  # the exporter takes 0 and 1 for constants


class Whole(nn.Module):
    """A step and its head: (ids, state) to (hidden, logits, new state)."""

    def __init__(self, graph: StepGraph) -> None:
        super().__init__()
        self.step = graph.step
        self.head = graph.head

    def forward(self, ids: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Ids (B,) and parts (B, H), to hidden (B, H), logits (B, V) and the new parts."""
        hidden, *after = self.step(ids, state)
        return hidden, self.head(hidden), *after


def trace(graph: StepGraph) -> StepModel:
    """The ONNX model of a graph, in float32, for any number of rows.

    Raises:
        EngineError: the exporter cannot express the network.
    """
    names = [f"state.{name}" for name in graph.state]
    after = [f"new.{name}" for name in graph.state]
    ids = torch.arange(_EXAMPLE_ROWS)
    state = [part.repeat(_EXAMPLE_ROWS, 1) for part in graph.state.values()]
    rows = torch.export.Dim("batch", min=1)
    with _quiet():
        try:
            program = torch.onnx.export(
                Whole(graph).eval(),
                (ids, state),
                dynamo=True,
                dynamic_shapes=({0: rows}, [{0: rows}] * len(state)),
                input_names=["ids", *names],
                output_names=["hidden", "logits", *after],
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
    return StepModel(model, dict(zip(names, after, strict=True)))


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
