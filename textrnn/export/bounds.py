"""Which values of a graph lie between -1 and 1, whatever it reads."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper

from textrnn.export.ordering import LOOP

__all__ = ["bounded_values"]

_SQUASHING = {"Tanh", "Sigmoid", "Softmax"}
_MOVING = {  # what they give is what stands in their first input, elsewhere
    *("Expand", "Gather", "Identity", "Reshape", "ReverseSequence", "Slice", "Split"),
    *("Squeeze", "Transpose", "Unsqueeze"),
}


def bounded_values(graph: onnx.GraphProto, declared: Collection[str]) -> set[str]:
    """The names of those values, and of those in the bodies of its loops.

    Args:
        graph: its nodes in order.
        declared: values of which it is known, such as a hidden state before and after a step.
    """
    bounds = _Bounds(declared)
    bounds.read(graph)
    return bounds.known


class _Bounds:
    """What is known so far."""

    def __init__(self, declared: Collection[str]) -> None:
        self._declared = set(declared)
        self.known: set[str] = set()
        self._shares: set[str] = set()  # of 1: what they weigh stays within its bounds

    def read(self, graph: onnx.GraphProto) -> None:
        for tensor in graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                numbers = numpy_helper.to_array(tensor)
                if numbers.size == 0 or np.abs(numbers).max() <= 1:
                    self.known.add(tensor.name)
        self.known |= {value.name for value in graph.input if self._is_declared(value.name)}
        for node in graph.node:
            self._read_node(node)

    def _read_node(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Scan":
            self._read_loop(node)
        elif self._keeps_within(node):
            self.known |= set(node.output)
        self.known |= {name for name in node.output if self._is_declared(name)}
        if node.op_type == "Softmax" and _axis(node) == -1:
            self._shares |= set(node.output)

    def _read_loop(self, node: onnx.NodeProto) -> None:
        """A state stays bounded where it begins so and a time leaves it so.

        That is assumed, and taken back for those that a time does not leave so, until none is left.
        """
        attributes = {entry.name: entry for entry in node.attribute}
        body, read = attributes["body"].g, attributes["num_scan_inputs"].i
        carried = len(body.input) - read
        pairs = list(zip(node.input, body.input, strict=True))
        assumed = {place for place, (outer, _) in enumerate(pairs) if outer in self.known}
        before = set(self.known), set(self._shares)
        while True:
            self.known, self._shares = set(before[0]), set(before[1])
            self.known |= {pairs[place][1].name for place in assumed}
            self.read(body)
            wrong = {n for n in assumed if n < carried and body.output[n].name not in self.known}
            if not wrong:
                break
            assumed -= wrong
        found = zip(body.output, node.output, strict=True)
        self.known |= {outer for inner, outer in found if inner.name in self.known}

    def _keeps_within(self, node: onnx.NodeProto) -> bool:
        """Whether all that a node gives lies between -1 and 1."""
        kind, inputs = node.op_type, list(node.input)
        if kind in _SQUASHING:
            return True
        if kind in _MOVING:
            return inputs[0] in self.known
        if kind == "Where":
            return self.known.issuperset(inputs[1:])
        if kind in ("Concat", "Mul"):
            return self.known.issuperset(inputs)
        return kind == "MatMul" and inputs[0] in self._shares and inputs[1] in self.known

    def _is_declared(self, name: str) -> bool:
        return name.removeprefix(LOOP) in self._declared


def _axis(node: onnx.NodeProto) -> int:
    return next((entry.i for entry in node.attribute if entry.name == "axis"), -1)
