"""The decoder and the bridge, over every registered cell and attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from textrnn.config import DecoderSettings, EncoderSettings
from textrnn.nn import Encoder, State, attention, cells, select_rows
from textrnn.nn.bridge import Bridge
from textrnn.nn.decoder import Decoder, DecoderState, Memory

CELLS = cells.FAMILY.names()
KINDS = attention.FAMILY.names()
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "three layers": {"layers": 3, "residual": True},
    "norm": {"layers": 2, "layer_norm": True},
    "own output size": {"output_size": 3},
}
V, M = 9, 4
pytestmark = pytest.mark.usefixtures("float64")
every_cell = pytest.mark.parametrize("cell", CELLS)
every_kind = pytest.mark.parametrize("kind", KINDS)
every_pair = pytest.mark.parametrize(  # each cell once, each attention once
    ("cell", "kind"),
    sorted({*((cell, "additive") for cell in CELLS), *(("gru", kind) for kind in KINDS)}),
)
every_variant = pytest.mark.parametrize("variant", VARIANTS)
fed_or_not = pytest.mark.parametrize("input_feeding", [True, False])


def some_decoder(cell: str = "gru", kind: str = "additive", **given: Any) -> Decoder:
    """A decoder with no zero in its parameters."""
    chosen = DecoderSettings(cell=cell, attention={"kind": kind}, **{"hidden_size": M} | given)
    decoder = Decoder(chosen, vocab_size=V, embedding_size=3, memory_size=M)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.normal_(std=0.7)
    return decoder.eval()


def some_memory(decoder: Decoder, lengths: list[int], padding: int = 0) -> Memory:
    outputs = torch.randn(len(lengths), max(lengths) + padding, M)
    return decoder.read(outputs, torch.tensor(lengths))


def some_state(decoder: Decoder, batch: int) -> DecoderState:
    return tuple(
        tuple(torch.randn_like(part) for part in cell) for cell in decoder.initial_state(batch)
    )


def some_ids(batch: int, time: int) -> Tensor:
    return torch.randint(V, (batch, time))


def close(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-11)


def steps(
    decoder: Decoder, ids: Tensor, state: DecoderState, memory: Memory
) -> tuple[Tensor, Tensor, DecoderState]:
    """What the decoder gives, by its steps."""
    hidden, weights = [], []
    for column in ids.unbind(1):
        output, weight, state = decoder.step(column, state, memory)
        hidden.append(output)
        weights.append(weight)
    return torch.stack(hidden, 1), torch.stack(weights, 1), state


def row_of(memory: Memory, row: int) -> Memory:
    """A sentence alone, without padding."""
    length = int(memory.mask[row].sum())
    one = slice(row, row + 1)
    return Memory(memory.memory[one, :length], memory.keys[one, :length], memory.mask[one, :length])


@fed_or_not
@every_pair
def test_a_target_is_repeated_steps(cell: str, kind: str, input_feeding: bool) -> None:
    decoder = some_decoder(cell, kind, input_feeding=input_feeding)
    ids, memory = some_ids(3, 5), some_memory(decoder, [4, 2, 5])
    state = some_state(decoder, 3)
    found = decoder(ids, state, memory)
    close(found, steps(decoder, ids, state, memory))
    assert found[0].shape == (3, 5, decoder.output_size)
    assert (found[1].transpose(1, 2)[~memory.mask] == 0.0).all()


@fed_or_not
@every_variant
@every_cell
def test_every_form_is_repeated_steps(cell: str, variant: str, input_feeding: bool) -> None:
    decoder = some_decoder(cell, input_feeding=input_feeding, **VARIANTS[variant])
    ids, memory = some_ids(3, 4), some_memory(decoder, [4, 2, 5])
    state = some_state(decoder, 3)
    close(decoder(ids, state, memory), steps(decoder, ids, state, memory))
    first, weights, middle = decoder(ids[:, :3], state, memory)
    rest, more, end = decoder(ids[:, 3:], middle, memory)
    whole = torch.cat([first, rest], 1), torch.cat([weights, more], 1), end
    close(decoder(ids, state, memory), whole)


@fed_or_not
@every_kind
def test_a_row_alone_is_that_row_in_a_padded_batch(kind: str, input_feeding: bool) -> None:
    decoder = some_decoder("lstm", kind, input_feeding=input_feeding, layers=2)
    lengths = [4, 1, 6]
    ids, memory = some_ids(3, 5), some_memory(decoder, lengths, padding=2)
    state = some_state(decoder, 3)
    hidden, weights, after = decoder(ids, state, memory)
    for row, length in enumerate(lengths):
        chosen = torch.tensor([row])
        alone = decoder(ids[chosen], select_rows(state, chosen), row_of(memory, row))
        close(hidden[row], alone[0][0])
        close(weights[row, :, :length], alone[1][0])
        close(select_rows(after, chosen), alone[2])


@pytest.mark.parametrize("rows", [[1, 1, 0], [2], [0, 2, 1, 1]])
def test_reordered_state_and_memory_are_the_run_on_reordered_rows(rows: list[int]) -> None:
    decoder = some_decoder("lstm", layers=2)
    before, later, chosen = some_ids(3, 3), some_ids(3, 2), torch.tensor(rows)
    memory = some_memory(decoder, [4, 2, 3])
    taken = Memory(*(part.index_select(0, chosen) for part in memory))
    start = some_state(decoder, 3)
    _, _, state = decoder(before, start, memory)
    hidden, _, after = decoder(later[chosen], select_rows(state, chosen), taken)
    both = torch.cat([before, later], 1)[chosen]
    expected, _, end = decoder(both, select_rows(start, chosen), taken)
    close(hidden, expected[:, 3:])
    close(after, end)


@fed_or_not
def test_the_attentional_vector_is_fed_or_it_is_not(input_feeding: bool) -> None:
    decoder = some_decoder(input_feeding=input_feeding)
    state, memory = some_state(decoder, 2), some_memory(decoder, [3, 2])
    assert len(state) == 1 + input_feeding
    hidden, _, after = decoder.step(some_ids(2, 1)[:, 0], state, memory)
    assert decoder.cells()[0].input_size == (3 + M if input_feeding else 3)
    if input_feeding:
        close(after[-1], (hidden,))
        assert not decoder.initial_state(2)[-1][0].any()


def test_the_step_is_luongs() -> None:
    """Query: the state after the step; then tanh(W [context; hidden])."""
    decoder = some_decoder("rnn", "dot")
    state, memory = some_state(decoder, 2), some_memory(decoder, [3, 3])
    ids = some_ids(2, 1)[:, 0]
    hidden, weights, _ = decoder.step(ids, state, memory)
    inputs = torch.cat([decoder.embedding(ids), state[-1][0]], 1)
    query, _ = decoder.cells()[0].step(inputs, state[0])
    expected = torch.einsum("bh,bsh->bs", query, memory.memory).softmax(-1)
    close(weights, expected)
    context = torch.einsum("bs,bsm->bm", expected, memory.memory)
    matrix, bias = decoder.combine.weight, decoder.combine.bias
    close(hidden, torch.tanh(torch.cat([context, query], 1) @ matrix.t() + bias))


@fed_or_not
@pytest.mark.parametrize(
    "name", ["dropout", "input_dropout", "output_dropout", "embedding_dropout", "weight_drop"]
)
def test_every_dropout_is_for_training_only(name: str, input_feeding: bool) -> None:
    given: dict[str, Any] = {"layers": 2, "input_feeding": input_feeding}
    decoder, plain = some_decoder("lstm", **given, **{name: 0.5}), some_decoder("lstm", **given)
    plain.load_state_dict(decoder.state_dict())
    ids, memory, state = some_ids(4, 6), some_memory(decoder, [3] * 4), some_state(decoder, 4)
    expected = plain(ids, state, memory)
    close(decoder(ids, state, memory), expected)
    torch.manual_seed(1)
    assert not torch.allclose(decoder.train()(ids, state, memory)[0], expected[0])


@fed_or_not
def test_each_deep_layer_has_a_mask_of_its_own(
    input_feeding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = some_decoder(dropout=0.5, layers=3, hidden_size=32, input_feeding=input_feeding)
    drawn: list[Tensor] = []
    draw = decoder.layer_dropout.mask

    def noted(like: Tensor, width: int) -> Tensor | None:
        mask = draw(like, width)
        assert mask is not None
        drawn.append(mask)
        return mask

    monkeypatch.setattr(decoder.layer_dropout, "mask", noted)
    decoder.train()(some_ids(3, 4), some_state(decoder, 3), some_memory(decoder, [3] * 3))
    first, second = drawn
    assert not torch.equal(first, second)


@fed_or_not
def test_masks_of_the_output_are_held_over_time(input_feeding: bool) -> None:
    torch.manual_seed(0)
    decoder = some_decoder(output_dropout=0.5, input_feeding=input_feeding, output_size=16).train()
    hidden, _, _ = decoder(some_ids(3, 5), some_state(decoder, 3), some_memory(decoder, [3] * 3))
    gone = hidden == 0
    assert 0 < gone.sum() < gone.numel()
    assert torch.equal(gone, gone[:, :1].expand_as(gone))
    assert not torch.equal(gone[0], gone[1])


@fed_or_not
@every_pair
def test_the_gradient_is_that_of_steps(cell: str, kind: str, input_feeding: bool) -> None:
    """Of every parameter, of the state and of the encoder's outputs."""
    decoder = some_decoder(cell, kind, input_feeding=input_feeding, layers=2, layer_norm=True)
    ids, start = some_ids(3, 4), some_state(decoder, 3)
    outputs = torch.randn(3, 5, M)
    found = []
    for run in (decoder, lambda *given: steps(decoder, *given)):
        decoder.zero_grad()
        leaves = [part.clone().requires_grad_() for layer in start for part in layer]
        source = outputs.clone().requires_grad_()
        parts = iter(leaves)
        state = tuple(tuple(next(parts) for _ in layer) for layer in start)
        memory = decoder.read(source, torch.tensor([5, 2, 4]))
        hidden, weights, after = run(ids, state, memory)
        loss = hidden.sin().sum() + weights.square().sum()
        loss = loss + sum(part.cos().sum() for layer in after for part in layer)
        loss.backward()
        values = [*leaves, source, *decoder.parameters()]
        assert all(value.grad is not None for value in values)
        found.append([value.grad.clone() for value in values if value.grad is not None])
    close(*found)


# The bridge


def some_encoder(cell: str, **given: Any) -> Encoder:
    return Encoder(EncoderSettings(cell=cell, hidden_size=5, **given), feature_size=2)


def some_bridge(encoder: Encoder, cell: str, sizes: list[int]) -> tuple[Bridge, State]:
    decoder = [cells.FAMILY.get(cell)(3, size) for size in sizes]
    state = tuple(
        tuple(torch.randn_like(part, requires_grad=True) for part in parts)
        for parts in encoder.initial_state(2)
    )
    return Bridge(encoder.cells(), encoder.directions, decoder), state


@pytest.mark.parametrize(("encoder_layers", "layers"), [(1, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("decoder_cell", CELLS)
@every_cell
def test_every_state_reaches_the_decoder(
    cell: str, decoder_cell: str, encoder_layers: int, layers: int
) -> None:
    """Every number of it, in both directions and in both parts of an LSTM's."""
    encoder = some_encoder(cell, layers=encoder_layers, bidirectional=True, output_size=3)
    bridge, state = some_bridge(encoder, decoder_cell, [4, 6, 7][:layers])
    first = bridge(state)
    decoder = [cells.FAMILY.get(decoder_cell)(3, size) for size in [4, 6, 7][:layers]]
    assert [[part.shape for part in layer] for layer in first] == [
        [(2, size) for size in cell.part_sizes] for cell in decoder
    ]
    sum(part.sin().sum() for layer in first for part in layer).backward()  # type: ignore[union-attr]
    for layer in state:
        for part in layer:
            assert part.grad is not None
            assert (part.grad != 0).all()


def test_an_lstms_parts_stay_apart() -> None:
    bridge, state = some_bridge(some_encoder("lstm"), "lstm", [4])
    ((hidden, memory),) = bridge(state)
    changed = ((state[0][0], state[0][1] + 1),)
    ((same, other),) = bridge(changed)
    close(hidden, same)
    assert not torch.allclose(memory, other)
    assert (hidden.abs() < 1).all()


@pytest.mark.parametrize(
    ("encoder_layers", "layers", "expected"),
    [
        (1, 1, [[0]]),
        (2, 2, [[0], [1]]),
        (1, 3, [[0], [0], [0]]),
        (2, 3, [[0], [0], [1]]),
        (3, 2, [[0, 1], [2]]),
        (4, 1, [[0, 1, 2, 3]]),
    ],
)
def test_which_layers_stand_beside_each_other(
    encoder_layers: int, layers: int, expected: list[list[int]]
) -> None:
    bridge, _ = some_bridge(some_encoder("gru", layers=encoder_layers), "gru", [4] * layers)
    assert bridge.sources == expected
