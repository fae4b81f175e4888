"""The most probable next token, again and again: translations to judge a network by in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from textrnn.tasks._translation_network import TranslationNetwork
from textrnn.tokenizers import BOS, EOS, PAD

__all__ = ["greedy"]

ROWS = 64
"""Sentences translated side by side."""


def greedy(network: TranslationNetwork, sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """The ids of greedy translations, without EOS, in the order of the sources.

    A translation ends at the latest with twice the source's tokens and ten more.

    Args:
        network: in evaluation mode.
        sources: ids, each ending with EOS.
    """
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    results: list[list[int]] = [[] for _ in sources]
    for begin in range(0, len(order), ROWS):
        rows = order[begin : begin + ROWS]
        written = _batch(network, [sources[row] for row in rows])
        for row, ids in zip(rows, written, strict=True):
            results[row] = ids
    return results


@torch.no_grad()
def _batch(network: TranslationNetwork, sources: Sequence[Sequence[int]]) -> list[list[int]]:
    device = next(network.parameters()).device
    lengths = torch.tensor([len(source) for source in sources], device=device)
    width = int(lengths.max())
    padded = [[*source, *[PAD] * (width - len(source))] for source in sources]
    memory, state = network.encode(torch.tensor(padded, device=device), lengths)
    ids = torch.full((len(sources),), BOS, device=device)
    done = torch.zeros_like(ids, dtype=torch.bool)
    columns: list[Tensor] = []
    while True:
        hidden, _, state = network.step(ids, state, memory)
        done |= 2 * lengths + 10 <= len(columns)
        ids = network.logits(hidden).argmax(-1).masked_fill(done, EOS)
        done |= ids == EOS
        if bool(done.all()):
            break
        columns.append(ids)
    if not columns:
        return [[] for _ in sources]
    return [[token for token in row if token != EOS] for row in torch.stack(columns, 1).tolist()]
