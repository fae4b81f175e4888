"""General (bilinear) attention: Luong et al. (2015), arXiv:1508.04025, section 3.1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from textrnn.nn.attention._base import Attention, inner_products

__all__ = ["General"]


class General(Attention):
    """score = query . W memory; W memory is the key, so that a step is one inner product a place.

    >>> General(3, 4).keys(torch.zeros(2, 5, 4)).shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.key_projection = nn.Linear(memory_size, query_size, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """The projection of the memory: (B, S, Q)."""
        projected: Tensor = self.key_projection(memory)
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :meth:`Attention.scores`."""
        return torch.bmm(queries, keys.transpose(1, 2))

    def scorer(self, keys: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`Attention.scorer`."""
        return inner_products(keys)
