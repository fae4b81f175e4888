"""Products in 8 bits for graphs that take many rows at once.

MatMulNBits reads the weights as they are stored, which is best for a few rows; with many it is
bound by its arithmetic. MatMulInteger is more than twice as fast there, but knows one scale a row
and one a column. So a product is taken block by block, with what MatMulNBits does inside: the
activations of a row's block are rounded to whole numbers of 8 bits by a scale of their own. The
same whole numbers are multiplied, so the results are the same but for the last bit of a float.

What comes out of a tanh lies between -1 and 1, and some of it near either, so its scale need not be
looked for: it is 1 / 127 for all rows, and the product itself scales and adds the bias. That saves
passes over what is widest in a step, the logits.

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


class _Product:
    """A product that is rewritten: values (B, K) by a matrix (N, blocks, width)."""

    def __init__(self, node: onnx.NodeProto, blocks: int, width: int, columns: int) -> None:
        self.values, self.numbers, self.scales = node.input[:3]
        self.bias = list(node.input[5:6])
        self.out = node.output[0]
        self.blocks, self.width, self.columns = blocks, width, columns


class _Products:
    """The rewriting of one graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._known = {tensor.name for tensor in graph.initializer}
        self._made: set[str] = set()  # the matrices whose blocks there are already
        self._bounded = {out for n in graph.node if n.op_type == "Tanh" for out in n.output}

    def rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What takes a node's place."""
        if node.op_type != "MatMulNBits":
            yield node
            return
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        width, columns = attributes["block_size"], attributes["K"]
        product = _Product(node, -(-columns // width), width, columns)
        if product.numbers not in self._made:
            self._made.add(product.numbers)
            yield from self._matrices(product.numbers, product.scales, product.blocks)
        if node.input[0] in self._bounded:
            yield from self._whole_numbers_of_bounded(product)
        else:
            yield from self._whole_numbers(product)
        yield from self._multiplied(product, bounded=node.input[0] in self._bounded)

    def _multiplied(self, product: _Product, *, bounded: bool) -> Iterator[onnx.NodeProto]:
        """The sum of the products of all blocks, and the bias."""
        out, rest = product.out, product.bias
        scale = self._constant("unit" if bounded else "one", 1 / _GREATEST if bounded else 1.0)
        for block in range(product.blocks):
            last = block == product.blocks - 1
            taken, whole, row_scale = f"{out}.{block}", f"{out}.whole", f"{out}.scales"
            if product.blocks > 1:
                index = self._number(block)
                yield _node("Gather", [whole, index], f"{taken}.whole", axis=1)
                whole = f"{taken}.whole"
                if not bounded:
                    yield _node("Gather", [row_scale, index], f"{taken}.scale", axis=1)
                    row_scale = f"{taken}.scale"
            inputs = [whole, f"{product.numbers}.{block}", scale, f"{product.scales}.{block}"]
            inputs.append(self._constant("zero", ZERO, np.uint8))
            if bounded:
                if block == 0 and rest:
                    inputs, rest = [*inputs, "", rest[0]], []
                scaled = f"{taken}.scaled" if rest or not last else out
                yield _node("MatMulIntegerToFloat", inputs, scaled, domain=MICROSOFT)
            else:
                scaled = f"{taken}.scaled" if rest or not last else out
                yield _node("MatMulIntegerToFloat", inputs, f"{taken}.product", domain=MICROSOFT)
                yield _node("Mul", [f"{taken}.product", row_scale], scaled)
            if rest:
                sum_ = out if last else f"{taken}.sum"
                yield _node("Add", [scaled, *rest], sum_)
                rest = [sum_]
            else:
                rest = [scaled]

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

    def _whole_numbers(self, product: _Product) -> Iterator[onnx.NodeProto]:
        """Values (B, K) as whole numbers around 128 in blocks, and the scales of each row's blocks.

        As MatMulNBits rounds them, to the bit. (B, blocks, width) and (B, blocks, 1); of one block
        (B, width) and (B, 1).
        """
        out = product.out
        yield from self._in_blocks(product)
        yield _node("Abs", [f"{out}.values"], f"{out}.sizes")
        axis = self._constant("axis", [-1], np.int64)
        yield _node("ReduceMax", [f"{out}.sizes", axis], f"{out}.greatest", keepdims=1)
        # Where all values are zero, any scale will do.
        least = self._constant("least", 1e-30)
        yield _node("Max", [f"{out}.greatest", least], f"{out}.divided")
        greatest = self._constant("greatest", _GREATEST)
        yield _node("Div", [f"{out}.divided", greatest], f"{out}.scales")
        yield _node("Div", [greatest, f"{out}.divided"], f"{out}.factors")
        yield _node("Mul", [f"{out}.values", f"{out}.factors"], f"{out}.stretched")
        yield self._rounded(f"{out}.stretched", f"{out}.whole", self._constant("one", 1.0))

    def _whole_numbers_of_bounded(self, product: _Product) -> Iterator[onnx.NodeProto]:
        """The same of values between -1 and 1, which have one scale."""
        yield from self._in_blocks(product)
        scale = self._constant("unit", 1 / _GREATEST)
        yield self._rounded(f"{product.out}.values", f"{product.out}.whole", scale)

    def _in_blocks(self, product: _Product) -> Iterator[onnx.NodeProto]:
        """Values (B, K), filled up with zeros, as (B, blocks, width); one block as (B, width)."""
        values, out, blocks, width = product.values, product.out, product.blocks, product.width
        lacking = blocks * width - product.columns
        shaped = f"{out}.padded" if blocks > 1 else f"{out}.values"
        if lacking:
            ends = self._constant(f"{out}.pads", [0, 0, 0, lacking], np.int64)
            yield _node("Pad", [values, ends], shaped)
            values = shaped
        if blocks > 1:
            shape = self._constant(f"{out}.blocks", [-1, blocks, width], np.int64)
            yield _node("Reshape", [values, shape], f"{out}.values")
        elif not lacking:
            yield _node("Identity", [values], f"{out}.values")

    def _rounded(self, values: str, out: str, scale: str) -> onnx.NodeProto:
        zero = self._constant("zero", ZERO, np.uint8)
        return _node("QuantizeLinear", [values, scale, zero], out)

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
