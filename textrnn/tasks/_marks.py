"""Marks in a step that is exported: what a step, which sees one time, cannot say of whole rows.

The export puts what they stand for in their place (:mod:`textrnn.export.unrolling`). Run by PyTorch
they say nothing of use.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from textrnn.nn.cells import Cell, CellState
from textrnn.nn.encoder import Encoder

__all__ = ["LSTM", "REVERSED", "LSTMOverTime", "lstms_over_time", "reversed_in_time"]

REVERSED = "textrnn::Reversed"
"""The mark of :func:`reversed_in_time` in a traced step."""

LSTM = "textrnn::LSTM"
"""The mark of :class:`LSTMOverTime`; its inputs are between -1 and 1."""

_WEIGHTS = ("weight_input", "weight_hidden", "bias_input", "bias_hidden")
_TRIED = 8  # steps by which a cell shows that it is an LSTM
_ALIKE = 1e-5


def reversed_in_time(values: Tensor) -> Tensor:
    """The values (N, D) that stand here when a row is read backwards, within its length.

    >>> reversed_in_time(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    # The operator's stub has no types for its arguments by name.
    mark: Tensor = torch.onnx.ops.symbolic(
        REVERSED, (values,), dtype=values.dtype, shape=values.shape, version=1
    )
    return mark


class LSTMOverTime(nn.Module):
    """The step of an LSTM, to be had for all times by an operator of its own.

    Args:
        cell: the LSTM.
        bounds: of each of its inputs (I,), how far from 0 it ever is; None: 1.
    """

    def __init__(self, cell: Cell, bounds: Tensor | None) -> None:
        super().__init__()
        self.bounds = None if bounds is None else nn.Parameter(bounds)
        weights = [getattr(cell, name).detach().clone() for name in _WEIGHTS]
        if bounds is not None:
            weights[0] *= bounds
        self.weights = nn.ParameterList(weights)

    def forward(self, values: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """Inputs (N, I) and the state to an output (N, H) and the new state."""
        if self.bounds is not None:  # an embedding in 8 bits may round up beyond them
            values = torch.clamp(values / self.bounds, -1.0, 1.0)
        hidden, memory = state
        output, *new = torch.onnx.ops.symbolic_multi_out(
            LSTM,
            (values, hidden, memory, *self.weights),
            dtypes=(hidden.dtype, hidden.dtype, memory.dtype),
            shapes=(hidden.shape, hidden.shape, memory.shape),
            version=1,
        )
        return output, tuple(new)


@torch.no_grad()
def lstms_over_time(encoder: Encoder) -> dict[int, LSTMOverTime]:
    """The marked steps of those cells that are LSTMs with bounded inputs, by the cells' places.

    What an embedding gives is no greater than the greatest number in its column, and what an LSTM
    gives no greater than 1. What passes a norm or is added up may be anything.

    Args:
        encoder: in evaluation mode; it reads ids.

    >>> from textrnn.config import EncoderSettings
    >>> lstms_over_time(Encoder(EncoderSettings(cell="gru"), vocab_size=5))
    {}
    """
    cells = encoder.cells()
    if encoder.embedding is None or not all(map(_is_lstm, cells)):
        return {}
    bounds = encoder.embed(torch.arange(len(encoder.embedding.weight))).abs().amax(0)
    bounds = bounds.where(bounds > 0, 1.0)
    first = encoder.directions
    if encoder.settings.layer_norm or encoder.settings.residual:
        cells = cells[:first]
    return {
        place: LSTMOverTime(cell, bounds if place < first else None)
        for place, cell in enumerate(cells)
    }


def _is_lstm(cell: Cell) -> bool:
    """Whether a cell steps as PyTorch's LSTM with its parameters does, whatever it is called."""
    inputs, width = cell.input_size, cell.hidden_size
    sizes = [(4 * width, inputs), (4 * width, width), (4 * width,), (4 * width,)]
    found = [getattr(cell, name, None) for name in _WEIGHTS]
    weights = [part for part in found if isinstance(part, Tensor)]
    if [tuple(part.shape) for part in weights] != sizes or cell.part_sizes != (width, width):
        return False
    if cell.initial_state(1)[0].abs().max() > 1.0:
        return False
    draw = torch.Generator().manual_seed(0)
    values, hidden, memory = (
        torch.randn(_TRIED, size, generator=draw) for size in (inputs, width, width)
    )
    output, state = cell.step(values, (hidden, memory))
    wanted = torch.lstm_cell(values, (hidden, memory), *weights)
    return _alike((output, *state), (wanted[0], *wanted))


def _alike(found: Iterable[Tensor], wanted: Iterable[Tensor]) -> bool:
    return all(
        torch.allclose(left, right, rtol=_ALIKE, atol=_ALIKE)
        for left, right in zip(found, wanted, strict=True)
    )
