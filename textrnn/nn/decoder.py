"""The decoder: recurrent layers that write the target while they attend to the source."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from textrnn.config import DecoderSettings
from textrnn.nn.attention import make_attention
from textrnn.nn.cells import FAMILY, Cell, CellState
from textrnn.nn.dropout import LockedDropout
from textrnn.nn.embedding import Embedding
from textrnn.nn.feeding import LoopLayer
from textrnn.nn.memory import Memory, SharedMemory
from textrnn.nn.over_time import SharedOperand, exact_type

__all__ = ["Decoder", "DecoderState", "Memory"]

DecoderState = tuple[CellState, ...]
"""A :data:`CellState` a layer; with input feeding, last of all the attentional vector, alone."""


class Decoder(nn.Module):
    """A stack of one cell with attention over the encoder's outputs.

    A step is that of Luong et al. (2015), arXiv:1508.04025, section 3: the layers read the last
    word, the last layer's hidden state is the query, and the attentional vector
    tanh(W [context; hidden]) goes to the output layer. With input feeding (section 3.3) the
    attentional vector is put beside the next word's embedding. Additive attention compares in the
    same place: after the recurrent step, not before it as in Bahdanau et al. (2015).

    Args:
        settings: cell, sizes, attention and dropouts.
        vocab_size: V.
        embedding_size: E.
        memory_size: M, the width of the encoder's outputs.

    Raises:
        UnknownNameError: no such cell or attention.
        UsageError: the attention does not go with the sizes.

    >>> settings = DecoderSettings(hidden_size=6)
    >>> decoder = Decoder(settings, vocab_size=9, embedding_size=3, memory_size=4)
    >>> memory = decoder.read(torch.randn(2, 5, 4), torch.tensor([5, 3]))
    >>> ids = torch.tensor([[2, 7, 8], [2, 4, 5]])
    >>> hidden, weights, state = decoder(ids, decoder.initial_state(2), memory)
    >>> hidden.shape, weights.shape
    (torch.Size([2, 3, 6]), torch.Size([2, 3, 5]))
    """

    def __init__(
        self, settings: DecoderSettings, *, vocab_size: int, embedding_size: int, memory_size: int
    ) -> None:
        super().__init__()
        size = settings.hidden_size
        self.output_size = settings.output_size or size
        self.embedding_size = embedding_size
        self.embedding = Embedding(vocab_size, embedding_size, dropout=settings.embedding_dropout)
        make = FAMILY.get(settings.cell)
        self.layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        width = embedding_size + (self.output_size if settings.input_feeding else 0)
        for _ in range(settings.layers):
            self.layers.append(
                make(
                    width,
                    size,
                    weight_drop=settings.weight_drop,
                    settings=settings.cell_settings,
                )
            )
            self.norms.append(nn.LayerNorm(size) if settings.layer_norm else nn.Identity())
            width = size
        self.settings = settings.model_copy(
            update={"cell_settings": self.cells()[0].settings.model_dump()}  # defaults filled in
        )
        self.attention = make_attention(settings.attention, size, memory_size)
        self.combine = nn.Linear(self.attention.context_size + size, self.output_size)
        self.input_dropout = LockedDropout(settings.input_dropout)
        self.layer_dropout = LockedDropout(settings.dropout)
        self.output_dropout = LockedDropout(settings.output_dropout)

    def cells(self) -> list[Cell]:
        """All cells, in the order of the state."""
        return [cast(Cell, cell) for cell in self.layers]

    def initial_state(self, batch: int) -> DecoderState:
        """Zeros for ``batch`` rows."""
        return self.begin(tuple(cell.initial_state(batch) for cell in self.cells()))

    def begin(self, layers: tuple[CellState, ...]) -> DecoderState:
        """The state before the first word, from that of the layers: nothing has been fed yet."""
        if not self.settings.input_feeding:
            return layers
        batch = layers[0][0].shape[0]
        return *layers, (self.combine.weight.new_zeros(batch, self.output_size),)

    def read(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """The encoder's outputs (B, S, M) with their keys."""
        return Memory.of(outputs, self.attention.keys(outputs), lengths)

    def step(
        self, ids: Tensor, state: DecoderState, memory: Memory | SharedMemory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """One word a row.

        Args:
            ids: (B,).
            state: the state before it.
            memory: from :meth:`read`; shared where several rows read the same sentence.

        Returns:
            The attentional vector (B, A), the attention's weights as the memory gives them, such as
            (B, S), the new state.
        """
        values = self.embedding(ids)
        if self.settings.input_feeding:
            values = torch.cat([values, state[-1][0]], 1)
        after: list[CellState] = []
        for index, cell in enumerate(self.cells()):
            output, new = cell.step(values, state[index])
            after.append(new)
            values = self._join(index, output, values)
        context, weights = memory.attend(self.attention, values)
        hidden = torch.tanh(self.combine(torch.cat([context, values], 1)))
        if self.settings.input_feeding:
            after.append((hidden,))
        return hidden, weights, tuple(after)

    def forward(
        self, ids: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """Whole targets, their words given: equal to repeated steps.

        Args:
            ids: (B, T).
            state: the state before the first.
            memory: from :meth:`read`.

        Returns:
            Attentional vectors (B, T, A), weights (B, T, S), the state after the last word.
        """
        vectors = self.input_dropout(self.embedding(ids))
        if self.settings.input_feeding:
            return self._fed(vectors, state, memory)
        after: list[CellState] = []
        values = vectors
        for index, cell in enumerate(self.cells()):
            inputs = self.layer_dropout(values) if index else values
            outputs, new = cell(inputs, state[index])
            after.append(new)
            values = self._join(index, outputs, inputs)
        context, weights = self.attention(values, memory.keys, memory.memory, memory.mask)
        hidden = torch.tanh(self.combine(torch.cat([context, values], -1)))
        return self.output_dropout(hidden), weights, tuple(after)

    def _fed(
        self, vectors: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """:meth:`forward` with input feeding: a loop in which only what must be is done."""
        exact = exact_type(vectors)
        loop = [
            LoopLayer(cell, None if index else vectors) for index, cell in enumerate(self.cells())
        ]
        read = self.attention.reader(memory.keys, memory.memory, memory.mask)
        combine = SharedOperand(self.combine.weight.t(), self.combine.bias)
        width = self.settings.hidden_size
        masks = [None, *(self.layer_dropout.mask(vectors, width) for _ in loop[1:])]
        output_mask = self.output_dropout.mask(vectors, self.output_size)
        layers = [tuple(part.to(exact) for part in layer) for layer in state[:-1]]
        fed = state[-1][0].to(exact)
        vectors_out: list[Tensor] = []
        weights_out: list[Tensor] = []
        for time in range(vectors.shape[1]):
            values = fed
            for index, layer in enumerate(loop):
                mask = masks[index]
                if mask is not None:
                    values = values * mask
                output, layers[index] = layer(values, layers[index], time)
                values = self._join(index, output, values)
            context, weights = read(values)
            fed = torch.tanh(combine(torch.cat([context, values], 1)))
            if output_mask is not None:
                fed = fed * output_mask
            vectors_out.append(fed)
            weights_out.append(weights)
        return torch.stack(vectors_out, 1), torch.stack(weights_out, 1), (*layers, (fed,))

    def _join(self, index: int, output: Tensor, inputs: Tensor) -> Tensor:
        """A layer's output, normalised, plus its input between deep layers where asked for."""
        joined: Tensor = self.norms[index](output)
        return joined + inputs if index and self.settings.residual else joined
