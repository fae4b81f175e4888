"""The Mogrifier LSTM: Melis et al. (2020), arXiv:1909.01792, section 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.config import Settings
from textrnn.nn.cells._base import Cell, CellState, reset_gates
from textrnn.nn.cells._lstm_gates import lstm_gates, named_gates, open_forget_gate

__all__ = ["Mogrifier"]


class _Settings(Settings):
    """How often x and h gate each other, and by matrices of which rank."""

    rounds: Annotated[int, Field(ge=0, le=32)] = 5
    rank: Annotated[int, Field(ge=1, le=65_536)] | None = None


class Mogrifier(Cell):
    """An LSTM whose input and hidden state gate each other before each step.

    In the odd rounds x becomes 2 sigmoid(Q h) x, in the even ones h becomes 2 sigmoid(R x) h; the
    LSTM then reads both. With 0 rounds it is the LSTM.

    ``settings``: ``rounds``, 5 unless given (the paper's best, section 4.1); ``rank``, that of Q
    and R as products of two matrices, which the paper sets to 40 to 90; full unless given.

    >>> cell = Mogrifier(3, 4, settings={"rounds": 2, "rank": 1})
    >>> output, (hidden, memory) = cell.step(torch.zeros(2, 3), cell.initial_state(2))
    >>> output.shape, memory.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    settings_type = _Settings
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
        self.weight_input = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hidden = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows))
        self.rounds = nn.ModuleList()
        for turn in range(self.settings.rounds):
            sizes = (hidden_size, input_size) if turn % 2 == 0 else (input_size, hidden_size)
            self.rounds.append(_product(*sizes, self.settings.rank))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform, hidden weights orthogonal, zero biases but the forget gate's 1."""
        reset_gates(self.weight_input, 4)
        reset_gates(self.weight_hidden, 4, orthogonal=True)
        nn.init.zeros_(self.bias)
        open_forget_gate(self.bias)
        for weight in self.rounds.parameters():
            nn.init.xavier_uniform_(weight)

    def advance(
        self, projected: Tensor, state: CellState, weight_hidden: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.advance`; the input is projected when the state has gated it."""
        assert weight_hidden is not None  # it has one
        return lstm_gates(self._gates(projected, state, weight_hidden), state[1])

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """See :meth:`Cell.open_gates`."""
        return named_gates(self._gates(inputs, state, self.weight_hidden))

    def _gates(self, inputs: Tensor, state: CellState, weight_hidden: Tensor) -> Tensor:
        hidden = state[0]
        for turn, gate in enumerate(self.rounds):
            if turn % 2 == 0:
                inputs = 2.0 * torch.sigmoid(gate(hidden)) * inputs
            else:
                hidden = 2.0 * torch.sigmoid(gate(inputs)) * hidden
        from_input = F.linear(inputs, self.weight_input, self.bias)
        return from_input + F.linear(hidden, weight_hidden)


def _product(wide: int, narrow: int, rank: int | None) -> nn.Sequential:
    """A matrix, as the product of two where a rank is given."""
    if rank is None:
        return nn.Sequential(nn.Linear(wide, narrow, bias=False))
    first, second = nn.Linear(wide, rank, bias=False), nn.Linear(rank, narrow, bias=False)
    return nn.Sequential(first, second)
