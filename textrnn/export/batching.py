"""Products in 8 bits for graphs that take many rows at once.

MatMulNBits reads the weights as they are stored, which is best for a few rows; with many it is
bound by its arithmetic. MatMulInteger is more than twice as fast there, but knows one scale a row
and one a column. So a product is taken block by block, with what MatMulNBits does inside: the
activations of a row's block are rounded to whole numbers of 8 bits by a scale of their own. The
same whole numbers are multiplied, so the results are the same but for the last bit of a float.

The matrices for it are made of the stored ones when a graph is loaded (ONNX Runtime folds nodes
whose inputs are constant); nothing is stored twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import TensorProto, helper, numpy_helper

from textrnn.export.quantizing import MICROSOFT, ZERO

__all__ = ["take_many_rows"]

_GREATEST = 127.0


def take_many_rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model in which products in 8 bits are quick for many rows (16 and more).

    Those in a loop's body stay as they are, and so do models in float32.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    products = _Products(result.graph)
    nodes = [new for node in result.graph.node for new in products.rewritten(node)]
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


class _Products:
    """The rewriting of one graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._known = {tensor.name for tensor in graph.initializer}
        self._made: set[str] = set()  # the matrices whose blocks there are already

    def rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What takes a node's place."""
        if node.op_type != "MatMulNBits":
            yield node
            return
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        width, columns = attributes["block_size"], attributes["K"]
        blocks = -(-columns // width)
        values, numbers, scales = node.input[:3]
        out = node.output[0]
        if numbers not in self._made:
            self._made.add(numbers)
            yield from self._matrices(numbers, scales, blocks)
        yield from self._whole_numbers(values, out, blocks, width, columns)
        rest = list(node.input[5:6])
        for block in range(blocks):
            index, last = self._number(block), block == blocks - 1
            taken = f"{out}.{block}"
            yield _node("Gather", [f"{out}.whole", index], f"{taken}.whole", axis=1)
            yield _node("Gather", [f"{out}.scales", index], f"{taken}.scale", axis=1)
            inputs = [f"{taken}.whole", f"{numbers}.{block}", self._constant("one", 1.0)]
            inputs += [f"{scales}.{block}", self._constant("zero", ZERO, np.uint8)]
            yield _node("MatMulIntegerToFloat", inputs, f"{taken}.product", domain=MICROSOFT)
            parts = [f"{taken}.product", f"{taken}.scale"]
            yield _node("Mul", parts, f"{taken}.scaled" if rest or not last else out)
            if rest:
                sum_ = out if last else f"{taken}.sum"
                yield _node("Add", [f"{taken}.scaled", *rest], sum_)
                rest = [sum_]
            else:
                rest = [f"{taken}.scaled"]

    def _matrices(self, numbers: str, scales: str, blocks: int) -> Iterator[onnx.NodeProto]:
        """Of stored numbers (N, blocks, width) around 128, each block (width, N) around 0."""
        # The bits of n - 128 as int8 are those of n as uint8 with the first one turned over.
        zero = self._constant("zero", ZERO, np.uint8)
        yield _node("BitwiseXor", [numbers, zero], f"{numbers}.turned")
        yield _node("Cast", [f"{numbers}.turned"], f"{numbers}.signed", to=TensorProto.INT8)
        yield _node("Transpose", [f"{numbers}.signed"], f"{numbers}.blocks", perm=[1, 2, 0])
        for block in range(blocks):
            index = self._number(block)
            yield _node("Gather", [f"{numbers}.blocks", index], f"{numbers}.{block}", axis=0)
            yield _node("Gather", [scales, index], f"{scales}.{block}", axis=1)

    def _whole_numbers(
        self, values: str, out: str, blocks: int, width: int, columns: int
    ) -> Iterator[onnx.NodeProto]:
        """Values (B, K) as whole numbers (B, blocks, width) around 128, and scales of the blocks.

        As MatMulNBits rounds them, to the bit.
        """
        if columns < blocks * width:
            ends = self._constant(f"{out}.pads", [0, 0, 0, blocks * width - columns], np.int64)
            yield _node("Pad", [values, ends], f"{out}.padded")
            values = f"{out}.padded"
        shape = self._constant(f"{out}.blocks", [-1, blocks, width], np.int64)
        yield _node("Reshape", [values, shape], f"{out}.values")
        yield _node("Abs", [f"{out}.values"], f"{out}.sizes")
        axis = self._constant("axis", [2], np.int64)
        yield _node("ReduceMax", [f"{out}.sizes", axis], f"{out}.greatest", keepdims=1)
        # Where all values are zero, any scale will do.
        least = self._constant("least", 1e-30)
        yield _node("Max", [f"{out}.greatest", least], f"{out}.divided")
        greatest = self._constant("greatest", _GREATEST)
        yield _node("Div", [f"{out}.divided", greatest], f"{out}.scales")
        yield _node("Div", [greatest, f"{out}.divided"], f"{out}.factors")
        yield _node("Mul", [f"{out}.values", f"{out}.factors"], f"{out}.stretched")
        whole = [f"{out}.stretched", self._constant("one", 1.0)]
        whole.append(self._constant("zero", ZERO, np.uint8))
        yield _node("QuantizeLinear", whole, f"{out}.whole")

    def _number(self, value: int) -> str:
        return self._constant(f"number.{value}", value, np.int64)

    def _constant(self, name: str, value: ArrayLike, dtype: DTypeLike = np.float32) -> str:
        name = f"batching.{name}"
        if name not in self._known:
            self._known.add(name)
            tensor = numpy_helper.from_array(np.array(value, dtype), name)
            self._graph.initializer.append(tensor)
        return name


def _node(operator: str, inputs: list[str], out: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [out], **attributes)
