"""The order of a graph's nodes: which lead to a value, and which must run in one loop over time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableSequence, Sequence
from graphlib import TopologicalSorter

import numpy as np
import onnx
from onnx.compose import add_prefix

__all__ = [
    "LOOP",
    "between",
    "copied",
    "count_rows_of",
    "names_read",
    "rename",
    "renamed",
    "units",
]

LOOP = "loop."
"""What the names of a step's values begin with in the body of a loop."""


def between(graph: onnx.GraphProto, ends: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that lead to the values ``ends``, in order."""
    wanted, chosen = set(ends), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            chosen.append(node)
            wanted.update(names_read(node))
    return chosen[::-1]


def names_read(node: onnx.NodeProto) -> Iterator[str]:
    """What a node reads, in its body too."""
    yield from node.input
    for entry in node.attribute:
        for inner in entry.g.node:
            yield from names_read(inner)


def units(
    nodes: Sequence[onnx.NodeProto], carried: Mapping[str, str]
) -> Iterator[tuple[list[int], bool]]:
    """Nodes that must run in one loop, or single ones that need none, in an order that works.

    Two nodes run in one loop where each needs the other, at this time or at the one before.
    """
    count = len(nodes)
    made_by = {out: index for index, node in enumerate(nodes) for out in node.output}
    needs = [{made_by[i] for i in n.input if i in made_by} for n in nodes]
    reach = np.zeros((count, count), bool)
    for index, before in enumerate(needs):
        reach[index, list(before)] = True
    for begin, end in carried.items():
        maker = made_by[end]
        reach[maker, maker] = True
        for index, node in enumerate(nodes):
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


def copied(node: onnx.NodeProto) -> onnx.NodeProto:
    """Another node that says the same."""
    other = onnx.NodeProto()
    other.CopyFrom(node)
    return other


def rename(names: MutableSequence[str], new: Mapping[str, str]) -> None:
    """Replace names in place."""
    for place, name in enumerate(names):
        names[place] = new.get(name, name)


def renamed(model: onnx.ModelProto, prefix: str, known: Mapping[str, str]) -> onnx.GraphProto:
    """A model's graph that may stand behind another one.

    Its inputs are ``known`` there under other names, its outputs keep theirs, and all else gets the
    prefix.
    """
    names = {**{value.name: value.name for value in model.graph.output}, **known}
    names = {f"{prefix}{name}": here for name, here in names.items()}
    graph = add_prefix(model, prefix).graph
    for node in graph.node:
        rename(node.input, names)
        rename(node.output, names)
    del graph.output[:]
    graph.output.extend(model.graph.output)
    return graph


def count_rows_of(nodes: Sequence[onnx.NodeProto], inputs: Collection[str], value: str) -> None:
    """Where nodes ask one of the step's inputs for its number of rows, let them ask ``value``."""
    for node in nodes:
        if node.op_type == "Shape" and node.input[0] in inputs:
            node.input[0] = value
