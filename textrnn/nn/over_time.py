"""Products with one operand in a loop over time, whose gradient is made once, at the loop's end.

Left to itself, backpropagation makes the gradient of a weight that is used at T times from T small
products and T additions of matrices of its size. Here each time leaves its input and its error, and
one product over all times follows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["SharedOperand", "exact_type", "working_type"]

Uses = list[tuple[Tensor, Tensor]]


def working_type(values: Tensor) -> torch.dtype:
    """The type in which products are made: autocast's where it is on, else that of the values."""
    device = values.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else values.dtype


def exact_type(values: Tensor) -> torch.dtype:
    """The type of what is summed over time: float32, or that of the values where it is wider."""
    return torch.promote_types(values.dtype, torch.float32)


class SharedOperand:
    """The right-hand side of products that follow each other in time, and a bias to be added.

    Products are made in autocast's type where it is on, into which the operand is cast once, and
    returned in the type of what is multiplied.

    Args:
        operand: (K, N), or (B, K, N) for one a row.
        bias: (N,), with an operand (K, N).

    >>> weight = torch.randn(5, 3, requires_grad=True)
    >>> times = SharedOperand(weight.t())
    >>> times(torch.ones(2, 3) + times(torch.ones(2, 3))[:, :3]).sum().backward()
    >>> weight.grad.shape
    torch.Size([5, 3])
    """

    def __init__(self, operand: Tensor, bias: Tensor | None = None) -> None:
        self._uses: Uses = []
        shared = _Shared.apply(operand, bias, self._uses)  # type: ignore[no-untyped-call]
        self._operand, self._bias = shared

    def __call__(self, inputs: Tensor) -> Tensor:
        """(B, K) to (B, N); with an operand (B, K, N), (B, T, K) to (B, T, N)."""
        result: Tensor = _Product.apply(  # type: ignore[no-untyped-call]
            inputs, self._operand, self._bias, self._uses
        )
        return result


class _Shared(torch.autograd.Function):
    """The operand and its bias in the working type; the gradients from all of their uses."""

    @staticmethod
    def forward(
        ctx: Any, operand: Tensor, bias: Tensor | None, uses: Uses
    ) -> tuple[Tensor, Tensor | None]:
        ctx.set_materialize_grads(False)
        ctx.uses, ctx.type = uses, operand.dtype
        working = working_type(operand)
        copied = None if bias is None else bias.to(working, copy=True)
        return operand.to(working, copy=True), copied

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: None) -> tuple[Tensor | None, Tensor | None, None]:
        if not ctx.uses:
            return None, None, None
        inputs, errors = (torch.cat(parts, -2) for parts in zip(*ctx.uses, strict=True))
        ctx.uses.clear()
        operand = inputs.transpose(-1, -2) @ errors
        bias = None
        if ctx.needs_input_grad[1]:
            bias = (errors.new_ones(1, len(errors)) @ errors)[0].to(ctx.type)
        return operand.to(ctx.type), bias, None


class _Product(torch.autograd.Function):
    """One use: its error goes to the input at once, and to the operand when all are there."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, operand: Tensor, bias: Tensor | None, uses: Uses
    ) -> Tensor:
        working = inputs.to(operand.dtype)
        ctx.save_for_backward(working, operand)
        ctx.uses, ctx.type = uses, inputs.dtype
        product = working @ operand if bias is None else torch.addmm(bias, working, operand)
        return product.to(inputs.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None, None]:
        inputs, operand = ctx.saved_tensors
        error = grads[0].to(operand.dtype)
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            ctx.uses.append((inputs, error))
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        return (error @ operand.transpose(-1, -2)).to(ctx.type), None, None, None
