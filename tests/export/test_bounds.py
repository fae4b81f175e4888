"""What is known of the values in a graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from textrnn.export.bounds import bounded_values


def graph_of(nodes: Sequence[NodeProto], name: str = "g", ends: Sequence[str] = ()) -> GraphProto:
    inputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in ("x", "h")]
    outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, None) for x in ends]
    tensors = [numpy_helper.from_array(np.float32(n), f"is.{n}") for n in (0.5, 2.0)]
    return helper.make_graph(nodes, name, inputs, outputs, tensors)


def node(kind: str, *inputs: str, out: str = "y") -> NodeProto:
    return helper.make_node(kind, inputs, [out])


KNOWN = [
    node("Tanh", "x"),
    node("Sigmoid", "x"),
    node("Softmax", "x"),
    node("Reshape", "h", "shape"),
    node("Concat", "h", "h"),
    node("Mul", "h", "h"),
    node("Mul", "is.0.5", "h"),
    node("Where", "x", "h", "is.0.5"),
]
UNKNOWN = [
    node("Identity", "x"),
    node("Concat", "h", "x"),
    node("Mul", "h", "is.2.0"),
    node("Add", "h", "h"),
    node("Where", "x", "h", "is.2.0"),
    node("MatMul", "h", "h"),
    node("LayerNormalization", "h", "is.0.5"),
]


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_what_keeps_within_bounds(known: NodeProto) -> None:
    assert "y" in bounded_values(graph_of([known]), {"h"})


@pytest.mark.parametrize("unknown", UNKNOWN, ids=str)
def test_what_does_not(unknown: NodeProto) -> None:
    assert "y" not in bounded_values(graph_of([unknown]), {"h"})


def test_shares_are_of_the_last_axis() -> None:
    shares = helper.make_node("Softmax", ["x"], ["shares"], axis=1)
    nodes = [shares, node("MatMul", "shares", "h")]
    assert "y" not in bounded_values(graph_of(nodes), {"h"})


def test_nothing_is_known_of_what_is_not_declared() -> None:
    assert "y" not in bounded_values(graph_of([node("Identity", "h")]), ())


def test_a_mean_of_what_is_bounded_is_bounded() -> None:
    nodes = [node("Softmax", "x", out="shares"), node("MatMul", "shares", "h")]
    assert "y" in bounded_values(graph_of(nodes), {"h"})
    assert "y" not in bounded_values(graph_of(nodes), ())


@pytest.mark.parametrize(("kind", "stays"), [("Add", False), ("Mul", True)])
def test_a_state_that_begins_within_bounds_need_not_stay_there(kind: str, stays: bool) -> None:
    inside = [
        node(kind, "state", "now", out="after"),
        node("Identity", "state", out="read"),
        node("Identity", "now", out="other"),
    ]
    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.FLOAT, None) for name in ("state", "now")]
    outputs = [value(name, TensorProto.FLOAT, None) for name in ("after", "read", "other")]
    body = helper.make_graph(inside, "body", inputs, outputs)
    names = ["last", "all", "rest"]
    scan = helper.make_node("Scan", ["is.0.5", "h"], names, body=body, num_scan_inputs=1)
    known = bounded_values(graph_of([scan]), {"h"})
    of_the_state = {"state", "after", "read", "last", "all"}
    assert of_the_state & known == (of_the_state if stays else set())
    assert "rest" in known


def test_values_are_followed_into_a_loop_and_out_of_it() -> None:
    inside = [node("Add", "loop.h", "loop.h", out="loop.new"), node("Identity", "h", out="kept")]
    body = graph_of(inside, "body", ["loop.new", "kept"])
    scan = helper.make_node("Scan", ["x", "h"], ["last", "all"], body=body, num_scan_inputs=1)
    assert {"last", "all", "kept"} <= bounded_values(graph_of([scan]), {"h", "new"})
    known = bounded_values(graph_of([scan]), {"h"})
    assert "all" in known
    assert "last" not in known
