"""The shared encoder: a stack of recurrent layers over ids or over float features."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from textrnn.config import EncoderSettings
from textrnn.errors import UsageError
from textrnn.nn.cells import FAMILY, Cell, CellState
from textrnn.nn.dropout import LockedDropout
from textrnn.nn.embedding import Embedding

__all__ = ["Encoder", "State", "detach", "reverse", "select_rows"]

State = tuple[CellState, ...]
"""The state of a stack: a :data:`CellState` a layer and direction, forward before backward."""


def detach(state: State) -> State:
    """The same state, cut off from the graph that made it: here backpropagation is truncated."""
    return tuple(tuple(part.detach() for part in cell) for cell in state)


def select_rows(state: State, rows: Tensor) -> State:
    """The rows (N,) of every (B, H) in the state; a row may be taken twice or left out."""
    return tuple(tuple(part.index_select(0, rows) for part in cell) for cell in state)


def reverse(inputs: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row of (B, T, D) from its last real token to its first; the padding stays behind it.

    >>> reverse(torch.tensor([[[1], [2], [3], [0]]]), torch.tensor([3])).flatten().tolist()
    [3, 2, 1, 0]
    """
    if lengths is None:
        return inputs.flip(1)
    time = torch.arange(inputs.shape[1], device=inputs.device)
    ends = lengths.to(inputs.device).unsqueeze(1)
    index = torch.where(time < ends, ends - 1 - time, time)
    return inputs.gather(1, index.unsqueeze(2).expand_as(inputs))


class Encoder(nn.Module):
    """Layers of one cell, in one or two directions, with the dropouts that recurrent networks need.

    Args:
        settings: cell, sizes and dropouts.
        vocab_size: V, where the inputs are ids; the encoder then owns the embedding.
        feature_size: D, where the inputs are float features (B, T, D): a time series, audio frames.

    Raises:
        UsageError: neither or both of ``vocab_size`` and ``feature_size`` are given.
        UnknownNameError: no such cell, or it has no such setting.

    >>> settings = EncoderSettings(cell="gru", hidden_size=6, layers=2, bidirectional=True)
    >>> encoder = Encoder(settings, feature_size=3)
    >>> outputs, state = encoder(torch.zeros(4, 5, 3))
    >>> outputs.shape, len(state)
    (torch.Size([4, 5, 12]), 4)
    """

    def __init__(
        self,
        settings: EncoderSettings,
        *,
        vocab_size: int | None = None,
        feature_size: int | None = None,
    ) -> None:
        super().__init__()
        if (vocab_size is None) == (feature_size is None):
            raise UsageError(
                "an encoder reads ids or features: give vocab_size or feature_size, one of them"
            )
        self.directions = 2 if settings.bidirectional else 1
        self.embedding: Embedding | None = None
        width = feature_size or settings.embedding_size
        if vocab_size is not None:
            self.embedding = Embedding(
                vocab_size, settings.embedding_size, dropout=settings.embedding_dropout
            )
        make = partial(
            FAMILY.get(settings.cell),
            weight_drop=settings.weight_drop,
            settings=settings.cell_settings,
        )
        self.layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        for layer in range(settings.layers):
            size = settings.layer_size(layer)
            self.layers.append(nn.ModuleList(make(width, size) for _ in range(self.directions)))
            width = size * self.directions
            self.norms.append(nn.LayerNorm(width) if settings.layer_norm else nn.Identity())
        self.settings = settings.model_copy(
            update={"cell_settings": self.cells()[0].settings.model_dump()}  # defaults filled in
        )
        self.output_size = width
        self.input_dropout = LockedDropout(settings.input_dropout)
        self.layer_dropout = LockedDropout(settings.dropout)

    def cells(self) -> list[Cell]:
        """All cells, in the order of the state."""
        return [cell for layer in range(len(self.layers)) for cell in self.layer_cells(layer)]

    def layer_cells(self, layer: int) -> list[Cell]:
        """The cells of one layer, forward before backward."""
        return [cast(Cell, cell) for cell in self.layers[layer].children()]

    def stays_bounded(self) -> bool:
        """Whether its outputs never leave [-1, 1]."""
        if self.settings.layer_norm or self.settings.residual:
            return False
        return all(cell.stays_bounded() for cell in self.layer_cells(len(self.layers) - 1))

    def initial_state(self, batch: int) -> State:
        """Zeros for ``batch`` rows."""
        return tuple(cell.initial_state(batch) for cell in self.cells())

    def embed(self, inputs: Tensor) -> Tensor:
        """Ids to vectors; features, and vectors in the place of ids, pass as they are."""
        if self.embedding is None or inputs.is_floating_point():
            return inputs
        return cast(Tensor, self.embedding(inputs))

    def forward(
        self, inputs: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read whole sequences.

        Args:
            inputs: ids (B, T), or features (B, T, D).
            state: the state to go on from; None for the start.
            lengths: (B,) real tokens a row, at least 1; None where every row is full.

        Returns:
            Outputs (B, T, directions x H) of the last layer, zero beyond the lengths, and the state
            after each row's last real token (for the backward direction: after its first).
        """
        values = self.input_dropout(self.embed(inputs))
        before = state or self.initial_state(values.shape[0])
        after: list[CellState] = []
        for index in range(len(self.layers)):
            if index:
                values = self.layer_dropout(values)
            outputs = []
            for direction, cell in enumerate(self.layer_cells(index)):
                cell_inputs = reverse(values, lengths) if direction else values
                read, new = cell(cell_inputs, before[len(after)], lengths)
                outputs.append(reverse(read, lengths) if direction else read)
                after.append(new)
            values = self.join(index, outputs, values)
        if lengths is not None:  # a norm or a residual puts something into the padding
            time = torch.arange(values.shape[1], device=values.device)
            values = values * (time < lengths.to(values.device).unsqueeze(1)).unsqueeze(2)
        return values, tuple(after)

    def step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token a row: ids (B,) or features (B, D) to outputs (B, H) and the new state.

        Raises:
            UsageError: the encoder is bidirectional; such a one cannot read token by token.
        """
        if self.directions == 2:
            raise UsageError("a bidirectional encoder reads whole sequences, not single steps")
        values = self.embed(inputs)
        after: list[CellState] = []
        for index, (cell, before) in enumerate(zip(self.cells(), state, strict=True)):
            output, new = cell.step(values, before)
            after.append(new)
            values = self.join(index, [output], values)
        return values, tuple(after)

    def join(self, layer: int, outputs: list[Tensor], inputs: Tensor) -> Tensor:
        """A layer's directions side by side, normalised, plus its input where asked for."""
        joined = torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0]
        joined = cast(Tensor, self.norms[layer](joined))
        if self.settings.residual and joined.shape == inputs.shape:
            joined = joined + inputs
        return joined
