"""Nodes and constants that are added to a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import helper, numpy_helper

__all__ = ["Making"]


class Making:
    """What is added to a graph: constants to it, each once, and nodes to a list.

    Args:
        graph: it takes the constants.
        label: what their names begin with.
    """

    def __init__(self, graph: onnx.GraphProto, label: str) -> None:
        self._graph = graph
        self._label = label
        self._known = {tensor.name for tensor in graph.initializer}
        self.nodes: list[onnx.NodeProto] = []

    def aside(self) -> Making:
        """Another list of nodes, with the same constants."""
        other = Making(self._graph, self._label)
        other._known = self._known
        return other

    def node(self, operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        """Add a node; its output's name comes back."""
        self.nodes.append(helper.make_node(operator, inputs, [out], **attributes))
        return out

    def constant(self, name: str, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        """The name of a constant in the graph."""
        name = f"{self._label}.{name}"
        if name not in self._known:
            self._known.add(name)
            tensor = numpy_helper.from_array(np.array(value, dtype), name)
            self._graph.initializer.append(tensor)
        return name

    def number(self, value: int) -> str:
        """The name of a whole number."""
        return self.constant(f"number.{value}", value, np.int64)

    def taken(self) -> list[onnx.NodeProto]:
        """The nodes so far, which are then gone from here."""
        nodes, self.nodes = self.nodes, []
        return nodes
