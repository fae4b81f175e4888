"""Dot-product attention: Luong et al. (2015), arXiv:1508.04025, section 3.1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from textrnn.nn.attention._base import Attention, inner_products

__all__ = ["Dot"]


class Dot(Attention):
    """score = query . memory, both of one width.

    Raises:
        UsageError: the widths differ.

    >>> Dot(4, 4).scores(torch.ones(1, 1, 4), torch.ones(1, 2, 4)).tolist()
    [[[4.0, 4.0]]]
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.require_equal_sizes("dot")

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :meth:`Attention.scores`."""
        return torch.bmm(queries, keys.transpose(1, 2))

    def scorer(self, keys: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`Attention.scorer`."""
        return inner_products(keys)
