"""What of a network is exported: functions over named tensors, and how long texts are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from textrnn.nn.cells import Cell
from textrnn.nn.encoder import Encoder, State
from textrnn.tasks._marks import lstms_over_time, reversed_in_time

__all__ = [
    "Argument",
    "EncoderStep",
    "Function",
    "Graph",
    "Reading",
    "bounded_parts",
    "encoder_steps",
    "flat_state",
    "nested_state",
    "state_arguments",
]


class Argument(NamedTuple):
    """An input of a function.

    Args:
        example: at least two of everything that may vary. Both for the tracing and for the
            comparison of the graph with the network, so it should be what the function is given.
        axes: a name for each axis whose length may vary, None for the others. Axes of one name have
            one length.
    """

    example: Tensor
    axes: tuple[str | None, ...]


@dataclass(frozen=True, eq=False)
class Function:
    """A function of a network.

    Args:
        module: takes the inputs in order, and returns the outputs in order, as a tuple.
        inputs: by name. Parts of a state are named ``state.LAYER.PART``.
        outputs: their names; what follows ``state.0.0`` is ``new.0.0``.
        bounded: those inputs and outputs that always lie between -1 and 1, as far as they are not
            seen to do so: what comes out of a tanh is.
    """

    module: nn.Module
    inputs: Mapping[str, Argument]
    outputs: tuple[str, ...]
    bounded: frozenset[str] = frozenset()

    @property
    def carried(self) -> dict[str, str]:
        """Of each part of the state, the input's name and the output's."""
        pairs = {name: name.replace("state.", "new.", 1) for name in self.inputs}
        return {name: new for name, new in pairs.items() if new != name and new in self.outputs}


@dataclass(frozen=True, eq=False)
class Reading:
    """How a function that reads ids (B, T), of which ``lengths`` (B,) are real, comes of a step.

    Args:
        step: reads one token a row, ``ids`` (N,), with a state. What is not state in its outputs
            is kept of every time.
        initial: parts (1, H) of the state at the beginning.
        kept: the outputs, of all times, (T, B, ...), 0 beyond the lengths.
        then: what is done with them, with ``lengths`` and with the state after each row's last
            token (``new.0.0`` (B, H) and so on); None: they are the outputs. Behind them stands the
            state, those parts of it that are inputs.
        marked: the step again, its LSTMs marked, from which graphs in 8 bits are made; None: from
            ``step``.
    """

    step: Function
    initial: Mapping[str, Tensor]
    kept: tuple[str, ...]
    then: Function | None = None
    marked: Function | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph of an export.

    Args:
        function: what it says; where there is no ``reading``, it is traced.
        outputs: those of the function's that the graph has; None: all.
        reading: how the function is built, where it reads many tokens.
        many_rows: it mostly runs on several rows at once. Its 8-bit products are then of the kind
            that is quicker from a handful of rows on, and slower for a single one. Where all graphs
            of a network are such, their products need not be those of another kind to the bit.
        quantized_only: there is no use for it in float32.
    """

    function: Function
    outputs: tuple[str, ...] | None = None
    reading: Reading | None = None
    many_rows: bool = False
    quantized_only: bool = False


class EncoderStep(nn.Module):
    """One time of an encoder of one or two directions, over a flat state: the step to be exported.

    Args:
        encoder: in evaluation mode; it reads ids.
        marked: leave LSTMs whose inputs are bounded to an operator of their own
            (:func:`lstms_over_time`).
    """

    def __init__(self, encoder: Encoder, *, marked: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.marked = nn.ModuleDict()
        if marked:
            self.marked.update({str(n): step for n, step in lstms_over_time(encoder).items()})

    def forward(self, ids: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Ids (N,) and parts (N, H) to outputs (N, directions x H) and the new parts."""
        encoder = self.encoder
        values = encoder.embed(ids)
        before = iter(nested_state(state, [cell.state_parts for cell in encoder.cells()]))
        marked = dict(self.marked.items())
        after: list[Tensor] = []
        for index in range(len(encoder.layers)):
            outputs = []
            for direction, cell in enumerate(encoder.layer_cells(index)):
                inputs = reversed_in_time(values) if direction else values
                step = marked.get(str(index * encoder.directions + direction), cell.step)
                output, new = step(inputs, next(before))
                outputs.append(reversed_in_time(output) if direction else output)
                after += new
            values = encoder.join(index, outputs, values)
        return values, *after


def encoder_steps(
    encoder: Encoder, inputs: Mapping[str, Argument], outputs: tuple[str, ...]
) -> tuple[Function, Function | None]:
    """The step of an encoder, and the marked one where it has LSTMs to be marked."""
    marked = EncoderStep(encoder, marked=True)
    bounded = bounded_parts(encoder.cells())
    if encoder.stays_bounded():
        bounded |= {"outputs"}
    plain = Function(EncoderStep(encoder), inputs, outputs, bounded)
    return plain, Function(marked, inputs, outputs, bounded) if marked.marked else None


def bounded_parts(cells: Sequence[Cell]) -> frozenset[str]:
    """The hidden states that always lie between -1 and 1, before a step and after it.

    >>> from textrnn.nn.cells import FAMILY
    >>> sorted(bounded_parts([FAMILY.get("mingru")(3, 4), FAMILY.get("gru")(3, 4)]))
    ['new.1.0', 'state.1.0']
    """
    bounded = [layer for layer, cell in enumerate(cells) if cell.stays_bounded()]
    return frozenset(f"{when}.{layer}.0" for layer in bounded for when in ("state", "new"))


def nested_state(parts: Sequence[Tensor], counts: Sequence[int]) -> State:
    """Parts in a row as a state: as many a layer as ``counts`` says.

    >>> import torch
    >>> [len(cell) for cell in nested_state([torch.zeros(1, 2)] * 3, [2, 1])]
    [2, 1]
    """
    rest = iter(parts)
    return tuple(tuple(next(rest) for _ in range(count)) for count in counts)


def flat_state(state: State) -> list[Tensor]:
    """The parts of all layers, one after the other."""
    return [part for cell in state for part in cell]


def state_arguments(state: State, axis: str = "batch") -> dict[str, Argument]:
    """The inputs that a state is, by name, its parts (B, H) being the examples."""
    return {
        # The exporter counts tensors, and a cell may begin with one for all of its parts.
        f"state.{layer}.{part}": Argument(tensor.clone(), (axis, None))
        for layer, cell in enumerate(state)
        for part, tensor in enumerate(cell)
    }
