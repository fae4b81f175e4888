"""The multiplicative LSTM: Krause et al. (2016), arXiv:1609.07959, section 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.nn.cells._base import Cell, CellState, reset_gates
from textrnn.nn.cells._lstm_gates import lstm_gates, named_gates, open_forget_gate

__all__ = ["MLSTM"]


class MLSTM(Cell):
    """An LSTM that reads m = (W x) (U h), element by element, in the place of h.

    So each input has a recurrent matrix of its own. Gates and their order are those of
    :class:`LSTM`. ``weight_drop`` acts on ``weight_hidden``, the matrix from m to the gates.

    >>> cell = MLSTM(3, 4)
    >>> output, (hidden, memory) = cell.step(torch.zeros(2, 3), cell.initial_state(2))
    >>> output.shape, memory.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    state_parts = 2
    bounded = True
    weight_hidden: nn.Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        weight_drop: float = 0.0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, weight_drop=weight_drop, settings=settings)
        rows = 4 * hidden_size
        self.weight_input = nn.Parameter(torch.empty(rows + hidden_size, input_size))
        self.weight_factor = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.weight_hidden = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform input weights, orthogonal others, zero biases but the forget gate's 1."""
        reset_gates(self.weight_input, 5)
        reset_gates(self.weight_factor, 1, orthogonal=True)
        reset_gates(self.weight_hidden, 4, orthogonal=True)
        nn.init.zeros_(self.bias)
        open_forget_gate(self.bias)

    def project(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) to (..., 5 H): the four gates', and the factor of m."""
        return F.linear(inputs, self.weight_input)

    def advance(
        self, projected: Tensor, state: CellState, weight_hidden: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.advance`."""
        assert weight_hidden is not None  # it has one
        return lstm_gates(self._gates(projected, state, weight_hidden), state[1])

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """See :meth:`Cell.open_gates`."""
        return named_gates(self._gates(self.project(inputs), state, self.weight_hidden))

    def _gates(self, projected: Tensor, state: CellState, weight_hidden: Tensor) -> Tensor:
        gates, factor = projected.tensor_split((4 * self.hidden_size,), 1)
        middle = factor * F.linear(state[0], self.weight_factor)
        return gates + F.linear(middle, weight_hidden, self.bias)
