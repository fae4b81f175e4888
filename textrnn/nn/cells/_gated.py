"""What gated cells have in common: gates over two projections, and PyTorch's operators for them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from textrnn.nn.cells._base import Cell, CellState, mask_padding, reset_gates

__all__ = ["GatedCell"]


class GatedCell(Cell):
    """A cell whose gates are the sum of two projections, of the inputs and of the hidden state.

    A subclass states how many ``gates`` it has and how many arrays its state has, and writes
    :meth:`update`.

    >>> class Elman(GatedCell):
    ...     gates = 1
    ...     def update(self, from_input, from_hidden, state):
    ...         hidden = torch.tanh(from_input + from_hidden)
    ...         return hidden, (hidden,)
    >>> cell = Elman(3, 4)
    >>> cell(torch.zeros(2, 7, 3), cell.initial_state(2))[0].shape
    torch.Size([2, 7, 4])
    """

    gates: ClassVar[int]
    holding: ClassVar[tuple[float, ...] | None] = None
    """What opens or shuts each gate for good, so that a step changes nothing of the state but the
    output; of a cell whose state is more than its output."""

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
        reset_gates(self.weight_input, self.gates)
        reset_gates(self.weight_hidden, self.gates, orthogonal=True)

    def project(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) to (..., G H)."""
        return F.linear(inputs, self.weight_input, self.bias_input)

    def advance(
        self, projected: Tensor, state: CellState, weight_hidden: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.advance`."""
        assert weight_hidden is not None  # it has one
        return self.update(projected, F.linear(state[0], weight_hidden, self.bias_hidden), state)

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

    def fused(
        self,
        operator: Callable[..., tuple[Tensor, ...]],
        inputs: Tensor,
        state: CellState,
        weight: Tensor | None,
        lengths: Tensor | None,
    ) -> tuple[Tensor, CellState]:
        """:meth:`sequence` by one of PyTorch's operators (oneDNN on a CPU, cuDNN on a GPU)."""
        assert weight is not None  # it has one
        weights = [self.weight_input, weight, self.bias_input, self.bias_hidden]
        stacked = [part.to(inputs.dtype).unsqueeze(0) for part in state]
        hidden = stacked if len(stacked) > 1 else stacked[0]
        rest = (weights, True, 1, 0.0, self.training, False)
        if lengths is None:
            outputs, *new = operator(inputs, hidden, *rest, True)
            return outputs, tuple(part[0] for part in new)
        holds = len(state) == 1 or self.holding is not None
        if holds and 3 * int(lengths.sum()) > 2 * inputs.shape[0] * inputs.shape[1]:
            # What stands behind a row's last token changes nothing before it, and the state is the
            # output there, beside what the gates hold behind it: with little padding that is
            # cheaper than packing, which leaves it out.
            ends = lengths.to(inputs.device)
            inputs, weights[0] = self._held(inputs, ends)
            outputs, _, *held = operator(inputs, hidden, *rest, True)
            last = outputs[torch.arange(len(outputs), device=outputs.device), ends - 1]
            return mask_padding(outputs, lengths), (last, *(part[0] for part in held))
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

    def _held(self, inputs: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (B, T, I) and their weights (G H, I), with which padding leaves the state alone.

        An input more says what is padding, and its weights open the gates or shut them.
        """
        if self.holding is None:
            return inputs, self.weight_input
        padding = torch.arange(inputs.shape[1], device=inputs.device) >= ends.unsqueeze(1)
        gates = self.weight_input.new_tensor(self.holding).repeat_interleave(self.hidden_size)
        return (
            torch.cat([inputs, padding.unsqueeze(2).to(inputs.dtype)], 2),
            torch.cat([self.weight_input, gates.unsqueeze(1)], 1),
        )
