"""Gated recurrent unit: Cho et al. (2014), arXiv:1406.1078, section 2.3."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.nn.cells._base import CellState
from textrnn.nn.cells._gated import GatedCell

__all__ = ["GRU"]


class GRU(GatedCell):
    """h' = (1 - z) n + z h, the reset gate inside the candidate n = tanh(W x + b + r (U h + c)).

    The rows of the weights are in PyTorch's order: r, z, n. Multiplying r after the projection, as
    cuDNN does, lets the three hidden projections be one product.

    >>> cell = GRU(3, 4)
    >>> output, (hidden,) = cell.step(torch.zeros(2, 3), cell.initial_state(2))
    >>> output.shape
    torch.Size([2, 4])
    """

    gates = 3
    bounded = True

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :meth:`GatedCell.update`."""
        sizes = [2 * self.hidden_size, self.hidden_size]
        gates_input, new_input = torch.split(from_input, sizes, dim=1)
        gates_hidden, new_hidden = torch.split(from_hidden, sizes, dim=1)
        reset, update = torch.sigmoid(gates_input + gates_hidden).chunk(2, dim=1)
        candidate = torch.tanh(new_input + reset * new_hidden)
        hidden = candidate + update * (state[0] - candidate)
        return hidden, (hidden,)

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """See :meth:`Cell.open_gates`; an open update gate keeps the state."""
        from_hidden = F.linear(state[0], self.weight_hidden, self.bias_hidden)
        reset, update, _ = torch.sigmoid(self.project(inputs) + from_hidden).chunk(3, dim=1)
        return {"reset": reset, "update": update}

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.sequence`."""
        return self.fused(torch.gru, inputs, state, weight, lengths)
