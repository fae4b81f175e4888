"""The quasi-recurrent network: Bradbury et al. (2017), arXiv:1611.01576, section 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from textrnn.config import Settings
from textrnn.nn.cells._base import CellState, mask_padding
from textrnn.nn.cells._mixing import MixingCell, last_real

__all__ = ["QRNN"]


class _Settings(Settings):
    """How many inputs a gate sees."""

    window: Annotated[int, Field(ge=2, le=64)] = 2


class QRNN(MixingCell):
    """c' = f c + (1 - f) tanh(z) and h' = o c' (fo-pooling), f, z and o from a window of inputs.

    The rows of the weights are f, z, o; their columns are the window's inputs, the oldest first.
    The state is c (B, H) and the inputs before the present one, (B, (W-1) I).
    ``settings``: ``window``, the inputs that a gate sees, 2 unless given.

    It stands here rather than SRU (arXiv:1709.02755), whose gates look at the state before, element
    by element, so that without a kernel of its own it is a loop over time like any other.

    >>> cell = QRNN(3, 4, settings={"window": 3})
    >>> outputs, state = cell(torch.ones(2, 5, 3), cell.initial_state(2))
    >>> outputs.shape, [part.shape for part in state]
    (torch.Size([2, 5, 4]), [torch.Size([2, 4]), torch.Size([2, 6])])
    """

    settings_type = _Settings
    gates = 3
    state_parts = 2
    bounded = True

    @property
    def projected_size(self) -> int:
        """The width of a window."""
        window: int = self.settings.window
        return window * self.input_size

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """Of c, and of the inputs before."""
        return self.hidden_size, self.projected_size - self.input_size

    def share(self, logits: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See :meth:`MixingCell.share`: 1 - f."""
        (forget,) = logits
        return (torch.sigmoid(-forget),)

    def share_grads(self, shared: tuple[Tensor, ...], grad: Tensor) -> Sequence[Tensor]:
        """See :meth:`MixingCell.share_grads`."""
        return (grad.neg_(),)

    def candidate(self, logit: Tensor) -> Tensor:
        """See :meth:`MixingCell.candidate`."""
        return torch.tanh(logit)

    def candidate_grad(self, logit: Tensor, grad: Tensor) -> Tensor:
        """See :meth:`MixingCell.candidate_grad`."""
        entered = torch.tanh(logit.to(grad.dtype))
        found: Tensor = torch.ops.aten.tanh_backward(grad, entered)
        return found

    def project(self, inputs: Tensor) -> Tensor:
        """Nothing: the window needs the state."""
        return inputs

    def advance(
        self, projected: Tensor, state: CellState, weight_hidden: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.advance`."""
        window, (forget, candidate, expose) = self._gates(projected, state)
        share, entered = self.open((forget, candidate))
        memory = state[0] + share * (entered - state[0])
        return torch.sigmoid(expose) * memory, (memory, window[:, self.input_size :])

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """See :meth:`Cell.open_gates`."""
        forget, _, expose = self._gates(inputs, state)[1]
        return {"forget": torch.sigmoid(forget), "output": torch.sigmoid(expose)}

    def _gates(self, inputs: Tensor, state: CellState) -> tuple[Tensor, Sequence[Tensor]]:
        """The window of inputs, and what it gives to f, z and o."""
        window = torch.cat([state[1], inputs], 1)
        return window, super().project(window).chunk(3, 1)

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.sequence`."""
        width, time = self.settings.window, inputs.shape[1]
        before = state[1].to(inputs.dtype).view(-1, width - 1, self.input_size)
        padded = torch.cat([before, inputs], 1).transpose(0, 1)
        windows = torch.cat([padded[place : place + time] for place in range(width)], -1)
        rows = 2 * self.hidden_size
        mixed = F.linear(windows, self.weight_input[:rows], self.bias_input[:rows])
        memory = self.mix(mixed, state[0]).to(inputs.dtype)
        expose = F.linear(windows, self.weight_input[rows:], self.bias_input[rows:])
        outputs = (torch.sigmoid(expose) * memory).transpose(0, 1)
        after = last_real(memory, lengths), last_real(windows, lengths)[:, self.input_size :]
        return mask_padding(outputs, lengths), after
