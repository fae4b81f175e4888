"""What of a classifier is exported: the reading of a window, and the head behind the pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.tasks._graphs import (
    Argument,
    Function,
    Graph,
    Reading,
    encoder_steps,
    flat_state,
    nested_state,
    state_arguments,
)

if TYPE_CHECKING:
    from textrnn.tasks._classification_network import ClassificationNetwork

__all__ = ["classification_graphs"]

_ROWS, _TIMES = 5, 7


@torch.no_grad()
def classification_graphs(network: ClassificationNetwork) -> dict[str, Graph]:
    """The graphs of a network in evaluation mode.

    ``read`` takes a window, ids (B, W) with lengths (B,), and the forward layers' state, to what
    the window tells (the parts of :class:`~textrnn.nn.pooling.Pooling`) and the state after it.
    ``classify`` takes what all windows of a text told, its length, and the n-grams that it has
    (:func:`~textrnn.tokenizers.distinct_ngrams`) where the head looks at them, to logits (B, C).
    """
    encoder = network.encoder
    assert encoder.embedding is not None
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(len(encoder.embedding.weight), (_ROWS, _TIMES), generator=draw)
    lengths = torch.tensor([_TIMES, 1, 3, 5, _TIMES])
    text = {"ids": Argument(ids, ("batch", "time")), "lengths": Argument(lengths, ("batch",))}
    state = state_arguments(encoder.initial_state(_ROWS))
    forward = {name: part for name, part in state.items() if _is_forward(network, name)}
    parts = network.pooling.parts
    after = tuple(name.replace("state.", "new.") for name in forward)
    read = Function(_Read(network, tuple(forward)), text | forward, (*parts, *after))
    pooled, _ = network.read(ids, lengths, None)
    gathered = {name: Argument(value, ("batch", None)) for name, value in pooled.items()}
    told = gathered | {"lengths": text["lengths"]}
    if network.ngrams is not None:
        some = torch.randint(network.ngrams.buckets + 1, (_ROWS, _TIMES), generator=draw)
        told["ngrams"] = Argument(some, ("batch", "ngrams"))
    classify = Function(_Classify(network), told, ("logits",))
    return {
        "read": Graph(read, reading=_reading(network, read, state), many_rows=True),
        "classify": Graph(classify, many_rows=True),
    }


def _is_forward(network: ClassificationNetwork, name: str) -> bool:
    return network.encoder.directions == 1 or int(name.split(".")[1]) % 2 == 0


def _reading(network: ClassificationNetwork, read: Function, state: dict[str, Argument]) -> Reading:
    """The encoder time by time, and what is pooled of its outputs."""
    encoder, text = network.encoder, read.inputs
    after = {name.replace("state.", "new."): part for name, part in state.items()}
    ids = Argument(text["ids"].example[:, 0], ("batch",))
    step, marked = encoder_steps(encoder, {"ids": ids, **state}, ("outputs", *after))
    behind = {
        "outputs": Argument(
            torch.zeros(_TIMES, _ROWS, encoder.output_size), ("times", "texts", None)
        ),
        "lengths": Argument(text["lengths"].example, ("texts",)),
    }
    initial = {name: part.example[:1] for name, part in state.items()}
    then = Function(_Gather(network), behind, network.pooling.parts)
    return Reading(step, initial, ("outputs",), then, marked)


class _Read(nn.Module):
    """A window, whole: what the graph is compared with."""

    def __init__(self, network: ClassificationNetwork, forward: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.counts = [cell.state_parts for cell in network.encoder.cells()]
        self.given = forward

    def forward(self, ids: Tensor, lengths: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        begin = self.network.encoder.initial_state(len(ids))
        parts = dict(zip(state_arguments(begin), flat_state(begin), strict=True))
        parts |= dict(zip(self.given, state, strict=True))
        before = nested_state(list(parts.values()), self.counts)
        pooled, after = self.network.read(ids, lengths, before)
        left = dict(zip(parts, flat_state(after), strict=True))
        return *pooled.values(), *(left[name] for name in self.given)


class _Gather(nn.Module):
    """From the encoder's outputs (W, B, D) to what they tell."""

    def __init__(self, network: ClassificationNetwork) -> None:
        super().__init__()
        self.pooling = network.pooling

    def forward(self, outputs: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.pooling.gather(outputs.transpose(0, 1), lengths).values())


class _Classify(nn.Module):
    """What whole texts told, to logits."""

    def __init__(self, network: ClassificationNetwork) -> None:
        super().__init__()
        self.network = network
        self.ngrams = network.ngrams
        if self.ngrams is not None:
            self.table = nn.Parameter(self.ngrams.table())

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        parts = self.network.pooling.parts
        pooled = dict(zip(parts, inputs, strict=False))
        lengths, *found = inputs[len(parts) :]
        logits = self.network.decide(pooled, lengths)
        if self.ngrams is not None:
            (ids,) = found
            adds = F.embedding(ids.flatten(), self.table).view(*ids.shape, -1)  # in 8 bits: of (N,)
            logits = logits + adds.sum(1) + self.ngrams.bias
        return (logits,)
