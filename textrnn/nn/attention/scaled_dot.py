"""Scaled dot-product attention: Vaswani et al. (2017), arXiv:1706.03762, section 3.2.1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from textrnn.nn.attention._base import Attention, inner_products

__all__ = ["ScaledDot"]


class ScaledDot(Attention):
    """score = query . memory / sqrt(M): the softmax does not saturate where vectors are wide.

    Raises:
        UsageError: the widths differ.

    >>> ScaledDot(4, 4).scores(torch.ones(1, 1, 4), torch.ones(1, 2, 4)).tolist()
    [[[2.0, 2.0]]]
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.require_equal_sizes("scaled_dot")
        self.scale: float = memory_size**-0.5

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :meth:`Attention.scores`."""
        return torch.bmm(queries, keys.transpose(1, 2)) * self.scale

    def scorer(self, keys: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`Attention.scorer`."""
        return inner_products(keys * self.scale)
