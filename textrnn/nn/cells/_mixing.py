"""Cells whose gates do not look at the state: the next one lies between it and a candidate."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.nn.cells._base import Cell, CellState, mask_padding, reset_gates
from textrnn.nn.recurrence import mix_over_time

__all__ = ["MixingCell", "last_real"]


class MixingCell(Cell):
    """h' = h + z (c - h), with z and c from one projection of the input alone.

    A whole sequence is one matrix product and then :func:`mix_over_time`; a step costs the same
    wherever it stands. A subclass states how many parts the projection has, the candidate's among
    them, as ``gates``, and writes :meth:`share` and :meth:`share_grads`. There is no
    hidden-to-hidden matrix.
    """

    gates: ClassVar[int]
    drops_weights = False

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
        self.weight_input = nn.Parameter(torch.empty(rows, self.projected_size))
        self.bias_input = nn.Parameter(torch.empty(rows))
        self.reset_parameters()

    @property
    def projected_size(self) -> int:
        """The width of what is projected."""
        return self.input_size

    def reset_parameters(self) -> None:
        """Glorot-uniform weights, gate by gate, and zero biases."""
        nn.init.zeros_(self.bias_input)
        reset_gates(self.weight_input, self.gates)

    @abstractmethod
    def share(self, logits: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The gates' logits to z, within [0, 1], and behind it what :meth:`share_grads` wants."""

    @abstractmethod
    def share_grads(self, shared: tuple[Tensor, ...], grad: Tensor) -> Sequence[Tensor]:
        """The gradients of the gates' logits, from that of the logit of z (its to reuse)."""

    def candidate(self, logit: Tensor) -> Tensor:
        """The last part of the projection to c: here, as it is."""
        return logit

    def candidate_grad(self, logit: Tensor, grad: Tensor) -> Tensor:
        """The gradient of the last part, of any precision, from that of c (its to reuse)."""
        return grad

    def open(self, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The parts of a projection to z and c."""
        *gates, candidate = parts
        return self.share(gates)[0], self.candidate(candidate)

    def project(self, inputs: Tensor) -> Tensor:
        """Inputs (..., I) to (..., G H)."""
        return F.linear(inputs, self.weight_input, self.bias_input)

    def advance(
        self, projected: Tensor, state: CellState, weight_hidden: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.advance`."""
        share, candidate = self.open(projected.chunk(self.gates, -1))
        hidden = state[0] + share * (candidate - state[0])
        return hidden, (hidden,)

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """See :meth:`Cell.open_gates`; an open update gate replaces the state."""
        return {"update": self.open(self.project(inputs).chunk(self.gates, -1))[0]}

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """See :meth:`Cell.sequence`."""
        hidden = self.mix(self.project_over_time(inputs), state[0]).to(inputs.dtype)
        return mask_padding(hidden.transpose(0, 1), lengths), (last_real(hidden, lengths),)

    def project_over_time(self, inputs: Tensor) -> Tensor:
        """:meth:`project` of (B, T, I) as (T, B, G H), without a copy of either order."""
        by_time = inputs.transpose(0, 1)
        if by_time.is_contiguous():
            return self.project(by_time)
        return self.project(inputs).transpose(0, 1)

    def mix(self, logits: Tensor, start: Tensor) -> Tensor:
        """All states (T, B, H)."""
        return mix_over_time(self, logits, start)


def last_real(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Of (T, B, D), the last real entry of each row: (B, D)."""
    if lengths is None:
        return values[-1]
    rows = torch.arange(values.shape[1], device=values.device)
    return values[lengths.to(values.device) - 1, rows]
