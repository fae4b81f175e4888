"""Products in 8 bits by every way there is: for a few rows, for many, and without 8-bit units."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from textrnn.engines._onnx_sessions import has_vnni
from textrnn.engines.onnx import OnnxEngine
from textrnn.export.batching import take_many_rows
from textrnn.export.quantizing import quantize_weights
from textrnn.generation import pad_right
from textrnn.model_folder import open_model_folder


def product(
    columns: int, rows: int, *, bias: bool, bounded: bool = False, whole: bool = False
) -> onnx.ModelProto:
    """Values (B, K), or their hyperbolic tangents, by a matrix (N, K), quantised."""
    draw = np.random.default_rng(columns).standard_normal
    arrays = {"matrix": draw((rows, columns)), "bias": draw(rows)}
    tensors = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    values = "tanh" if bounded else "x"
    nodes = [helper.make_node("Tanh", ["x"], ["tanh"])][:bounded]
    nodes += [helper.make_node("Gemm", [values, "matrix", *["bias"][:bias]], ["y"], transB=1)]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "product",
        [value("x", TensorProto.FLOAT, ["batch", columns])],
        [value("y", TensorProto.FLOAT, None)],
        tensors,
    )
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return quantize_weights(model, whole=whole)


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


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("columns", [24, 256, 600])
def test_where_nothing_has_to_be_the_same_there_are_fewer_nodes(
    columns: int, bounded: bool, bias: bool
) -> None:
    few = product(columns, 40, bias=bias, bounded=bounded, whole=True)
    many = take_many_rows(few, ())
    kinds = [node.op_type for node in many.graph.node]
    assert ("ReduceMax" in kinds) == (not bounded)
    assert kinds.count("MatMulIntegerToFloat") == 1
    assert "Pad" not in kinds
    x = np.random.default_rng(1).standard_normal((33, columns)).astype(np.float32)
    x[3] = 0
    values = np.tanh(x) if bounded else x
    arrays = {t.name: numpy_helper.to_array(t) for t in few.graph.initializer}
    wanted = values @ dequantized(few)[:, :columns].T + arrays.get("bias", np.float32(0))
    found = run(many, x)
    step = np.ones((33, 1)) if bounded else np.abs(x).max(1, keepdims=True)
    spread = np.sqrt((dequantized(few) ** 2).sum(1))  # rounding errors add up like random steps
    assert (np.abs(found - wanted) <= 3 * step / 127 * spread).all()
    for rows in (1, 2):  # exact sums of whole numbers: no row depends on those beside it
        assert (run(many, x[:rows]) == found[:rows]).all()


def looked_up_beside(first: bool, scale: float) -> onnx.ModelProto:
    """Rows of a table (7, 32) and values (B, 24) side by side, by a matrix (40, 56)."""
    draw = np.random.default_rng(3).standard_normal
    arrays = {"table": draw((20, 32)), "matrix": draw((40, 56)), "scale": np.array(scale)}
    tensors = [numpy_helper.from_array(a.astype(np.float32), name) for name, a in arrays.items()]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["row"]),
        helper.make_node("Mul", ["row", "scale"], ["rows"]),
        helper.make_node("Concat", ["rows", "x"] if first else ["x", "rows"], ["both"], axis=1),
        helper.make_node("Gemm", ["both", "matrix"], ["y"], transB=1),
    ]
    value = helper.make_tensor_value_info
    inputs = [value("ids", TensorProto.INT64, ["batch"])]
    inputs += [value("x", TensorProto.FLOAT, ["batch", 24])]
    graph = helper.make_graph(nodes, "g", inputs, [value("y", TensorProto.FLOAT, None)], tensors)
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


@pytest.mark.parametrize("declared", [(), ("x",)])
@pytest.mark.parametrize("first", [True, False])
def test_rows_of_a_table_are_multiplied_as_they_are_stored(
    first: bool, declared: tuple[str, ...]
) -> None:
    model = looked_up_beside(first, 3.0)
    few = quantize_weights(model, whole=True)
    many = take_many_rows(few, declared)
    assert [node.op_type for node in many.graph.node].count("ReduceMax") == (not declared)
    ids = np.array([3, 0, 19, 3])
    x = np.random.default_rng(1).uniform(-1, 1, (4, 24)).astype(np.float32)
    wanted, found = (
        onnxruntime.InferenceSession(m.SerializeToString()).run(["y"], {"ids": ids, "x": x})[0]
        for m in (model, many)
    )
    assert 0 < np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()
    nothing = np.zeros_like(x)  # then only the rounding of weights is left
    arrays = {t.name: numpy_helper.to_array(t) for t in few.graph.initializer}
    numbers = arrays["table.q8"].astype(np.float32)[:, 0] - 128
    (scales,) = (array for name, array in arrays.items() if array.shape == (20, 1, 1))
    rows = numbers * scales[:, 0]  # three times the table's
    columns = slice(0, 32) if first else slice(24, 56)
    exact = rows[ids] @ dequantized(few)[:, columns].T
    session = onnxruntime.InferenceSession(many.SerializeToString())
    np.testing.assert_allclose(
        session.run(["y"], {"ids": ids, "x": nothing})[0], exact, rtol=1e-4, atol=1e-3
    )


def dequantized(model: onnx.ModelProto) -> Any:
    """The matrix (N, K) that a quantised product stands for."""
    arrays = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    numbers, scales = arrays["matrix.q8"].astype(np.float32) - 128, arrays["matrix.scale"]
    return (numbers * scales[:, :, np.newaxis]).reshape(len(numbers), -1)


@pytest.mark.parametrize("columns", [48, 512])
def test_a_machine_without_units_for_8_bits_is_within_tolerance(columns: int) -> None:
    # ONNX Runtime cannot be told to leave AVX-512 alone. What it does where the processor has no
    # such units is asked for by the accuracy level: weights in float32, activations not rounded.
    model = product(columns, 40, bias=True)
    exact = onnx.ModelProto()
    exact.CopyFrom(model)
    (level,) = (a for a in exact.graph.node[0].attribute if a.name == "accuracy_level")
    level.i = 1
    x = np.random.default_rng(1).standard_normal((9, columns)).astype(np.float32)
    bias = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == "bias")
    wanted = x @ dequantized(model)[:, :columns].T + bias
    sizes = np.abs(wanted).max(1, keepdims=True)
    assert (np.abs(run(exact, x) - wanted) <= 1e-5 * sizes).all()
    # Rounding moves a value by half a step, which is a 127th of the greatest one, at most.
    moved = np.abs(x).max(1, keepdims=True) / 254 * np.abs(dequantized(model)).sum(1)
    for way in (model, take_many_rows(model)):
        assert (np.abs(run(way, x) - wanted) <= moved + 1e-5 * sizes).all()


def test_products_are_exact_whether_or_not_the_processor_has_vnni(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("processor: 0\nflags: fpu avx512f avx512_vnni amx\n")
    (tmp_path / "old").write_text("processor: 0\nflags: fpu avx2\n")
    found = [has_vnni(tmp_path / name) for name in ("new", "old", "none")]
    assert found == [True, False, False]
    many = take_many_rows(product(512, 40, bias=True)).SerializeToString()
    x = np.full((20, 512), 1.0, np.float32)  # all rounded to 127: sums of two would saturate
    results = []
    for exact in ("1", "0" if has_vnni() else "1"):
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.x64quantprecision", exact)
        results.append(onnxruntime.InferenceSession(many, options).run(None, {"x": x})[0])
    np.testing.assert_allclose(*results, rtol=1e-6, atol=1e-5)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in loops too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from nodes_of(attribute.g)


def test_a_model_says_the_same_without_units_for_8_bits(toy_model: Path, tmp_path: Path) -> None:
    folder = open_model_folder(toy_model)
    shutil.copytree(toy_model / "onnx", tmp_path / "onnx")
    changed = 0
    for name in ("step", "read"):
        model = onnx.load(tmp_path / "onnx" / f"{name}.onnx", load_external_data=False)
        for node in nodes_of(model.graph):
            for attribute in node.attribute:
                if attribute.name == "accuracy_level":
                    attribute.i, changed = 1, changed + 1
        onnx.save(model, tmp_path / "onnx" / f"{name}.onnx")
    assert changed >= 4
    ids, lengths = pad_right([[2, *range(5, 25)], [2, 9, 8]])
    rounded, exact = (
        OnnxEngine(path / "onnx", folder.parameters_sha256).start(ids, lengths)[0]
        for path in (toy_model, tmp_path)
    )
    assert 0 < np.abs(rounded - exact).max() < 0.01 * np.abs(exact).max()


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
