"""What of a translator is exported: the reading of the source, and one word of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from textrnn.nn.memory import Memory, SharedMemory
from textrnn.tasks._graphs import (
    Argument,
    Function,
    Graph,
    Reading,
    bounded_parts,
    encoder_steps,
    flat_state,
    nested_state,
    state_arguments,
)

if TYPE_CHECKING:
    from textrnn.tasks.translation import TranslationNetwork

__all__ = ["translation_graphs"]

_ROWS, _TIMES, _PLACES = 5, 7, 3


@torch.no_grad()
def translation_graphs(network: TranslationNetwork) -> dict[str, Graph]:
    """The graphs of a network in evaluation mode.

    ``encode`` takes ids (G, S) and lengths (G,) to memory, keys and the decoder's first state.
    ``step`` takes ids (N,), the state of N rows, and a memory of G sentences with the place of each
    row in it (:class:`~textrnn.nn.memory.SharedMemory`), to logits (N, V), the weights (G, K, S)
    behind them by place, and the new state.
    """
    assert network.encoder.embedding is not None
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(len(network.encoder.embedding.weight), (_ROWS, _TIMES), generator=draw)
    lengths = torch.tensor([_TIMES, 1, 3, 5, _TIMES])
    memory, state = network.encode(ids, lengths)
    first = state_arguments(state)
    text = {
        "ids": Argument(ids, ("sentences", "source")),
        "lengths": Argument(lengths, ("sentences",)),
    }
    names = ("memory", "keys", *(name.replace("state.", "first.") for name in first))
    encode = Function(_Encode(network), text, names)
    return {
        "encode": Graph(encode, reading=_reading(network, encode), many_rows=True),
        "step": Graph(_step(network, memory, first), many_rows=True),
    }


def _reading(network: TranslationNetwork, encode: Function) -> Reading:
    """The encoder time by time, and what is done behind it."""
    encoder, text = network.encoder, encode.inputs
    carried = state_arguments(encoder.initial_state(_ROWS))
    after = {name.replace("state.", "new."): part for name, part in carried.items()}
    ids = Argument(text["ids"].example[:, 0], ("batch",))
    step, marked = encoder_steps(encoder, {"ids": ids, **carried}, ("outputs", *after))
    behind = {
        "outputs": Argument(
            torch.zeros(_TIMES, _ROWS, encoder.output_size), ("source", "sentences", None)
        ),
        "lengths": text["lengths"],
        **{name: Argument(part.example, ("sentences", None)) for name, part in after.items()},
    }
    initial = {name: part.example[:1] for name, part in carried.items()}
    then = Function(_Remember(network), behind, encode.outputs)
    return Reading(step, initial, ("outputs",), then, marked)


def _step(network: TranslationNetwork, memory: Memory, state: dict[str, Argument]) -> Function:
    """One word; the example has as many rows as sentences, each somewhere among free places."""
    number = torch.arange(_ROWS)
    rows = torch.zeros(_ROWS, _PLACES, dtype=torch.long)
    rows[number, number % _PLACES] = number
    inputs = {
        "ids": Argument(number % network.head.vocab_size, ("batch",)),
        **state,
        "memory": Argument(memory.memory, ("sentences", "source", None)),
        "keys": Argument(memory.keys.clone(), ("sentences", "source", None)),
        "mask": Argument(memory.mask, ("sentences", "source")),
        "rows": Argument(rows, ("sentences", "places")),
        "places": Argument(number * _PLACES + number % _PLACES, ("batch",)),
    }
    after = (name.replace("state.", "new.") for name in state)
    bounded = bounded_parts(network.decoder.cells())
    if network.decoder.settings.input_feeding:
        bounded |= {list(state)[-1]}  # it comes out of a tanh
    if network.encoder.stays_bounded():
        bounded |= {"memory"}
    return Function(_Step(network), inputs, ("logits", "weights", *after), bounded)


class _Encode(nn.Module):
    """The source, whole: what the graph is compared with."""

    def __init__(self, network: TranslationNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        memory, state = self.network.encode(ids, lengths)
        return memory.memory, memory.keys, *flat_state(state)


class _Remember(nn.Module):
    """From the encoder's outputs (S, B, M) and last state on."""

    def __init__(self, network: TranslationNetwork) -> None:
        super().__init__()
        self.network = network
        self.counts = [cell.state_parts for cell in network.encoder.cells()]

    def forward(self, outputs: Tensor, lengths: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        last = nested_state(state, self.counts)
        memory, first = self.network.remember(outputs.transpose(0, 1), lengths, last)
        return memory.memory, memory.keys, *flat_state(first)


class _Step(nn.Module):
    """One word a row, over a flat state."""

    def __init__(self, network: TranslationNetwork) -> None:
        super().__init__()
        self.network = network
        self.counts = [len(parts) for parts in network.decoder.initial_state(1)]

    def forward(self, ids: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        *state, memory, keys, mask, rows, places = rest
        shared = SharedMemory(Memory(memory, keys, mask), rows, places)
        hidden, weights, after = self.network.step(ids, nested_state(state, self.counts), shared)
        return self.network.logits(hidden), weights, *flat_state(after)
