"""Weights in 8 bits: every product with a constant matrix, and the embedding.

A matrix (N, K) is cut into blocks along K, or is one block; each has a scale of its own and whole
numbers of 8 bits. Only weights are quantised here. Activations are rounded row by row, by ONNX
Runtime's MatMulNBits or as :mod:`~textrnn.export.batching` says it, so a row's result does not
depend on the rows beside it, as it would with one scale for a whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

__all__ = ["MICROSOFT", "quantize_blocks", "quantize_weights"]

MICROSOFT = "com.microsoft"
BLOCK = 256  # the widest that MatMulNBits rounds activations by
LEAST = 16  # the narrowest block; narrower matrices stay as they are
ZERO = 128
ROUNDED_ACTIVATIONS = 4  # MatMulNBits' accuracy level at which products are of 8-bit numbers


def quantize_blocks(
    matrix: NDArray[np.float32], width: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A matrix (N, K) as numbers (N, blocks, width) around 128, and a scale (N, blocks) each.

    What a row lacks is filled up with zeros.

    >>> numbers, scales = quantize_blocks(np.array([[0.5, -1.0] * 8], np.float32), 16)
    >>> ((numbers.astype(np.float32) - 128) * scales[..., None]).round(2)[0, 0, :2]
    array([ 0.5, -1. ], dtype=float32)
    """
    rows, columns = matrix.shape
    padded = np.pad(matrix, ((0, 0), (0, -columns % width))).reshape(rows, -1, width)
    scales = np.abs(padded).max(axis=2) / np.float32(127)
    divisors = np.where(scales == 0, np.float32(1), scales)[..., None]
    numbers = np.rint(padded / divisors).clip(-127, 127) + ZERO
    return numbers.astype(np.uint8), scales.astype(np.float32)


def quantize_weights(model: onnx.ModelProto, *, whole: bool = False) -> onnx.ModelProto:
    """A copy of a model in which products with constant matrices and look-ups in them take 8 bits.

    A matrix that is both looked up and multiplied by is stored once.

    Args:
        model: in float32.
        whole: each matrix is one block, unless it is a table, too, whose width is no power of two.
            ONNX Runtime has no MatMulNBits for those, but take_many_rows of
            :mod:`~textrnn.export.batching` rewrites them.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    rewriting = _Rewriting(result.graph, whole=whole)
    nodes = [new for node in result.graph.node for new in rewriting.rewritten(node)]
    del result.graph.node[:]
    result.graph.node.extend(rewriting.folded(nodes))
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in rewriting.tensors.values() if tensor.name in used]
    del result.graph.initializer[:]
    result.graph.initializer.extend(kept)
    result.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return result


class _Rewriting:
    """The rewriting of one graph: its initializers, those made on the way among them."""

    def __init__(self, graph: onnx.GraphProto, *, whole: bool) -> None:
        self._whole = whole
        self._tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._scales: dict[str, str] = {}  # of a look-up's output, the tensor that scales it

    def rewritten(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        """What takes a node's place."""
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        if node.op_type == "Gather" and self._is_matrix(node.input[0]):
            if attributes.get("axis", 0) == 0:
                return self._lookup(node)
        elif node.op_type in ("Gemm", "MatMul") and self._is_matrix(node.input[1]):
            plain = {"transA": 0, "alpha": 1.0, "beta": 1.0}
            if all(attributes.get(name, value) == value for name, value in plain.items()):
                return self._product(node, transposed=attributes.get("transB", 0) == 1)
        return [node]

    def folded(self, nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
        """The nodes without products of a look-up and one number: they become part of its scales.

        Only where nothing else reads the look-up.
        """
        readers: dict[str, list[onnx.NodeProto]] = {}
        for node in nodes:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        gone: list[onnx.NodeProto] = []
        for output, scales in self._scales.items():
            follow = readers.get(output, [])
            if len(follow) != 1 or follow[0].op_type != "Mul":
                continue
            others = [name for name in follow[0].input if name != output]
            if len(others) == 1 and others[0] in self.tensors:
                factor = numpy_helper.to_array(self.tensors[others[0]])
                if factor.size == 1:
                    old = numpy_helper.to_array(self.tensors[scales])
                    self._store(scales, old * factor.reshape(()).astype(np.float32))
                    (maker,) = (node for node in nodes if output in node.output)
                    maker.output[0] = follow[0].output[0]
                    gone.append(follow[0])
        return [node for node in nodes if node not in gone]

    def _is_matrix(self, name: str) -> bool:
        """Whether it is a constant of two dimensions that is wide enough."""
        tensor = self.tensors.get(name)
        return tensor is not None and len(tensor.dims) == 2 and min(tensor.dims) >= LEAST

    def _store(self, name: str, array: NDArray[np.generic]) -> str:
        self.tensors[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def _blocks(self, name: str, *, transposed: bool = True) -> tuple[str, str, int]:
        """The names of a matrix's numbers and scales, and the width of its blocks."""
        label = name if transposed else f"{name}.T"
        numbers, scales = f"{label}.q8", f"{label}.scale"
        if numbers not in self.tensors:
            matrix = numpy_helper.to_array(self.tensors[name])
            matrix = matrix if transposed else matrix.T
            made = quantize_blocks(matrix, self._block_width(name, matrix.shape[1]))
            self._store(numbers, made[0])
            self._store(scales, made[1])
        return numbers, scales, self.tensors[numbers].dims[2]

    def _block_width(self, name: str, columns: int) -> int:
        """A power of two, unless nothing wants one; a wide table is not filled up to the next."""
        if self._whole and name not in self._tables:
            return columns
        width = max(LEAST, 1 << (columns - 1).bit_length())
        return width if self._whole and width == columns else min(BLOCK, width)

    def _product(self, node: onnx.NodeProto, *, transposed: bool) -> Iterable[onnx.NodeProto]:
        shape = self.tensors[node.input[1]].dims
        rows, columns = shape if transposed else reversed(shape)
        numbers, scales, width = self._blocks(node.input[1], transposed=transposed)
        bias = node.input[2:3]
        fits = bool(bias) and list(getattr(self.tensors.get(bias[0]), "dims", ())) == [rows]
        inputs = [node.input[0], numbers, scales, *(["", "", bias[0]] if fits else [])]
        out = node.output[0] if fits or not bias else f"{node.output[0]}.product"
        yield helper.make_node(
            "MatMulNBits",
            inputs,
            [out],
            domain=MICROSOFT,
            K=columns,
            N=rows,
            bits=8,
            block_size=width,
            accuracy_level=ROUNDED_ACTIVATIONS,
        )
        if bias and not fits:
            yield helper.make_node("Add", [out, bias[0]], [node.output[0]])

    def _lookup(self, node: onnx.NodeProto) -> Iterable[onnx.NodeProto]:
        table, out = node.input[0], node.output[0]
        numbers, scales, width = self._blocks(table)
        own = self._store(
            f"{out}.scale", numpy_helper.to_array(self.tensors[scales])[..., np.newaxis]
        )
        blocks, count = f"{out}.blocks", self.tensors[table].dims[1]
        yield helper.make_node(
            "GatherBlockQuantized",
            [numbers, node.input[1], own],
            [blocks],
            domain=MICROSOFT,
            gather_axis=0,
            quantize_axis=2,
            block_size=width,
            bits=8,
        )
        flat = self._store(f"{out}.shape", np.array([-1, self._width(numbers)], np.int64))
        if count == self._width(numbers):
            yield helper.make_node("Reshape", [blocks, flat], [out])
        else:
            yield helper.make_node("Reshape", [blocks, flat], [f"{out}.padded"])
            ends = [
                self._store(f"{out}.{name}", np.array([value], np.int64))
                for name, value in (("begin", 0), ("end", count), ("axis", 1))
            ]
            yield helper.make_node("Slice", [f"{out}.padded", *ends], [out])
        self._scales[out] = own

    def _width(self, numbers: str) -> int:
        _, blocks, width = self.tensors[numbers].dims
        return int(blocks * width)
