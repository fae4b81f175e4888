"""From a graph of one step to one that reads many tokens at once.

A node is *recurrent* where its value at one time needs its value at the time before; all others are
computed for all times in one go, as if the times were rows of one large batch. So the projections
of a whole text are one product, and only what must wait for the step before runs in a loop (ONNX's
``Scan``). Nothing here knows which cell it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["StepModel", "between", "count_rows_of", "read_model"]


@dataclass(frozen=True)
class StepModel:
    """A model of one step.

    Args:
        model: inputs ``ids`` (B,) and the state's parts (B, H); outputs ``hidden``, ``logits`` and
            the new parts.
        carried: of each part of the state, the input's name and the output's.
    """

    model: onnx.ModelProto
    carried: Mapping[str, str]


def between(
    graph: onnx.GraphProto, begins: Sequence[str], ends: Sequence[str]
) -> list[onnx.NodeProto]:
    """The nodes that lead from the values ``begins`` to the values ``ends``, in order."""
    wanted, chosen = set(ends), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output).difference(begins):
            chosen.append(node)
            wanted.update(node.input)
    return chosen[::-1]


def count_rows_of(nodes: Sequence[onnx.NodeProto], inputs: Collection[str], value: str) -> None:
    """Where nodes ask one of the step's inputs for its number of rows, let them ask ``value``."""
    for node in nodes:
        if node.op_type == "Shape" and node.input[0] in inputs:
            node.input[0] = value


def read_model(step: StepModel) -> onnx.ModelProto:
    """The model that reads ids (B, T), of which ``lengths`` (B,) are real.

    Its outputs are ``hidden`` (T, B, H), without meaning beyond the lengths, and the state after
    each row's last real token.
    """
    return _Reading(step).model()


class _Reading:
    """The making of one such model."""

    def __init__(self, step: StepModel) -> None:
        self._graph = onnx.GraphProto()
        self._graph.CopyFrom(step.model.graph)
        self._step = step
        self._nodes = between(self._graph, [], ["hidden", *step.carried.values()])
        self._maker = {out: i for i, node in enumerate(self._nodes) for out in node.output}
        self._constants = {tensor.name for tensor in self._graph.initializer}
        self._inputs = {value.name for value in self._graph.input}
        self._made: list[onnx.NodeProto] = []
        graph = self._graph
        self._types = {
            value.name: value.type.tensor_type.elem_type
            for value in (*graph.value_info, *graph.input, *graph.output)
        }

    def model(self) -> onnx.ModelProto:
        self._prepare()
        self._sizes = self._row_counts()
        for unit, recurrent in self._units():
            if recurrent:
                self._loop(unit)
            else:
                self._made += (self._nodes[index] for index in unit)
        outputs = {self._apart("hidden", "read.hidden"): 3}
        outputs |= {f"{end}.last": 2 for end in self._step.carried.values()}
        graph = helper.make_graph(
            self._made,
            "read",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "time"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
                *(value for value in self._graph.input if value.name in self._step.carried),
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
                for name, rank in outputs.items()
            ],
            [*self._graph.initializer, *_NUMBERS],
        )
        return helper.make_model(
            graph,
            opset_imports=list(self._step.model.opset_import),
            ir_version=self._step.model.ir_version,
        )

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
        for node in self._nodes:
            if node.op_type != "Shape":
                _rename(node.input, {"ids": "read.rows"})

    def _row_counts(self) -> list[onnx.NodeProto]:
        """The nodes that come from the number of rows alone; it is another one in a loop."""
        known, nodes = set(self._constants), []
        for node in self._nodes:
            counts = node.op_type == "Shape" and node.input[0] in self._inputs
            if counts or (node.input and known.issuperset(filter(None, node.input))):
                known.update(node.output)
                nodes.append(_copy(node))
        count_rows_of(self._nodes, self._inputs, "read.rows")
        return nodes

    def _units(self) -> Iterator[tuple[list[int], bool]]:
        """Nodes that must run in one loop, or single ones that need none, in an order that works.

        Two nodes run in one loop where each needs the other, at this time or at the one before.
        """
        count = len(self._nodes)
        needs = [{self._maker[i] for i in n.input if i in self._maker} for n in self._nodes]
        reach = np.zeros((count, count), bool)
        for index, before in enumerate(needs):
            reach[index, list(before)] = True
        for begin, end in self._step.carried.items():
            maker = self._maker[end]
            reach[maker, maker] = True
            for index, node in enumerate(self._nodes):
                if begin in node.input:
                    reach[index, maker] = reach[maker, index] = True
        for middle in range(count):
            reach |= reach[:, middle : middle + 1] & reach[middle]
        unit = [
            min([index, *np.flatnonzero(reach[index] & reach[:, index]).tolist()])
            for index in range(count)
        ]
        order: TopologicalSorter[int] = TopologicalSorter()
        for index, before in enumerate(needs):
            order.add(unit[index], *({unit[other] for other in before} - {unit[index]}))
        for leader in order.static_order():
            members = [index for index in range(count) if unit[index] == leader]
            yield members, bool(reach[leader, leader])

    def _loop(self, unit: Sequence[int]) -> None:
        """The nodes of a unit as the body of a Scan over time."""
        nodes = [self._nodes[index] for index in unit]
        nodes = [*self._sizes_for(nodes), *nodes]
        inside = {out for node in nodes for out in node.output}
        carried = {b: e for b, e in self._step.carried.items() if e in inside}
        taken = {name for node in nodes for name in node.input if name}
        sequences = sorted(taken - inside - set(carried) - self._constants - {"ids"})
        elsewhere = [node for index, node in enumerate(self._nodes) if index not in unit]
        read = {name for node in elsewhere for name in node.input} | {"hidden"}
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
                chosen.insert(0, _copy(node))
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
        inner = {name: f"loop.{name}" for name in {*outer, *carried} if name}
        steps = []
        for node in nodes:
            step = _copy(node)
            _rename(step.input, inner)
            _rename(step.output, inner)
            steps.append(step)
        count_rows_of(steps, {f"loop.{name}" for name in self._inputs}, inner[next(iter(carried))])
        for begin, end in carried.items():
            choice = ["loop.real", inner[end], inner[begin]]
            steps.append(helper.make_node("Where", choice, [f"{inner[end]}.kept"]))
        kinds = self._types | {"read.rows": TensorProto.INT64}
        taken = [(inner[name], kinds[name]) for name in carried]
        taken += [("loop.real", TensorProto.BOOL)]
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


_NUMBERS = [
    numpy_helper.from_array(np.array(value, np.int64), f"read.{name}")
    for name, value in (("zero", 0), ("one", 1), ("minus", [-1]))
]


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    copied = onnx.NodeProto()
    copied.CopyFrom(node)
    return copied


def _rename(names: MutableSequence[str], new: Mapping[str, str]) -> None:
    """Replace names in place."""
    for place, name in enumerate(names):
        names[place] = new.get(name, name)
