"""What recurrent cells have in common: state, settings, the loop over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.config import Settings, validate
from textrnn.errors import UnknownNameError, UsageError

__all__ = ["Cell", "CellState", "mask_padding", "reset_gates"]

CellState = tuple[Tensor, ...]
"""The state of a layer in one direction: arrays (B, H); one for RNN and GRU, two for LSTM."""


class NoSettings(Settings):
    """Of a cell that has none of its own."""


class Cell(nn.Module):
    """One recurrent layer in one direction. Subclass it in a file of its own to add a cell.

    A subclass makes its parameters and writes :meth:`advance`, and :meth:`project` where a part of
    a step does not wait for the state. Where whole sequences have a faster way than the loop over
    time that is given here, it overrides :meth:`sequence`. One of the usual form, gates over two
    projections, is a :class:`~textrnn.nn.GatedCell` and writes less.

    Args:
        input_size: I, the width of an input.
        hidden_size: H, the width of the output and, unless the cell says otherwise, of each array
            of the state.
        weight_drop: the probability with which an entry of ``weight_hidden`` is dropped, drawn once
            a sequence (DropConnect as in AWD-LSTM, arXiv:1708.02182, section 2). Active in training
            only.
        settings: the cell's own settings, checked against its ``settings_type``.

    Raises:
        UsageError: a value that is not allowed; or ``weight_drop``, and there is no such matrix.
        UnknownNameError: a setting that the cell does not have.

    >>> from textrnn.nn.cells import FAMILY
    >>> cell = FAMILY.get("gru")(3, 5)
    >>> outputs, state = cell(torch.zeros(2, 7, 3), cell.initial_state(2))
    >>> outputs.shape, [part.shape for part in state]
    (torch.Size([2, 7, 5]), [torch.Size([2, 5])])
    >>> FAMILY.get("gru")(3, 5, settings={"rounds": 2})
    Traceback (most recent call last):
    textrnn.errors.UnknownNameError: no setting of GRU 'rounds' (known: none)
    """

    settings_type: ClassVar[type[Settings]] = NoSettings
    state_parts: ClassVar[int] = 1
    drops_weights: ClassVar[bool] = True
    bounded: ClassVar[bool] = False
    """Output and first array of the state never leave [-1, 1], where that array begins in it."""

    weight_hidden: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        weight_drop: float = 0.0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        known = self.settings_type.model_fields
        for key in settings or ():
            if key not in known:
                raise UnknownNameError(f"setting of {name}", key, known)
        if weight_drop and not self.drops_weights:
            raise UsageError(
                f"weight_drop does not apply to {name}, which has no hidden-to-hidden matrix: "
                "leave it out; dropout drops its inputs"
            )
        self.settings: Any = validate(
            self.settings_type, settings or {}, f"cell_settings of {name}"
        )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.weight_drop = weight_drop
        self.register_parameter("weight_hidden", None)

    @property
    def part_sizes(self) -> tuple[int, ...]:
        """The width of each array of the state."""
        return (self.hidden_size,) * self.state_parts

    def stays_bounded(self) -> bool:
        """Whether the output never leaves [-1, 1]: its class says so, and the state begins so.

        A class that derives from one that says so may do something else, so it has to say it anew.
        """
        begins_so = bool(self.initial_state(1)[0].abs().max() <= 1.0)
        return begins_so and bool(vars(type(self)).get("bounded", False))

    def initial_state(self, batch: int) -> CellState:
        """Zeros: an array (B, width) for each of ``part_sizes``."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, size) for size in self.part_sizes)

    def project(self, inputs: Tensor) -> Tensor:
        """What a step does with its inputs alone, (..., I) to (..., P): here, nothing."""
        return inputs

    @abstractmethod
    def advance(
        self, projected: Tensor, state: CellState, weight_hidden: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """A step behind :meth:`project`: (B, P) and the state to an output and the new state.

        ``weight_hidden`` is the cell's own or, in training, one with entries dropped; None for a
        cell that has none.
        """

    def step(
        self, inputs: Tensor, state: CellState, weight_hidden: Tensor | None = None
    ) -> tuple[Tensor, CellState]:
        """One step: inputs (B, I) and the state to an output (B, H) and the new state.

        ``weight_hidden`` stands in for the cell's own, where entries of it are dropped.
        """
        weight = self.weight_hidden if weight_hidden is None else weight_hidden
        return self.advance(self.project(inputs), state, weight)

    def open_gates(self, inputs: Tensor, state: CellState) -> dict[str, Tensor]:
        """How far each gate is open in a step, by name: (B, H), 0 to 1. Nothing has none."""
        return {}

    def draw_weight(self) -> Tensor | None:
        """``weight_hidden`` for one sequence: in training, with entries dropped."""
        if self.weight_hidden is None:
            return None
        return F.dropout(self.weight_hidden, self.weight_drop, self.training)

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
        return self.sequence(inputs, state, self.draw_weight(), lengths)

    def sequence(
        self, inputs: Tensor, state: CellState, weight: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, CellState]:
        """:meth:`forward` with ``weight_hidden`` given: here, all projections and then a loop."""
        outputs = []
        for time, column in enumerate(self.project(inputs).unbind(1)):
            output, new = self.advance(column, state, weight)
            if lengths is not None:
                real = (time < lengths).unsqueeze(1)
                new = tuple(part.where(real, old) for part, old in zip(new, state, strict=True))
            outputs.append(output)
            state = new
        return mask_padding(torch.stack(outputs, 1), lengths), state


def mask_padding(values: Tensor, lengths: Tensor | None) -> Tensor:
    """(B, T, D) with zeros beyond the lengths (B,)."""
    if lengths is None:
        return values
    time = torch.arange(values.shape[1], device=values.device)
    real = time < lengths.to(values.device).unsqueeze(1)
    return values.where(real.unsqueeze(2), values.new_zeros(()))


@torch.no_grad()
def reset_gates(weight: Tensor, gates: int, *, orthogonal: bool = False) -> None:
    """Each gate's rows of a matrix (G H, D) at their start: Glorot-uniform, or orthogonal."""
    for gate in weight.chunk(gates):
        if orthogonal:
            nn.init.orthogonal_(gate)
        else:
            nn.init.xavier_uniform_(gate)
