"""Long short-term memory: Hochreiter and Schmidhuber (1997); forget gate: Gers et al. (2000)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.nn.cells._base import CellState
from textrnn.nn.cells._gated import GatedCell
from textrnn.nn.cells._lstm_gates import lstm_gates, named_gates, open_forget_gate

__all__ = ["LSTM"]


class LSTM(GatedCell):
    """c' = f c + i g and h' = o tanh(c'), with sigmoid gates i, f, o and the tanh candidate g.

    The rows of the weights are in PyTorch's order: i, f, g, o. The forget gate starts open, its
    bias being 1 (Jozefowicz et al. 2015, section 3.1).

    >>> cell = LSTM(3, 4)
    >>> output, (hidden, memory) = cell.step(torch.zeros(2, 3), cell.initial_state(2))
    >>> output.shape, memory.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    gates = 4
    state_parts = 2
    bounded = True
    holding = (-100.0, 100.0, 0.0, 0.0)

    def reset_parameters(self) -> None:
        """As every cell, and the forget gate open."""
        super().reset_parameters()
        open_forget_gate(self.bias_input)

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :meth:`GatedCell.update`."""
        return lstm_gates(from_input + from_hidden, state[1])

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """See :meth:`Cell.open_gates`."""
        from_hidden = F.linear(state[0], self.weight_hidden, self.bias_hidden)
        return named_gates(self.project(inputs) + from_hidden)

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.sequence`."""
        return self.fused(torch.lstm, inputs, state, weight, lengths)
