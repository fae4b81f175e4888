"""What the gates of an LSTM do, for the cells that are LSTMs behind other projections."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from textrnn.nn.cells._base import CellState

__all__ = ["lstm_gates", "named_gates", "open_forget_gate"]


def lstm_gates(gates: Tensor, memory: Tensor) -> tuple[Tensor, CellState]:
    """A step from its gates i, f, g, o, side by side (B, 4 H), and the cell state c (B, H)."""
    enter, forget, candidate, expose = gates.chunk(4, dim=1)
    after = torch.sigmoid(forget) * memory + torch.sigmoid(enter) * torch.tanh(candidate)
    hidden = torch.sigmoid(expose) * torch.tanh(after)
    return hidden, (hidden, after)


def named_gates(gates: Tensor) -> dict[str, Tensor]:
    """How far each of these gates is open."""
    enter, forget, _, expose = torch.sigmoid(gates).chunk(4, dim=1)
    return {"input": enter, "forget": forget, "output": expose}


@torch.no_grad()
def open_forget_gate(bias: Tensor) -> None:
    """Set the forget gate's bias to 1 (Jozefowicz et al. 2015, section 3.1)."""
    nn.init.ones_(bias.chunk(4)[1])
