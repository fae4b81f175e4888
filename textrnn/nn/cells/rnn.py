"""The simple recurrent network: Elman (1990), "Finding structure in time"."""

from __future__ import annotations

import torch
from torch import Tensor

from textrnn.nn.cells._base import CellState
from textrnn.nn.cells._gated import GatedCell

__all__ = ["RNN"]


class RNN(GatedCell):
    """h' = tanh(W x + b + U h + c).

    >>> cell = RNN(3, 4)
    >>> output, (hidden,) = cell.step(torch.zeros(2, 3), cell.initial_state(2))
    >>> torch.equal(output, hidden)
    True
    """

    gates = 1
    bounded = True

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        """See :meth:`GatedCell.update`."""
        hidden = torch.tanh(from_input + from_hidden)
        return hidden, (hidden,)

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.sequence`."""
        return self.fused(torch.rnn_tanh, inputs, state, weight, lengths)
