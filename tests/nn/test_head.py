"""The output layer: the loss by blocks is the whole loss, in less memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from textrnn.config import LanguageModelHeadSettings
from textrnn.errors import UsageError
from textrnn.nn import AdaptiveHead, OutputHead, head, linear_cross_entropy

E = 6


def some_case(rows: int, vocab: int, dtype: torch.dtype) -> tuple[list[Tensor], Tensor]:
    values = [torch.randn(*shape, dtype=dtype) for shape in ((rows, E), (vocab, E), (vocab,))]
    return [value.requires_grad_() for value in values], torch.randint(vocab, (rows,))


def gradients(values: list[Tensor]) -> list[Tensor | None]:
    grads = [value.grad for value in values]
    for value in values:
        value.grad = None
    return grads


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-5)])
@pytest.mark.parametrize("elements", [1, 400, 10**7])
@pytest.mark.parametrize("rows_of_float32", [1, 7, 128])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_the_loss_is_the_cross_entropy(
    dtype: torch.dtype,
    tolerance: float,
    elements: int,
    rows_of_float32: int,
    smoothing: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In value and in every gradient, whatever the size of a block."""
    monkeypatch.setattr(head, "BLOCK_ELEMENTS", elements)
    monkeypatch.setattr(head, "CHUNK_ROWS", rows_of_float32)
    torch.manual_seed(0)
    values, targets = some_case(53, 11, dtype)
    logits = F.linear(*values)
    whole = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    (whole * 0.37).backward()
    expected = gradients(values)
    loss = linear_cross_entropy(*values, targets, smoothing)
    (loss * 0.37).backward()
    assert loss.dtype == dtype
    torch.testing.assert_close(loss, whole, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(gradients(values), expected, rtol=tolerance, atol=tolerance)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 40), st.integers(2, 30), st.integers(0, 99))
def test_the_loss_is_the_cross_entropy_for_any_size(rows: int, vocab: int, seed: int) -> None:
    torch.manual_seed(seed)
    values, targets = some_case(rows, vocab, torch.float64)
    whole = F.cross_entropy(F.linear(*values), targets, reduction="sum")
    torch.testing.assert_close(linear_cross_entropy(*values, targets), whole)


def test_a_part_that_does_not_learn_gets_no_gradient() -> None:
    values, targets = some_case(5, 4, torch.float64)
    values[1].requires_grad_(False)
    linear_cross_entropy(*values, targets).backward()
    hidden, weight, bias = gradients(values)
    assert weight is None
    assert hidden is not None
    assert bias is not None


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_under_bf16_autocast_it_is_close(smoothing: float) -> None:
    torch.manual_seed(0)
    values, targets = some_case(200, 50, torch.float32)
    logits = F.linear(*values)
    whole = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    whole.backward()
    expected = gradients(values)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(*values, targets, smoothing)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, whole, rtol=2e-3, atol=0.0)
    for found, wanted in zip(gradients(values), expected, strict=True):
        assert found is not None
        assert wanted is not None
        assert found.dtype == torch.float32
        assert (found - wanted).norm() / wanted.norm() < 2e-2


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that an operator gives out, and what it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.products = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self.bytes = max(self.bytes, value.numel() * value.element_size())
        self.products += func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm)
        return result


@pytest.mark.parametrize("autocast", [False, True])
def test_all_logits_are_never_there_at_once(
    autocast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, vocab = 4096, 500
    monkeypatch.setattr(head, "BLOCK_ELEMENTS", 20_000)
    values, targets = some_case(rows, vocab, torch.float32)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), Largest() as largest:
        linear_cross_entropy(*values, targets, 0.1).backward()
    own = max(value.numel() * 4 for value in values)  # hidden (N, E) itself
    assert largest.bytes <= max(own, 4 * 20_000)
    assert largest.bytes < rows * vocab * 4 / 20
    with Largest() as whole:
        F.cross_entropy(F.linear(*values), targets).backward()
    assert whole.bytes == rows * vocab * 4  # so the measure sees it


def test_no_gradient_is_made_where_none_is_asked_for() -> None:
    values, targets = some_case(8, 5, torch.float32)
    with torch.no_grad(), Largest() as quiet:
        loss = linear_cross_entropy(*values, targets)
    assert quiet.products == 1
    assert not loss.requires_grad


def test_the_number_of_rows_follows_the_vocabulary() -> None:
    assert head.rows_at_once(10_000) == head.BLOCK_ELEMENTS // 10_000
    assert head.rows_at_once(10**9) == 16


@pytest.mark.parametrize("width", [E, 4])
@pytest.mark.parametrize("tied", [False, True])
def test_logits_log_probs_and_loss_agree(tied: bool, width: int) -> None:
    torch.manual_seed(0)
    table = nn.Parameter(torch.randn(10, width))
    layer = OutputHead(E, 10, table if tied else None)
    nn.init.normal_(layer.bias)
    hidden, targets = torch.randn(3, 4, E), torch.randint(10, (3, 4))
    log_probs = layer.log_probs(hidden)
    assert log_probs.shape == (3, 4, 10)
    torch.testing.assert_close(log_probs, layer.logits(hidden).log_softmax(-1))
    chosen = log_probs.gather(-1, targets.unsqueeze(-1))
    loss = layer.loss(hidden.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(loss, -chosen.sum())
    assert (layer.weight is table) is tied
    assert isinstance(layer.projection, nn.Linear) is (tied and width != E)


@settings(deadline=None, max_examples=20)
@given(
    st.integers(20, 60),
    st.lists(st.integers(1, 19), min_size=1, max_size=2, unique=True).map(sorted),
)
def test_an_adaptive_head_is_a_distribution(vocab: int, cutoffs: list[int]) -> None:
    layer = AdaptiveHead(16, vocab, cutoffs)
    hidden, targets = torch.randn(2, 5, 16), torch.randint(vocab, (2, 5))
    log_probs = layer.log_probs(hidden)
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(2, 5))
    torch.testing.assert_close(layer.logits(hidden).log_softmax(-1), log_probs)
    chosen = log_probs.gather(-1, targets.unsqueeze(-1))
    loss = layer.loss(hidden.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(loss, -chosen.sum())


def test_clusters_without_targets_have_a_gradient_too() -> None:
    """A process whose targets are all frequent waits for nobody, and nobody waits for it."""
    layer = AdaptiveHead(16, 30, (10, 20))
    layer.loss(torch.randn(4, 16), torch.tensor([1, 2, 3, 25])).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()) != (".0." in name), name


@pytest.mark.parametrize(
    ("hidden", "vocab", "cutoffs", "message"),
    [
        (16, 10, [5, 10], "head.cutoffs: 10 lies beyond the vocabulary of 10 ids"),
        (15, 99, [5, 10], "head.cutoffs: 2 need hidden states of 16 or wider, not 15"),
    ],
)
def test_cutoffs_that_do_not_fit_are_refused(
    hidden: int, vocab: int, cutoffs: list[int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        AdaptiveHead(hidden, vocab, cutoffs)


def test_the_settings_choose_the_head() -> None:
    table = nn.Parameter(torch.randn(30, 8))

    def chosen(**given: Any) -> OutputHead | AdaptiveHead:
        return head.make_head(LanguageModelHeadSettings(**given), 8, 30, table)

    tied, own, adaptive = chosen(), chosen(tied=False), chosen(tied=False, cutoffs=(10,))
    assert isinstance(tied, OutputHead)
    assert tied.weight is table
    assert isinstance(own, OutputHead)
    assert own.weight is not table
    assert isinstance(adaptive, AdaptiveHead)
