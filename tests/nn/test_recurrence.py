"""The scan is the loop over time, in values and gradients, whichever way it is computed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from textrnn.nn import cells, recurrence
from textrnn.nn.recurrence import Method, mix_over_time

CELLS = ("mingru", "minlstm")
both_ways = pytest.mark.parametrize("method", ["steps", "blocks"])
every_cell = pytest.mark.parametrize("name", CELLS)


def by_hand(cell: cells.Cell, logits: Tensor, state: Tensor) -> Tensor:
    """A loop that autograd differentiates by itself."""
    states = []
    for column in logits.unbind(0):
        state = cell.advance(column, (state,), None)[0]
        states.append(state)
    return torch.stack(states)


def run(cell: cells.Cell, time: int, dtype: torch.dtype, method: Method | None) -> list[Tensor]:
    """States, and the gradients of logits and start; ``None``: by hand."""
    torch.manual_seed(time)
    width = 4 * cell.gates
    logits = (3.0 * torch.randn(time, 2, width, dtype=torch.float64)).to(dtype).requires_grad_()
    start = torch.randn(2, 4, dtype=torch.float64).to(dtype).requires_grad_()
    weights = torch.randn(time, 2, 4, dtype=torch.float64).to(dtype)
    if method is None:
        states = by_hand(cell, logits, start)
    else:
        states = mix_over_time(cell, logits, start, method)
    (states * weights).sum().backward()
    assert logits.grad is not None
    assert start.grad is not None
    return [states.detach(), logits.grad, start.grad]


@both_ways
@every_cell
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=8, deadline=None)
@given(time=st.sampled_from([1, 2, 3, 7, 50, 512]), stretch=st.sampled_from([8, 100, 1 << 17]))
def test_parallel_is_sequential(
    name: str, method: Method, dtype: torch.dtype, time: int, stretch: int
) -> None:
    cell = cells.FAMILY.get(name)(3, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurrence, "_IN_CACHE", stretch)
        found = run(cell, time, dtype, method)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    for left, right in zip(found, run(cell, time, torch.float64, None), strict=True):
        assert left.dtype == dtype
        torch.testing.assert_close(left.double(), right, rtol=100 * tolerance, atol=10 * tolerance)


@both_ways
@every_cell
def test_gradients_are_those_of_differences(name: str, method: Method) -> None:
    cell = cells.FAMILY.get(name)(3, 4)
    logits = torch.randn(6, 2, 4 * cell.gates, dtype=torch.float64, requires_grad=True)
    start = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *given: mix_over_time(cell, *given, method), (logits, start)
    )


@both_ways
def test_a_forgotten_past_and_a_kept_one_stay_numbers(method: Method) -> None:
    """Where the product of what is kept underflows, and where nothing enters for 2,000 times."""
    cell = cells.FAMILY.get("mingru")(3, 1)
    for gate, last in ((80.0, 1999.0), (-80.0, 7.0)):
        candidates = torch.arange(2000.0).view(-1, 1, 1)
        logits = torch.cat([torch.full_like(candidates, gate), candidates], 2).requires_grad_()
        states = mix_over_time(cell, logits, torch.full((1, 1), 7.0), method)
        assert states[-1].item() == pytest.approx(last)
        states.sum().backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


def test_logits_of_low_precision_have_states_in_float32() -> None:
    cell = cells.FAMILY.get("minlstm")(3, 4)
    logits = torch.randn(300, 2, 12).bfloat16().requires_grad_()
    states = mix_over_time(cell, logits, torch.zeros(2, 4, dtype=torch.bfloat16))
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, by_hand(cell, logits.float(), torch.zeros(2, 4)))
    states.sum().backward()
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("name", [*CELLS, "qrnn"])
def test_a_cell_trains_under_autocast(name: str) -> None:
    cell = cells.FAMILY.get(name)(3, 4)
    inputs = torch.randn(2, 9, 3, requires_grad=True)
    expected = cell(inputs, cell.initial_state(2))[0]
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = cell(inputs, cell.initial_state(2))
    assert {part.dtype for part in (outputs, *state)} == {torch.float32}
    torch.testing.assert_close(outputs, expected, rtol=0.05, atol=0.05)
    outputs.sum().backward()
    assert all(p.grad is not None for p in cell.parameters())
