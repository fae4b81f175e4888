"""What every recurrent cell has in common: its parameters, its state and the loop over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

__all__ = ["Cell", "CellState"]

CellState = tuple[Tensor, ...]
"""The state of a layer in one direction: arrays (B, H); one for RNN and GRU, two for LSTM."""


class Cell(nn.Module):
    """One recurrent layer in one direction. Subclass it in a file of its own to add a cell.

    A subclass states how many ``gates`` it has and how many arrays its state has, and writes
    :meth:`update`; the two projections and the loop over time are given here. Where PyTorch has a
    fused operator for whole sequences, it overrides :meth:`sequence`.

    Args:
        input_size: I, the width of an input.
        hidden_size: H, the width of the output and of each array of the state.
        weight_drop: the probability with which an entry of the hidden-to-hidden matrix is dropped,
            drawn once a sequence (DropConnect as in AWD-LSTM, arXiv:1708.02182, section 2). Active
            in training only.

    >>> from textrnn.nn.cells import FAMILY
    >>> cell = FAMILY.get("gru")(3, 5)
    >>> outputs, state = cell(torch.zeros(2, 7, 3), cell.initial_state(2))
    >>> outputs.shape, [part.shape for part in state]
    (torch.Size([2, 7, 5]), [torch.Size([2, 5])])
    """

    gates: ClassVar[int]
    state_parts: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, *, weight_drop: float = 0.0) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_drop = weight_drop
        rows = self.gates * hidden_size
        self.weight_input = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hidden = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_input = nn.Parameter(torch.empty(rows))
        self.bias_hidden = nn.Parameter(torch.empty(rows))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform input weights, orthogonal hidden weights gate by gate, zero biases."""
        nn.init.zeros_(self.bias_input)
        nn.init.zeros_(self.bias_hidden)
        with torch.no_grad():
            for gate in self.weight_input.chunk(self.gates):
                nn.init.xavier_uniform_(gate)
            for gate in self.weight_hidden.chunk(self.gates):
                nn.init.orthogonal_(gate)

    def initial_state(self, batch: int) -> CellState:
        """Zeros: ``state_parts`` arrays of shape (B, H)."""
        zeros = self.weight_hidden.new_zeros(batch, self.hidden_size)
        return (zeros,) * self.state_parts

    @abstractmethod
    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        """One step behind its projections: what the gates do.

        Args:
            from_input: (B, G H), the projection of the inputs.
            from_hidden: (B, G H), that of the hidden state ``state[0]``.
            state: the state before the step.

        Returns:
            An output (B, H) and the new state.
        """

    def step(
        self, inputs: Tensor, state: CellState, weight_hidden: Tensor | None = None
    ) -> tuple[Tensor, CellState]:
        """One step: inputs (B, I) and the state to an output (B, H) and the new state.

        ``weight_hidden`` stands in for the cell's own, where entries of it are dropped.
        """
        hidden_weight = self.weight_hidden if weight_hidden is None else weight_hidden
        from_input = F.linear(inputs, self.weight_input, self.bias_input)
        from_hidden = F.linear(state[0], hidden_weight, self.bias_hidden)
        return self.update(from_input, from_hidden, state)

    def forward(
        self, inputs: Tensor, state: CellState, lengths: Tensor | None = None
    ) -> tuple[Tensor, CellState]:
        """A whole sequence, to its outputs and the state after each row's last real token.

        Args:
            inputs: (B, T, I).
            state: the state before the first token.
            lengths: (B,) real tokens a row, at least 1; outputs beyond them are zero. None: every
                row is full.
        """
        weight = F.dropout(self.weight_hidden, self.weight_drop, self.training)
        return self.sequence(inputs, state, weight, lengths)

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """:meth:`forward` with the hidden-to-hidden weight given: here, a loop of :meth:`step`."""
        outputs = []
        for time, column in enumerate(inputs.unbind(1)):
            output, new = self.step(column, state, weight)
            if lengths is not None:
                real = (time < lengths).unsqueeze(1)
                output = output.where(real, output.new_zeros(()))
                new = tuple(part.where(real, old) for part, old in zip(new, state, strict=True))
            outputs.append(output)
            state = new
        return torch.stack(outputs, 1), state

    def fused(
        self,
        operator: Callable[..., tuple[Tensor, ...]],
        inputs: Tensor,
        state: CellState,
        weight: Tensor,
        lengths: Tensor | None,
    ) -> tuple[Tensor, CellState]:
        """:meth:`sequence` by one of PyTorch's operators (oneDNN on a CPU, cuDNN on a GPU)."""
        weights = [self.weight_input, weight, self.bias_input, self.bias_hidden]
        stacked = [part.to(inputs.dtype).unsqueeze(0) for part in state]
        hidden = stacked if len(stacked) > 1 else stacked[0]
        rest = (weights, True, 1, 0.0, self.training, False)
        if lengths is None:
            outputs, *new = operator(inputs, hidden, *rest, True)
            return outputs, tuple(part[0] for part in new)
        packed = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
        order = packed.sorted_indices
        hidden = [part[:, order] for part in stacked] if len(stacked) > 1 else stacked[0][:, order]
        data, *new = operator(packed.data, packed.batch_sizes, hidden, *rest)
        outputs, _ = pad_packed_sequence(
            PackedSequence(data, packed.batch_sizes, order, packed.unsorted_indices),
            batch_first=True,
            total_length=inputs.shape[1],
        )
        return outputs, tuple(part[0][packed.unsorted_indices] for part in new)
