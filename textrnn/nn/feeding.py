"""Input feeding over a whole target: a loop over time in which only what must be is done.

The words' share of the first layer's projection is made for all times before the loop, and the
gradients of all matrices, of the keys and of the memory after it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.nn.cells import Cell, CellState, GatedCell
from textrnn.nn.over_time import SharedOperand, exact_type

__all__ = ["LoopLayer"]


class LoopLayer:
    """A layer in the loop over one sequence, its matrices cast and its weights dropped once.

    Args:
        cell: the layer's.
        words: for the first layer, the words' vectors (B, T, E); the rest of its input is fed.

    >>> from textrnn.nn.cells import FAMILY
    >>> cell = FAMILY.get("gru")(3 + 2, 4)  # words of width 3, fed vectors of width 2
    >>> layer = LoopLayer(cell, torch.ones(1, 6, 3))
    >>> output, state = layer(torch.zeros(1, 2), cell.initial_state(1), time=5)
    >>> inputs = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]])
    >>> torch.allclose(output, cell.step(inputs, cell.initial_state(1))[0], atol=1e-6)
    True
    """

    def __init__(self, cell: Cell, words: Tensor | None = None) -> None:
        self.cell = cell
        self.weight = cell.draw_weight()
        self.gated = isinstance(cell, GatedCell)
        self.columns: list[Tensor] = []
        if words is not None:
            by_time = words.transpose(0, 1)
            if isinstance(cell, GatedCell):
                size = words.shape[2]
                by_time = F.linear(by_time, cell.weight_input[:, :size], cell.bias_input)
                self.inputs = SharedOperand(cell.weight_input[:, size:].t())
            self.columns = list(by_time.to(exact_type(by_time)).unbind(0))
        elif isinstance(cell, GatedCell):
            self.inputs = SharedOperand(cell.weight_input.t(), cell.bias_input)
        if self.weight is not None and isinstance(cell, GatedCell):
            self.hidden = SharedOperand(self.weight.t(), cell.bias_hidden)

    def __call__(self, values: Tensor, state: CellState, time: int) -> tuple[Tensor, CellState]:
        """One step: the layer's input (B, I), or what is fed to it beside the word of that time."""
        if isinstance(self.cell, GatedCell):
            projected = self.inputs(values)
            if self.columns:
                projected = projected + self.columns[time]
            return self.cell.update(projected, self.hidden(state[0]), state)
        if self.columns:
            values = torch.cat([self.columns[time], values], 1)
        return self.cell.advance(self.cell.project(values), state, self.weight)
