"""From the encoder's last states to the decoder's first."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from textrnn.nn.cells import Cell, CellState
from textrnn.nn.encoder import State

__all__ = ["Bridge"]


class Bridge(nn.Module):
    """All of the encoder's states, projected to the decoder's, whatever cells and sizes they have.

    A decoder's layer starts from the encoder's layer beside it: where the encoder has more layers
    they are dealt out in order, where it has fewer each serves several. Both directions are read
    side by side. Where both cells have as many parts (an LSTM's hidden and cell state), each part
    comes from its own; otherwise each comes from all of them. The hidden state passes through tanh,
    as in Bahdanau et al. (2015), arXiv:1409.0473, appendix A.2.2; a cell state is not bounded.

    Args:
        encoder: the encoder's cells, layer by layer, forward before backward.
        directions: 1 or 2.
        decoder: the decoder's cells, layer by layer.

    >>> from textrnn.nn.cells import FAMILY
    >>> lstm, gru = FAMILY.get("lstm"), FAMILY.get("gru")
    >>> encoder, decoder = [lstm(3, 4), lstm(3, 4)], [gru(5, 6), gru(6, 7)]
    >>> bridge = Bridge(encoder, 2, decoder)
    >>> first, second = bridge(tuple(cell.initial_state(2) for cell in encoder))
    >>> first[0].shape, second[0].shape
    (torch.Size([2, 6]), torch.Size([2, 7]))
    """

    def __init__(self, encoder: Sequence[Cell], directions: int, decoder: Sequence[Cell]) -> None:
        super().__init__()
        layers = len(encoder) // directions
        self.sources: list[list[int]] = []
        self.projections = nn.ModuleList()
        self.separate = encoder[0].state_parts == decoder[0].state_parts
        for layer, cell in enumerate(decoder):
            beside = _layers_beside(layer, len(decoder), layers)
            places = [each * directions + way for each in beside for way in range(directions)]
            sizes = [encoder[place].part_sizes for place in places]
            widths = [sum(parts) for parts in zip(*sizes, strict=True)]
            if not self.separate:
                widths = [sum(widths)] * cell.state_parts
            self.sources.append(places)
            self.projections.append(nn.ModuleList(map(nn.Linear, widths, cell.part_sizes)))

    def forward(self, state: State) -> State:
        """The encoder's state after the source to the decoder's before the target."""
        return tuple(
            self._layer([state[place] for place in places], projections)
            for places, projections in zip(self.sources, self.projections, strict=True)
        )

    def _layer(self, cells: Sequence[CellState], projections: nn.Module) -> CellState:
        if self.separate:
            joined = [torch.cat(parts, 1) for parts in zip(*cells, strict=True)]
        else:
            whole = torch.cat([part for cell in cells for part in cell], 1)
            joined = [whole] * len(list(projections.children()))
        parts: list[Tensor] = [
            project(part) for project, part in zip(projections.children(), joined, strict=True)
        ]
        return torch.tanh(parts[0]), *parts[1:]


def _layers_beside(layer: int, layers: int, encoder_layers: int) -> list[int]:
    """Which of the encoder's layers a layer of the decoder starts from."""
    if encoder_layers <= layers:
        return [layer * encoder_layers // layers]
    return [each for each in range(encoder_layers) if each * layers // encoder_layers == layer]
