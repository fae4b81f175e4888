"""An LSTM that reads whole rows in 8 bits, by ONNX Runtime's own operator.

DynamicQuantizeLSTM multiplies whole numbers, and has the gates of a time in the cache when it opens
them, so it takes less than half as long as a loop. It rounds its inputs, and at each time the
hidden states, by one scale for all rows, which it finds from the least and the greatest number
among them: so a row's result would depend on the rows beside it. Here it does not, for these two
are always 1 and -1, or just beyond. Two columns more of the inputs say so, and two units more than
the LSTM has, which never change; no other unit reads either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from textrnn.export.making import Making
from textrnn.export.quantizing import MICROSOFT

__all__ = ["whole_lstm"]

Floats = NDArray[np.float32]

_ENDS = np.array([[[1, -1]]], np.float32)
_BEYOND = np.float32(1.001)  # a tanh may come out as the next number after 1
_SURE = 100.0  # a gate's sum that opens it for good, and a cell state whose tanh is 1
_GATES = [0, 3, 1, 2]  # PyTorch's i, f, g, o in ONNX's order i, o, f, g
_NEVER_CHANGED = [-_SURE, _SURE, _SURE, 0.0]  # the sums of these gates
_GREATEST = 127


def whole_lstm(
    mark: onnx.NodeProto, values: str, constants: Iterable[onnx.TensorProto]
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """The nodes that take a mark's place where whole rows are read, and their tensors.

    They read ``lengths`` (B,), ``read.batch`` (1,), which is B, and ``read.shape``, T and B. They
    make the output of all times as rows (T B, H), under the name it has in the step, and the state
    after each row's last real token, under the names there with ``.last`` behind them.

    Args:
        mark: that of :class:`textrnn.tasks._marks.LSTMOverTime`.
        values: the inputs of all times (T, B, I).
        constants: the mark's weights among them.
    """
    made = _Nodes(mark.output[0])
    arrays = {t.name: numpy_helper.to_array(t) for t in constants if t.name in mark.input}
    weights = [arrays[name] for name in mark.input[3:]]
    size = weights[1].shape[1]
    bias = np.stack([_by_gate(weights[2] + weights[3]), np.zeros((4, size), np.float32)])
    bias = np.pad(bias, ((0, 0), (0, 0), (0, 2)))
    bias[0, :, size:] = np.reshape(_NEVER_CHANGED, (4, 1))
    one = made.constant("one", [1])
    begun = made.node("Concat", [one, "read.batch"], "begun", axis=0)
    states = []
    for name, ends in zip(mark.input[1:3], (_ENDS, _SURE * _ENDS), strict=True):
        apart = made.node("Unsqueeze", [name, made.constant("first", [0])], f"{name}.apart")
        states.append(made.beside(apart, ends, begun, name))
    read = made.beside(values, _BEYOND * _ENDS, "read.shape", "inputs")
    lengths = made.node("Cast", ["lengths"], "lengths", to=TensorProto.INT32)
    numbers, scales = zip(*(_quantized(matrix) for matrix in weights[:2]), strict=True)
    matrices = [made.constant(f"matrix.{place}", part) for place, part in enumerate(numbers)]
    rest = []
    for place, part in enumerate(scales):
        rest.append(made.constant(f"scales.{place}", part))
        rest.append(made.constant(f"zeros.{place}", np.zeros(part.shape, np.int8)))
    bias_name = made.constant("bias", bias.reshape(1, -1))
    inputs = [read, *matrices, bias_name, lengths, *states, "", *rest]
    wide = [made.named(part) for part in ("outputs", "hidden", "memory")]
    attributes = {"domain": MICROSOFT, "hidden_size": size + 2}
    made.nodes.append(helper.make_node("DynamicQuantizeLSTM", inputs, wide, **attributes))
    names = [mark.output[0], *(f"{name}.last" for name in mark.output[1:])]
    for found, name in zip(wide, names, strict=True):
        made.unwidened(found, size, name)
    return made.nodes, list(made.tensors)


class _Nodes(Making):
    """Nodes and tensors that are made; their names begin alike."""

    def __init__(self, label: str) -> None:
        super().__init__([], label)

    def named(self, name: str) -> str:
        return f"{self._label}.{name}"

    def node(self, operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        return super().node(operator, inputs, self.named(out), **attributes)

    def beside(self, values: str, ends: Floats, outer: str, name: str) -> str:
        """Values (M, N, D) with two columns more; ``outer`` is M and N."""
        two = self.constant("two", [2])
        shape = self.node("Concat", [outer, two], f"{name}.ends.shape", axis=0)
        columns = self.constant(f"{name}.end", ends)
        columns = self.node("Expand", [columns, shape], f"{name}.ends")
        return self.node("Concat", [values, columns], f"{name}.wide", axis=2)

    def unwidened(self, values: str, size: int, out: str) -> None:
        """Values (..., D + 2) as rows (N, D)."""
        rows = self.constant("rows", [-1, size + 2])
        flat = self.node("Reshape", [values, rows], f"{out}.flat")
        ends = [self.constant(name, [end]) for name, end in (("begin", 0), ("end", size))]
        axis = self.constant("axis", [1])
        self.nodes.append(helper.make_node("Slice", [flat, *ends, axis], [out]))


def _by_gate(values: Floats) -> Floats:
    """(4 H, ...) as (4, H, ...), in ONNX's order."""
    return values.reshape(4, -1, *values.shape[1:])[_GATES]


def _quantized(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A matrix (4 H, K) with units and columns more as whole numbers (1, K + 2, 4 (H + 2)).

    And the scales (1, 4 (H + 2)) of its columns.
    """
    wide = np.pad(_by_gate(matrix), ((0, 0), (0, 2), (0, 2)))
    wide = wide.reshape(-1, wide.shape[2]).T[np.newaxis]
    scales = np.abs(wide).max(1) / np.float32(_GREATEST)
    scales = np.where(scales == 0, np.float32(1), scales).astype(np.float32)
    return np.rint(wide / scales[:, np.newaxis]).astype(np.int8), scales
