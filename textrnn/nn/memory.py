"""What the decoder reads the source from: a memory a row, or one for all rows of a sentence."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.nn.attention import Attention

__all__ = ["Memory", "SharedMemory"]


class Memory(NamedTuple):
    """The source as the decoder reads it.

    Args:
        memory: (B, S, M), the encoder's outputs.
        keys: (B, S, A), what queries are compared with, computed once a sentence.
        mask: (B, S), True where there is a token.
    """

    memory: Tensor
    keys: Tensor
    mask: Tensor

    @classmethod
    def of(cls, memory: Tensor, keys: Tensor, lengths: Tensor) -> Memory:
        """Rows that have real tokens up to their ``lengths`` (B,)."""
        places = torch.arange(memory.shape[1], device=memory.device)
        return cls(memory, keys, places < lengths.unsqueeze(1))

    def attend(self, attention: Attention, query: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (B, Q) to contexts (B, C) and weights (B, S)."""
        context, weights = attention(query, self.keys, self.memory, self.mask)
        return context, weights


class SharedMemory(NamedTuple):
    """The memory of G sentences that N rows read, several of them the same: hypotheses of a beam.

    The rows of a sentence attend side by side, as if they were times, so that its memory is neither
    copied for each of them nor read once for each.

    Args:
        source: the sentences' memory, (G, S, ...).
        rows: (G, K), which row stands in each place of a sentence; any row in a place that is free.
        places: (N,), where each row stands, as a number from 0 to G K - 1.

    >>> from textrnn.nn.attention import FAMILY
    >>> attention = FAMILY.get("dot")(4, 4)
    >>> memory = torch.randn(2, 5, 4)
    >>> source = Memory.of(memory, attention.keys(memory), torch.tensor([5, 3]))
    >>> shared = SharedMemory(source, torch.tensor([[2, 0], [1, 0]]), torch.tensor([1, 2, 0]))
    >>> context, weights = shared.attend(attention, torch.randn(3, 4))
    >>> context.shape, weights.shape
    (torch.Size([3, 4]), torch.Size([2, 2, 5]))
    """

    source: Memory
    rows: Tensor
    places: Tensor

    def attend(self, attention: Attention, query: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (N, Q) to contexts (N, C), and the weights (G, K, S) in each place.

        Few ask for weights, so they wait for :meth:`in_rows`.
        """
        queries = F.embedding(self.rows, attention.queries(query))
        source = self.source
        context, weights = attention.read(queries, source.keys, source.memory, source.mask)
        return F.embedding(self.places, context.flatten(0, 1)), weights

    def in_rows(self, weights: Tensor) -> Tensor:
        """The weights (G, K, S) of what stands in each place, in the rows' order (N, S)."""
        return F.embedding(self.places, weights.flatten(0, 1))
