"""Nodes and constants that are added to a graph."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import helper, numpy_helper

__all__ = ["Making"]


class Making:
    """What is added to a graph: constants, each once, and nodes.

    Args:
        tensors: those of the graph, which take the constants.
        label: what their names begin with.
    """

    def __init__(self, tensors: MutableSequence[onnx.TensorProto], label: str) -> None:
        self.tensors = tensors
        self._label = label
        self._known = {tensor.name for tensor in tensors}
        self.nodes: list[onnx.NodeProto] = []

    def aside(self) -> Making:
        """Another list of nodes, with the same constants."""
        other = Making(self.tensors, self._label)
        other._known = self._known
        return other

    def node(self, operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        """Add a node; its output's name comes back."""
        self.nodes.append(helper.make_node(operator, inputs, [out], **attributes))
        return out

    def constant(self, name: str, value: ArrayLike, dtype: DTypeLike | None = None) -> str:
        """The name of a constant in the graph, of the type that numpy gives it or another."""
        name = f"{self._label}.{name}"
        if name not in self._known:
            self._known.add(name)
            tensor = numpy_helper.from_array(np.array(value, dtype), name)
            self.tensors.append(tensor)
        return name

    def number(self, value: int) -> str:
        """The name of a whole number."""
        return self.constant(f"number.{value}", value)

    def taken(self) -> list[onnx.NodeProto]:
        """The nodes so far, which are then gone from here."""
        nodes, self.nodes = self.nodes, []
        return nodes
