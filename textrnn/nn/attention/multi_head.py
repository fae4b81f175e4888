"""Multi-head attention: Vaswani et al. (2017), arXiv:1706.03762, section 3.2.2."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from textrnn.errors import UsageError
from textrnn.nn.attention._base import Attention, masked_softmax

__all__ = ["MultiHead"]


class MultiHead(Attention):
    """Several scaled dot products side by side, each over its own projections of query and memory.

    Keys and values stand side by side in what :meth:`keys` returns; weights are the mean over the
    heads.

    Args:
        query_size: Q.
        memory_size: M.
        size: A, the width of all heads together; None: Q.
        heads: how many; they divide A.

    Raises:
        UsageError: the heads do not divide the size.

    >>> attention = MultiHead(6, 4, heads=3)
    >>> attention.keys(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 5, 12])
    """

    options: ClassVar[frozenset[str]] = frozenset({"size", "heads"})

    def __init__(
        self, query_size: int, memory_size: int, *, size: int | None = None, heads: int = 4
    ) -> None:
        super().__init__(query_size, memory_size)
        size = size or query_size
        if size % heads:
            raise UsageError(
                f"decoder.attention.heads: {heads} do not divide the size of {size} among them"
            )
        self.heads = heads
        self.size = size
        self.context_size = size
        self.query_projection = nn.Linear(query_size, size)
        self.key_projection = nn.Linear(memory_size, 2 * size)
        self.output_projection = nn.Linear(size, size)
        self.scale: float = (size // heads) ** -0.5

    def keys(self, memory: Tensor) -> Tensor:
        """The projections of the memory, keys before values: (B, S, 2 A)."""
        projected: Tensor = self.key_projection(memory)
        return projected

    def queries(self, queries: Tensor) -> Tensor:
        """The projection of the queries, scaled: (..., A)."""
        projected: Tensor = self.query_projection(queries) * self.scale
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """The scores of every head: (B, heads, T, S)."""
        split = self._split(keys[..., : self.size])
        return torch.matmul(self._split(queries), split.transpose(2, 3))

    def read(
        self, queries: Tensor, keys: Tensor, memory: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Attention.forward`."""
        weights = masked_softmax(self.scores(queries, keys), mask.unsqueeze(1).unsqueeze(1))
        values = self._split(keys[..., self.size :])
        read = torch.matmul(weights.to(values.dtype), values)
        context = self.output_projection(read.transpose(1, 2).flatten(2))
        return context, weights.mean(1)

    def _split(self, vectors: Tensor) -> Tensor:
        """(B, N, A) to (B, heads, N, A / heads)."""
        split = (*vectors.shape[:2], self.heads, self.size // self.heads)
        return vectors.reshape(split).transpose(1, 2)
