"""Additive attention: Bahdanau et al. (2015), arXiv:1409.0473, appendix A.1.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from textrnn.nn.attention._base import Attention
from textrnn.nn.over_time import SharedOperand, exact_type

__all__ = ["Additive"]


class Additive(Attention):
    """score = v . tanh(W query + U memory + b): a network of one hidden layer compares them.

    As tanh(x) = 2 sigmoid(2 x) - 1, and as weights do not change where the same is added to all
    scores of a query, they are computed as 2 v . sigmoid(2 x): a sigmoid takes a processor a third
    of the time.

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
        """Twice the projection of the memory: (B, S, A)."""
        projected: Tensor = self.key_projection(memory)
        return 2.0 * projected

    def queries(self, queries: Tensor) -> Tensor:
        """Twice the projection of the queries: (..., A)."""
        projected: Tensor = 2.0 * self.query_projection(queries)
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See :meth:`Attention.scores`."""
        hidden = torch.sigmoid(queries.unsqueeze(2) + keys.unsqueeze(1))
        return torch.matmul(hidden, 2.0 * self.vector.to(hidden.dtype))

    def scorer(self, keys: Tensor) -> Callable[[Tensor], Tensor]:
        """See :meth:`Attention.scorer`."""
        exact = exact_type(keys)
        project = SharedOperand(2.0 * self.query_projection.weight.t())
        gathered: list[Tensor] = []
        places, vector = _Keys.apply(  # type: ignore[no-untyped-call]
            keys.to(exact), 2.0 * self.vector.to(exact), gathered
        )

        def score(query: Tensor) -> Tensor:
            projected = project(query.to(exact))
            scores: Tensor = _Scores.apply(  # type: ignore[no-untyped-call]
                projected, places, vector, gathered
            )
            return scores

        return score


class _Keys(torch.autograd.Function):
    """Keys (B, S, A) and the vector (A,) of a loop; their gradients, gathered by its steps."""

    @staticmethod
    def forward(
        ctx: Any, keys: Tensor, vector: Tensor, gathered: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.gathered = gathered
        ctx.save_for_backward(vector)
        return keys.view_as(keys), vector.view_as(vector)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: None) -> tuple[Tensor | None, Tensor | None, None]:
        if not ctx.gathered:
            return None, None, None
        (vector,) = ctx.saved_tensors
        keys, scored = ctx.gathered
        ctx.gathered.clear()
        return keys.mul_(vector), scored, None


class _Scores(torch.autograd.Function):
    """vector . sigmoid(query + key) for all keys: (B, A) to (B, S)."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, keys: Tensor, vector: Tensor, gathered: list[Tensor]
    ) -> Tensor:
        hidden = (query.unsqueeze(1) + keys).sigmoid_()
        ctx.save_for_backward(hidden, vector)
        ctx.gathered = gathered
        with torch.autocast(hidden.device.type, enabled=False):
            return hidden @ vector

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        hidden, vector = ctx.saved_tensors
        (error,) = grads
        slope = torch.addcmul(hidden, hidden, hidden, value=-1.0)
        if not ctx.gathered:
            ctx.gathered += [torch.zeros_like(hidden), torch.zeros_like(vector)]
        keys, scored = ctx.gathered
        keys.addcmul_(slope, error.unsqueeze(2))
        scored += (error.reshape(1, -1) @ hidden.flatten(0, 1))[0]
        query = torch.bmm(error.unsqueeze(1), slope).squeeze(1)
        return query.mul_(vector), None, None, None
