"""Additive attention: Bahdanau et al. (2015), arXiv:1409.0473, appendix A.1.2."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from textrnn.nn.attention._base import Attention

__all__ = ["Additive"]


class Additive(Attention):
    """score = v . tanh(W query + U memory + b): a network of one hidden layer compares them.

    Args:
        query_size: Q.
        memory_size: M.
        size: A, the hidden layer's width; None: Q.

    >>> attention = Additive(3, 4, size=5)
    >>> attention.keys(torch.zeros(2, 7, 4)).shape
    torch.Size([2, 7, 5])
    """

    options: ClassVar[frozenset[str]] = frozenset({"size"})

    def __init__(self, query_size: int, memory_size: int, *, size: int | None = None) -> None:
        super().__init__(query_size, memory_size)
        size = size or query_size
        self.key_projection = nn.Linear(memory_size, size)
        self.query_projection = nn.Linear(query_size, size, bias=False)
        self.vector = nn.Parameter(torch.empty(size))
        nn.init.uniform_(self.vector, -(size**-0.5), size**-0.5)

    def keys(self, memory: Tensor) -> Tensor:
        """The projection of the memory: (B, S, A)."""
        projected: Tensor = self.key_projection(memory)
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :meth:`Attention.scores`."""
        projected = self.query_projection(queries)
        hidden = torch.tanh(projected.unsqueeze(2) + keys.unsqueeze(1))
        return torch.matmul(hidden, self.vector.to(hidden.dtype))
