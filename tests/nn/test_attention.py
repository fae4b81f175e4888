"""What every registered attention promises, and hand-worked and PyTorch's examples of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from textrnn.config import AttentionSettings
from textrnn.errors import UnknownNameError, UsageError
from textrnn.nn import attention
from textrnn.nn.attention import Attention, make_attention
from textrnn.nn.attention.additive import Additive
from textrnn.nn.attention.multi_head import MultiHead

NAMES = attention.FAMILY.names()
pytestmark = pytest.mark.usefixtures("float64")
every_kind = pytest.mark.parametrize("kind", NAMES)
quick = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def some_attention(kind: str) -> Attention:
    """Queries and memory are 4 wide; there is no zero in the parameters."""
    chosen = make_attention(AttentionSettings(kind=kind), 4, 4)
    with torch.no_grad():
        for parameter in chosen.parameters():
            parameter.normal_(std=0.7)
    return chosen.eval()


def some_mask(lengths: list[int], width: int) -> Tensor:
    return torch.arange(width) < torch.tensor(lengths).unsqueeze(1)


def close(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-11)


def test_the_family_has_these() -> None:
    these = {"additive", "dot", "general", "multi_head", "scaled_dot", "scaled_general"}
    assert these <= set(NAMES)


@every_kind
@quick
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 99))
def test_a_row_alone_is_that_row_in_a_padded_batch(
    kind: str, lengths: list[int], padding: int, seed: int
) -> None:
    """Whatever stands in the padding, which gets no weight at all."""
    torch.manual_seed(seed)
    chosen = some_attention(kind)
    width = max(lengths) + padding
    query, memory = torch.randn(len(lengths), 4), 9 * torch.randn(len(lengths), width, 4)
    mask = some_mask(lengths, width)
    context, weights = chosen(query, chosen.keys(memory), memory, mask)
    assert context.shape == (len(lengths), chosen.context_size)
    assert (weights[~mask] == 0.0).all()
    assert (weights >= 0.0).all()
    close(weights.sum(-1), torch.ones(len(lengths)))
    for row, length in enumerate(lengths):
        one, part = query[row : row + 1], memory[row : row + 1, :length]
        alone, alone_weights = chosen(one, chosen.keys(part), part, mask[row : row + 1, :length])
        close(context[row], alone[0])
        close(weights[row, :length], alone_weights[0])


@every_kind
def test_all_times_at_once_are_each_time_with_keys_computed_once(kind: str) -> None:
    chosen = some_attention(kind)
    queries, memory = torch.randn(3, 6, 4), torch.randn(3, 5, 4)
    mask = some_mask([5, 2, 4], 5)
    keys = chosen.keys(memory)
    contexts, weights = chosen(queries, keys, memory, mask)
    for time in range(6):
        context, weight = chosen(queries[:, time], keys, memory, mask)
        close(contexts[:, time], context)
        close(weights[:, time], weight)
        again, _ = chosen(queries[:, time], chosen.keys(memory), memory, mask)
        close(context, again)


@every_kind
def test_everything_learns(kind: str) -> None:
    chosen = some_attention(kind)
    query, memory = (torch.randn(shape, requires_grad=True) for shape in ((2, 4), (2, 3, 4)))
    context, _ = chosen(query, chosen.keys(memory), memory, some_mask([3, 2], 3))
    context.sin().sum().backward()
    for value in (query, memory, *chosen.parameters()):
        assert value.grad is not None
        assert value.grad.isfinite().all()
    assert query.grad is not None
    assert query.grad.any()
    assert memory.grad is not None
    assert not memory.grad[1, 2].any()


@every_kind
def test_weights_are_float32_and_the_context_is_of_the_memorys_type_under_autocast(
    kind: str,
) -> None:
    chosen = some_attention(kind).float()
    memory = torch.randn(2, 3, 4, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        keys = chosen.keys(memory)
        query = torch.randn(2, 4, dtype=torch.bfloat16)
        context, weights = chosen(query, keys, memory, some_mask([3, 2], 3))
    assert weights.dtype == torch.float32
    assert context.dtype == torch.bfloat16


def test_additive_worked_by_hand() -> None:
    """One number each: v tanh(w q + u m + b), for two places, of which a third is masked."""
    chosen = Additive(1, 1)
    with torch.no_grad():
        chosen.query_projection.weight.fill_(2.0)
        chosen.key_projection.weight.fill_(3.0)
        chosen.key_projection.bias.fill_(0.5)
        chosen.vector.fill_(1.5)
    memory = torch.tensor([[[0.1], [-0.2], [7.0]]])
    context, weights = chosen(
        torch.tensor([[0.25]]), chosen.keys(memory), memory, some_mask([2], 3)
    )
    first = math.exp(1.5 * math.tanh(2 * 0.25 + 3 * 0.1 + 0.5))
    second = math.exp(1.5 * math.tanh(2 * 0.25 - 3 * 0.2 + 0.5))
    share = first / (first + second)
    close(weights, torch.tensor([[share, 1 - share, 0.0]]))
    close(context, torch.tensor([[share * 0.1 - (1 - share) * 0.2]]))


@pytest.mark.parametrize(
    ("kind", "scores"),
    [
        ("dot", [1.0, 6.0]),
        ("scaled_dot", [0.5, 3.0]),
        ("general", [2.0, 12.0]),
        ("scaled_general", [1.0, 6.0]),
    ],
)
def test_products_worked_by_hand(kind: str, scores: list[float]) -> None:
    chosen = some_attention(kind)
    if kind.endswith("general"):
        chosen.load_state_dict({"key_projection.weight": 2 * torch.eye(4)})
    query = torch.tensor([[[1.0, 0.0, 2.0, 0.0]]])
    memory = torch.tensor([[[1.0, 9.0, 0.0, 9.0], [2.0, 0.0, 2.0, 0.0]]])
    close(chosen.scores(chosen.queries(query), chosen.keys(memory)), torch.tensor([[scores]]))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_multi_head_is_pytorchs(heads: int) -> None:
    ours = MultiHead(8, 6, heads=heads)
    other = nn.MultiheadAttention(8, heads, kdim=6, vdim=6, batch_first=True)
    with torch.no_grad():
        other.q_proj_weight.copy_(ours.query_projection.weight)
        other.k_proj_weight.copy_(ours.key_projection.weight[:8])
        other.v_proj_weight.copy_(ours.key_projection.weight[8:])
        biases = [ours.query_projection.bias, ours.key_projection.bias]
        other.in_proj_bias.copy_(torch.cat(biases))
        other.out_proj.weight.copy_(ours.output_projection.weight)
        other.out_proj.bias.copy_(ours.output_projection.bias)
    queries, memory, mask = torch.randn(3, 4, 8), torch.randn(3, 5, 6), some_mask([5, 1, 3], 5)
    expected = other(queries, memory, memory, key_padding_mask=~mask)
    close(ours(queries, ours.keys(memory), memory, mask), expected)


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"kind": "additive", "heads": 2}, 4, "attention.heads does not apply to additive, only to mu"),
    ({"kind": "general", "size": 2}, 4, "size does not apply to general, only to additive, multi_"),
    ({"kind": "dot"}, 6, "kind dot compares equal .*hidden_size is 4 .*, or take general"),
    ({"kind": "scaled_dot"}, 6, "kind scaled_dot compares equal .* 6 wide.*or take scaled_general"),
    ({"kind": "multi_head", "heads": 3}, 4, "heads: 3 do not divide the size of 4 among them"),
]


@pytest.mark.parametrize(("chosen", "width", "message"), REFUSED)
def test_what_does_not_apply_is_refused(chosen: dict[str, Any], width: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_attention(AttentionSettings(**chosen), 4, width)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no attention 'aditive' .*did you mean 'additive'"):
        make_attention(AttentionSettings(kind="aditive"), 4, 4)


def test_sizes_are_the_queries_unless_they_are_given() -> None:
    memory = torch.zeros(1, 2, 6)
    for kind, options, keys, context in [
        ("additive", {}, 4, 6),
        ("additive", {"size": 3}, 3, 6),
        ("multi_head", {}, 8, 4),
        ("multi_head", {"size": 6, "heads": 3}, 12, 6),
        ("general", {}, 4, 6),
    ]:
        chosen = make_attention(AttentionSettings(kind=kind, **options), 4, 6)
        assert chosen.keys(memory).shape == (1, 2, keys)
        assert chosen.context_size == context


class Uniform(Attention):
    """Every place alike: written as a user would, by its scores alone."""

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries.new_zeros(*queries.shape[:2], keys.shape[1])


def test_an_attention_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention.FAMILY, "_added", {})
    attention.FAMILY.add("uniform", Uniform)
    chosen = make_attention(AttentionSettings(kind="uniform"), 3, 4)
    memory = torch.randn(1, 3, 4)
    context, _ = chosen(torch.randn(1, 3), chosen.keys(memory), memory, some_mask([2], 3))
    close(context, memory[:, :2].mean(1))
