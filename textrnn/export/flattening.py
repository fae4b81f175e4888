"""Products of arrays of more than two axes, as products of rows.

ONNX Runtime takes such an array times a vector a little matrix at a time, which for the scores of
additive attention costs more than all the rest of a step; and what makes products fast in 8 bits
(:mod:`~textrnn.export.quantizing`, :mod:`~textrnn.export.batching`) knows rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

__all__ = ["flatten_products"]


def flatten_products(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model in which a product with a constant matrix or vector is one of rows.

    Args:
        model: as it was traced, with the shapes of its values.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    flattening = _Flattening(result.graph)
    nodes = [new for node in result.graph.node for new in flattening.rewritten(node)]
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


class _Flattening:
    """The rewriting of one graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._ranks = {
            value.name: len(value.type.tensor_type.shape.dim)
            for value in (*graph.value_info, *graph.input, *graph.output)
        }

    def rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What takes a node's place."""
        constant = self._constants.get(node.input[1]) if node.op_type == "MatMul" else None
        if constant is None or self._ranks[node.input[0]] < 3 or len(constant.dims) > 2:
            yield node
            return
        (values, _), (out,) = node.input, node.output
        width = constant.dims[0]
        yield _node("Reshape", [values, self._store(f"{out}.width", [-1, width])], f"{out}.rows")
        yield _node("Shape", [values], f"{out}.outer", end=-1)
        if len(constant.dims) == 1:
            numbers = numpy_helper.to_array(constant)[np.newaxis]
            inputs = [self._store(f"{out}.vector", numbers), f"{out}.rows"]
            yield _node("Gemm", inputs, f"{out}.flat", transB=1)
            yield _node("Reshape", [f"{out}.flat", f"{out}.outer"], out)
            return
        yield _node("MatMul", [f"{out}.rows", constant.name], f"{out}.flat")
        sizes = [f"{out}.outer", self._store(f"{out}.inner", [constant.dims[1]])]
        yield _node("Concat", sizes, f"{out}.shape", axis=0)
        yield _node("Reshape", [f"{out}.flat", f"{out}.shape"], out)

    def _store(self, name: str, value: ArrayLike) -> str:
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _node(operator: str, inputs: list[str], out: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [out], **attributes)
