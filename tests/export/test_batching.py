"""Products for many rows are those for a few, and the weights are stored once."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from textrnn.export.batching import take_many_rows
from textrnn.export.quantizing import quantize_weights


def product(columns: int, rows: int, *, bias: bool) -> onnx.ModelProto:
    """Values (B, K) by a matrix (N, K), quantised."""
    draw = np.random.default_rng(columns).standard_normal
    arrays = {"matrix": draw((rows, columns)), "bias": draw(rows)}
    tensors = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    node = helper.make_node("Gemm", ["x", "matrix", *["bias"][:bias]], ["y"], transB=1)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "product",
        [value("x", TensorProto.FLOAT, ["batch", columns])],
        [value("y", TensorProto.FLOAT, None)],
        tensors,
    )
    opset = [helper.make_opsetid("", 20)]
    return quantize_weights(helper.make_model(graph, opset_imports=opset, ir_version=10))


def run(model: onnx.ModelProto, x: Any) -> Any:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("columns", [16, 24, 256, 512, 600])
def test_the_results_are_the_same(columns: int, bias: bool) -> None:
    few = product(columns, 40, bias=bias)
    many = take_many_rows(few)
    assert "MatMulNBits" in {node.op_type for node in few.graph.node}
    assert "MatMulNBits" not in {node.op_type for node in many.graph.node}
    x = np.random.default_rng(1).standard_normal((33, columns)).astype(np.float32)
    x[3] = 0
    x[4] *= 1e-20
    x[5] *= 1e6
    for rows in (1, 2, 33):
        wanted, found = run(few, x[:rows]), run(many, x[:rows])
        sizes = np.abs(wanted).max(1, keepdims=True)
        assert (np.abs(found - wanted) <= 1e-5 * sizes).all()


def test_weights_are_those_that_were_stored() -> None:
    few = product(512, 40, bias=True)
    many = take_many_rows(few)
    stored = {tensor.name: tensor for tensor in many.graph.initializer}
    for tensor in few.graph.initializer:
        assert stored.pop(tensor.name) == tensor
    assert sum(numpy_helper.to_array(tensor).nbytes for tensor in stored.values()) < 200


def test_a_matrix_that_is_used_twice_is_cut_once() -> None:
    model = product(32, 32, bias=False)
    again = onnx.NodeProto()
    again.CopyFrom(model.graph.node[0])
    again.input[0], again.output[0] = "y", "z"
    model.graph.node.append(again)
    model.graph.output[0].name = "z"
    many = take_many_rows(model)
    assert [node.op_type for node in many.graph.node].count("Transpose") == 1
    x = np.random.default_rng(1).standard_normal((3, 32)).astype(np.float32)
    np.testing.assert_allclose(run(many, x), run(model, x), rtol=1e-4, atol=1e-3)


def test_a_model_in_float32_stays_as_it_is() -> None:
    exact = helper.make_model(
        helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "exact", [], [])
    )
    assert take_many_rows(exact) == exact
