"""What every attention has in common: scores, the mask, the weights and the context."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from textrnn.errors import UsageError
from textrnn.nn.over_time import SharedOperand, exact_type

__all__ = ["Attention", "Reader"]

Reader = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Queries (B, Q) to contexts (B, C) and weights (B, S)."""


class Attention(nn.Module):
    """A weighted mean of the encoder's outputs. Subclass it in a file of its own to add one.

    A subclass writes :meth:`scores`, and :meth:`keys` and :meth:`queries` where memory and queries
    are projected before they are compared. Keys depend on the source alone: they are computed once
    a sentence.

    Args:
        query_size: Q.
        memory_size: M.

    Attributes:
        options: which of the settings ``size`` and ``heads`` the kind has.
        context_size: C, the width of what is read.

    >>> from textrnn.nn.attention import FAMILY
    >>> attention = FAMILY.get("additive")(3, 4)
    >>> memory, mask = torch.randn(2, 5, 4), torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    >>> context, weights = attention(torch.randn(2, 3), attention.keys(memory), memory, mask)
    >>> context.shape, weights[1, 2:].tolist()
    (torch.Size([2, 4]), [0.0, 0.0, 0.0])
    """

    options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.memory_size = memory_size
        self.context_size = memory_size

    def keys(self, memory: Tensor) -> Tensor:
        """The memory (B, S, M) as it is compared with queries: (B, S, A). Here: as it is."""
        return memory

    def queries(self, queries: Tensor) -> Tensor:
        """Queries (..., Q) as they are compared with keys: (..., A). Here: as they are."""
        return queries

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """How well queries (B, T, A), from :meth:`queries`, and keys (B, S, A) match: (B, T, S)."""

    def forward(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Read the memory.

        Args:
            query: (B, Q), or (B, T, Q) for several times at once.
            keys: (B, S, A), from :meth:`keys`.
            memory: (B, S, M).
            mask: (B, S), True where there is a token; at least one a row.

        Returns:
            The context (B, C), and the weights (B, S), which sum to 1 and are 0 outside the mask;
            (B, T, C) and (B, T, S) for several times.
        """
        queries = self.queries(query)
        if query.dim() == 2:
            context, weights = self.read(queries.unsqueeze(1), keys, memory, mask)
            return context.squeeze(1), weights.squeeze(1)
        return self.read(queries, keys, memory, mask)

    def read(
        self, queries: Tensor, keys: Tensor, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """:meth:`forward` for queries (B, T, A) that come from :meth:`queries`."""
        weights = masked_softmax(self.scores(queries, keys), mask.unsqueeze(1))
        return torch.bmm(weights.to(memory.dtype), memory), weights

    def reader(self, keys: Tensor, memory: Tensor, mask: Tensor) -> Reader:
        """:meth:`forward` for queries (B, Q) that come one after the other, in a loop over time.

        It is the same, and cheaper to learn from: gradients of keys and memory are made once.
        """
        if type(self).read is not Attention.read:
            return lambda query: self(query, keys, memory, mask)
        score, contexts, away = self.scorer(keys), SharedOperand(memory), ~mask

        def read(query: Tensor) -> tuple[Tensor, Tensor]:
            weights = torch.softmax(score(query).masked_fill(away, -math.inf), -1)
            return contexts(weights.unsqueeze(1)).squeeze(1), weights

        return read

    def scorer(self, keys: Tensor) -> Callable[[Tensor], Tensor]:
        """:meth:`scores` for queries (B, Q) as they come, one after the other, each to (B, S)."""
        exact = exact_type(keys)
        return lambda query: self.scores(self.queries(query).unsqueeze(1), keys)[:, 0].to(exact)

    def require_equal_sizes(self, kind: str) -> None:
        """Refuse sizes whose vectors have no inner product.

        Raises:
            UsageError: queries and memory differ in width.
        """
        if self.query_size != self.memory_size:
            raise UsageError(
                f"decoder.attention.kind {kind} compares equal widths, but decoder.hidden_size is "
                f"{self.query_size} and the encoder's outputs are {self.memory_size} wide: make "
                f"them equal, or take {kind.replace('dot', 'general')}"
            )


def inner_products(keys: Tensor) -> Callable[[Tensor], Tensor]:
    """The scorer of attentions that compare by an inner product."""
    products = SharedOperand(keys.transpose(1, 2))
    return lambda query: products(query.unsqueeze(1)).squeeze(1)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last dimension, in float32 at least, with 0 where the mask is False."""
    exact = torch.promote_types(scores.dtype, torch.float32)
    return torch.softmax(scores.to(exact).masked_fill(~mask, -math.inf), -1)
