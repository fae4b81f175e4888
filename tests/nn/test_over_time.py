"""Products with a shared operand: the same as products, the operand's gradient made once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.nn.over_time import SharedOperand, exact_type, working_type

TIMES = 4


def run(product: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """Something of every time, each of which reads the one before."""
    values, total = start, start.new_zeros(())
    for _ in range(TIMES):
        values = torch.tanh(product(values))
        total = total + values.square().sum()
    return total


@pytest.mark.parametrize("learning", [(True, True), (True, False), (False, True)])
@pytest.mark.usefixtures("float64")
def test_a_weight_with_a_bias(learning: tuple[bool, bool]) -> None:
    """Either of which may be frozen."""
    weight, bias = torch.randn(5, 5), torch.randn(5)
    leaves = [weight.requires_grad_(learning[0]), bias.requires_grad_(learning[1])]
    start = torch.randn(3, 5, requires_grad=True)
    wanted = [start, *(leaf for leaf in leaves if leaf.requires_grad)]
    expected = run(lambda values: F.linear(values, weight, bias), start)
    found = run(SharedOperand(weight.t(), bias), start)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, wanted), torch.autograd.grad(expected, wanted)
    )


@pytest.mark.usefixtures("float64")
def test_an_operand_a_row() -> None:
    operand = torch.randn(3, 5, 5, requires_grad=True)
    start = torch.randn(3, 1, 5, requires_grad=True)
    expected = run(lambda values: torch.bmm(values, operand), start)
    found = run(SharedOperand(operand), start)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, [start, operand]),
        torch.autograd.grad(expected, [start, operand]),
    )


def test_its_gradient_is_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.randn(5, 5, requires_grad=True)
    seen: list[tuple[int, ...]] = []
    weight.register_hook(lambda grad: seen.append(tuple(grad.shape)))
    shared = SharedOperand(weight.t())
    first, second = run(shared, torch.randn(3, 5)), run(shared, torch.randn(3, 5))
    (first + second).backward()
    assert seen == [(5, 5)]


def test_going_back_twice_gives_the_same() -> None:
    weight = torch.randn(5, 5, requires_grad=True)
    total = run(SharedOperand(weight.t()), torch.randn(3, 5))
    (first,) = torch.autograd.grad(total, weight, retain_graph=True)
    (second,) = torch.autograd.grad(total, weight)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_what_is_not_used_gets_no_gradient() -> None:
    weight = torch.randn(5, 5, requires_grad=True)
    start = torch.randn(3, 5, requires_grad=True)
    shared = SharedOperand(weight.t())
    unused = shared(start) * 0.0
    start.sum().backward()
    assert weight.grad is None
    unused.sum().backward()
    assert weight.grad is not None
    assert not weight.grad.any()


def test_under_autocast_products_are_bf16_and_their_results_are_not() -> None:
    weight, start = torch.randn(5, 5, requires_grad=True), torch.randn(3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert working_type(start) == torch.bfloat16
        found = SharedOperand(weight.t())(start)
    found.sum().backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, (start.bfloat16() @ weight.t().bfloat16()).float())
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    assert working_type(start) == torch.float32
    assert exact_type(start.bfloat16()) == torch.float32
    assert exact_type(start.double()) == torch.float64
