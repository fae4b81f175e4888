"""How far each gate of a language model stands open while it reads a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from textrnn.errors import UsageError
from textrnn.inspection._reading import read_text
from textrnn.model_folder import ModelFolder

__all__ = ["GateValues", "gate_values"]


@dataclass(frozen=True)
class GateValues:
    """What was measured.

    Args:
        pieces: the T tokens that were read, BOS left out.
        layers: for each layer, by gate, how far each of its H units was open: (T, H), 0 to 1.
    """

    pieces: tuple[str, ...]
    layers: tuple[Mapping[str, Tensor], ...]

    def means(self) -> tuple[dict[str, list[float]], ...]:
        """The same, as the mean over the units of a layer: a number a token."""
        return tuple(
            {name: values.mean(1).tolist() for name, values in layer.items()}
            for layer in self.layers
        )


@torch.no_grad()
def gate_values(folder: ModelFolder, text: str) -> GateValues:
    """Read a text after BOS and look at the gates at each of its tokens.

    Raises:
        ModelFolderError: the folder is damaged.
        UsageError: the text has no token, or the model's cell has no gates.
    """
    network, ids, pieces = read_text(folder, text)
    encoder = network.encoder
    cells = encoder.cells()
    seen: list[dict[str, list[Tensor]]] = [{} for _ in cells]
    state = network.initial_state(1)
    for column in ids.unbind(1):
        values, after = encoder.embed(column), []
        for layer, (cell, before) in enumerate(zip(cells, state, strict=True)):
            for name, value in cell.open_gates(values, before).items():
                seen[layer].setdefault(name, []).append(value[0])
            output, new = cell.step(values, before)
            values = encoder.join(layer, [output], values)
            after.append(new)
        state = tuple(after)
    if not any(seen):
        raise UsageError(
            f"the model's cell, {encoder.settings.cell}, has no gates: choose one that has"
        )
    layers = tuple(
        {name: torch.stack(values)[1:] for name, values in layer.items()} for layer in seen
    )
    return GateValues(tuple(pieces), layers)
