"""From a model of one step to one that reads many tokens at once.

A node is *recurrent* where its value at one time needs its value at the time before; all others are
computed for all times in one go, as if the times were rows of one large batch. So the projections
of a whole text are one product, and only what must wait for the step before runs in a loop (ONNX's
``Scan``). Nothing here knows which cell it is, but for the marks (:mod:`textrnn.tasks._marks`):
where values pass that of reversal, rows are turned round within their lengths, and what follows
reads them backwards; an LSTM that is marked gets an operator of its own in the place of the loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from textrnn.export.ordering import LOOP, between, copied, count_rows_of, rename, renamed, units
from textrnn.export.whole_lstm import whole_lstm
from textrnn.tasks import LSTM, REVERSED, Reading

__all__ = ["unroll"]


def unroll(
    reading: Reading, step: onnx.ModelProto, then: onnx.ModelProto | None, given: Collection[str]
) -> onnx.ModelProto:
    """The model that reads ids (B, T), of which ``lengths`` (B,) are real.

    Args:
        reading: what is read.
        step: the model of its step.
        then: the model of what follows, if anything does.
        given: those parts of the state that are inputs; the others begin as ``reading`` says.

    Returns:
        Its outputs are those of ``then``, and the parts after each row's last real token of the
        state that is given; without ``then``, what is kept of every time, (T, B, ...), zero beyond
        the lengths, and the whole state after each row's last real token.
    """
    return _Unrolling(reading, step, given).model(then)


class _Unrolling:
    """The making of one such model."""

    def __init__(self, reading: Reading, step: onnx.ModelProto, given: Collection[str]) -> None:
        self._graph = onnx.GraphProto()
        self._graph.CopyFrom(step.graph)
        self._step = step
        self._reading = reading
        self._carried = reading.step.carried
        self._given = [name for name in self._carried if name in given]
        self._nodes = between(self._graph, [*reading.kept, *self._carried.values()])
        self._constants = {tensor.name for tensor in self._graph.initializer}
        self._inputs = {value.name for value in self._graph.input}
        self._made: list[onnx.NodeProto] = []
        self._tensors = list(_NUMBERS)
        graph = self._graph
        self._types = {
            value.name: value.type.tensor_type.elem_type
            for value in (*graph.value_info, *graph.input, *graph.output)
        }

    def model(self, then: onnx.ModelProto | None) -> onnx.ModelProto:
        self._prepare()
        self._sizes = self._row_counts()
        for unit, recurrent in units(self._nodes, self._carried):
            first = self._nodes[unit[0]]
            if _kind(first) == LSTM:
                self._lstm(first)
            elif recurrent:
                self._loop(unit)
            else:
                for node in (self._nodes[index] for index in unit):
                    self._once(node)
        outputs = [self._real(name) for name in self._reading.kept]
        outputs += [f"{end}.last" for end in self._carried.values()]
        if then is None:
            values = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        else:
            known = dict(zip([*self._reading.kept, *self._carried.values()], outputs, strict=True))
            behind = renamed(then, "then.", known | {"lengths": "lengths"})
            self._made += behind.node
            self._tensors += behind.initializer
            values = list(behind.output)
            left = [f"{self._carried[name]}.last" for name in self._given]
            values += [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in left]
        graph = helper.make_graph(
            self._made,
            "reading",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "time"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
                *(value for value in self._graph.input if value.name in self._given),
            ],
            values,
            [*self._graph.initializer, *self._tensors],
        )
        return helper.make_model(
            graph,
            opset_imports=[entry for entry in self._step.opset_import if entry.domain != _MARKS],
            ir_version=self._step.ir_version,
        )

    def _once(self, node: onnx.NodeProto) -> None:
        """A node that needs no loop: all times are rows of one batch."""
        if _kind(node) != REVERSED:
            self._made.append(node)
            return
        (value,), (out,) = node.input, node.output
        times = self._apart(value, f"{out}.forward")
        attributes = {"time_axis": 0, "batch_axis": 1}
        self._node("ReverseSequence", [times, "lengths"], f"{out}.back", **attributes)
        self._node("Shape", [value], f"{out}.shape")
        self._node("Reshape", [f"{out}.back", f"{out}.shape"], out)

    def _lstm(self, mark: onnx.NodeProto) -> None:
        """A marked LSTM, whole."""
        values = self._apart(mark.input[0], f"{mark.output[0]}.inputs")
        nodes, tensors = whole_lstm(mark, values, self._graph.initializer)
        self._made += nodes
        self._tensors += tensors

    def _real(self, name: str) -> str:
        """A value of all times, (T, B, ...), zero beyond the lengths."""
        times = self._apart(name, f"{name}.all")
        return self._node("Where", ["read.real", times, "read.nothing"], f"{name}.real")

    def _node(self, operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        self._made.append(helper.make_node(operator, inputs, [out], **attributes))
        return out

    def _prepare(self) -> None:
        """Time before batch, the two as one axis of rows; and which of them are real (T, B, 1)."""
        self._node("Transpose", ["ids"], "read.ids", perm=[1, 0])
        self._node("Shape", ["read.ids"], "read.shape")
        self._node("Reshape", ["read.ids", "read.minus"], "read.rows")
        self._node("Shape", ["ids"], "read.times", start=1, end=2)
        self._node("Squeeze", ["read.times"], "read.time")
        self._node("Range", ["read.zero", "read.time", "read.one"], "read.clock")
        self._node("Unsqueeze", ["read.clock", "read.minus"], "read.clocks")
        self._node("Less", ["read.clocks", "lengths"], "read.before")
        self._node("Unsqueeze", ["read.before", "read.minus"], "read.real")
        self._node("Shape", ["lengths"], "read.batch")
        self._node("Concat", ["read.batch", "read.single"], "read.both", axis=0)
        for name in self._carried.keys() - set(self._given):
            part = self._reading.initial[name].detach().numpy().astype(np.float32)
            self._tensors.append(numpy_helper.from_array(part, f"{name}.initial"))
            self._node("Expand", [f"{name}.initial", "read.both"], name)
        for node in self._nodes:
            if node.op_type != "Shape":
                rename(node.input, {"ids": "read.rows"})

    def _row_counts(self) -> list[onnx.NodeProto]:
        """The nodes that come from the number of rows alone; it is another one in a loop."""
        known, nodes = set(self._constants), []
        for node in self._nodes:
            counts = node.op_type == "Shape" and node.input[0] in self._inputs
            if counts or (node.input and known.issuperset(filter(None, node.input))):
                known.update(node.output)
                nodes.append(copied(node))
        count_rows_of(self._nodes, self._inputs, "read.rows")
        return nodes

    def _loop(self, unit: Sequence[int]) -> None:
        """The nodes of a unit as the body of a Scan over time."""
        nodes = [self._nodes[index] for index in unit]
        sizes = self._sizes_for(nodes)
        for node in sizes:  # of one time, whichever input they ask
            if node.input[0] in self._inputs:
                node.input[0] = "ids"
        nodes = [*sizes, *nodes]
        inside = {out for node in nodes for out in node.output}
        carried = {b: e for b, e in self._carried.items() if e in inside}
        taken = {name for node in nodes for name in node.input if name}
        sequences = sorted(taken - inside - set(carried) - self._constants - {"ids"})
        elsewhere = [node for index, node in enumerate(self._nodes) if index not in unit]
        read = {name for node in elsewhere for name in node.input} | set(self._reading.kept)
        given = sorted(inside & read - {out for node in self._sizes for out in node.output})
        label = next(iter(carried.values()))
        apart = [self._apart(name, f"{name}.for.{label}") for name in sequences]
        self._made.append(
            helper.make_node(
                "Scan",
                [*carried, "read.real", *apart],
                [*(f"{end}.last" for end in carried.values()), *(f"{n}.times" for n in given)],
                body=self._body(nodes, carried, sequences, given),
                num_scan_inputs=1 + len(apart),
            )
        )
        for name in given:
            self._node("Shape", [f"{name}.times"], f"{name}.inner", start=2)
            self._node("Concat", ["read.minus", f"{name}.inner"], f"{name}.shape", axis=0)
            self._node("Reshape", [f"{name}.times", f"{name}.shape"], name)

    def _sizes_for(self, nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
        """Copies of the nodes that lead from the number of rows to what ``nodes`` read."""
        chosen: list[onnx.NodeProto] = []
        wanted = {name for node in nodes for name in node.input}
        for node in reversed(self._sizes):
            if wanted.intersection(node.output):
                chosen.insert(0, copied(node))
                wanted.update(node.input)
        return chosen

    def _body(
        self,
        nodes: Sequence[onnx.NodeProto],
        carried: Mapping[str, str],
        sequences: Sequence[str],
        given: Sequence[str],
    ) -> onnx.GraphProto:
        """One time of a loop; where a row has ended, its state stays as it was."""
        outer = {name for node in nodes for name in (*node.input, *node.output)} - self._constants
        inner = {name: f"{LOOP}{name}" for name in {*outer, *carried} if name}
        steps = []
        for node in nodes:
            step = copied(node)
            rename(step.input, inner)
            rename(step.output, inner)
            steps.append(step)
        count_rows_of(steps, {f"{LOOP}{name}" for name in self._inputs}, inner[next(iter(carried))])
        for begin, end in carried.items():
            choice = [f"{LOOP}real", inner[end], inner[begin]]
            steps.append(helper.make_node("Where", choice, [f"{inner[end]}.kept"]))
        kinds = self._types | {"read.rows": TensorProto.INT64}
        taken = [(inner[name], kinds[name]) for name in carried]
        taken += [(f"{LOOP}real", TensorProto.BOOL)]
        taken += [(inner[name], kinds[name]) for name in sequences]
        left = [(f"{inner[end]}.kept", kinds[end]) for end in carried.values()]
        left += [(inner[name], kinds[name]) for name in given]
        return helper.make_graph(
            steps,
            "time",
            [helper.make_tensor_value_info(name, kind, None) for name, kind in taken],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in left],
        )

    def _apart(self, name: str, out: str) -> str:
        """Rows (T B, ...) as (T, B, ...)."""
        self._node("Shape", [name], f"{out}.inner", start=1)
        self._node("Concat", ["read.shape", f"{out}.inner"], f"{out}.shape", axis=0)
        return self._node("Reshape", [name, f"{out}.shape"], out)


def _kind(node: onnx.NodeProto) -> str:
    return f"{node.domain}::{node.op_type}"


_MARKS = REVERSED.partition("::")[0]
_NUMBERS = [
    numpy_helper.from_array(np.array(value, np.int64), f"read.{name}")
    for name, value in (("zero", 0), ("one", 1), ("minus", [-1]), ("single", [1]))
] + [numpy_helper.from_array(np.zeros((), np.float32), "read.nothing")]
