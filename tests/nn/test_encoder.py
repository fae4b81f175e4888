"""The recurrent stack, over every registered cell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from textrnn.config import EncoderSettings
from textrnn.errors import UsageError
from textrnn.nn import (
    Encoder,
    LockedDropout,
    State,
    cells,
    detach,
    replace_words,
    reverse,
    select_rows,
)

NAMES = cells.FAMILY.names()
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "three layers": {"layers": 3},
    "narrow end": {"layers": 2, "output_size": 3},
    "norm": {"layers": 2, "layer_norm": True},
    "residual": {"layers": 2, "residual": True, "embedding_size": 4},
    "both": {"layers": 3, "residual": True, "layer_norm": True, "embedding_size": 4},
}
V = 9
pytestmark = pytest.mark.usefixtures("float64")
every_cell = pytest.mark.parametrize("cell", NAMES)
every_variant = pytest.mark.parametrize("variant", VARIANTS)
quick = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def some_encoder(cell: str, *, features: int | None = None, **given: Any) -> Encoder:
    """An encoder with no zero in its parameters, a norm's among them."""
    chosen = EncoderSettings(cell=cell, **{"embedding_size": 3, "hidden_size": 4, **given})
    encoder = Encoder(chosen, vocab_size=None if features else V, feature_size=features)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.normal_(std=0.7)
    return encoder.eval()


def some_ids(batch: int, time: int) -> Tensor:
    return torch.randint(V, (batch, time))


def some_state(encoder: Encoder, batch: int) -> State:
    return tuple(
        tuple(torch.randn_like(part) for part in cell) for cell in encoder.initial_state(batch)
    )


def close(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-11)


@every_variant
@every_cell
def test_reading_is_repeated_steps(cell: str, variant: str) -> None:
    encoder = some_encoder(cell, **VARIANTS[variant])
    ids, state = some_ids(3, 5), some_state(encoder, 3)
    outputs, after = encoder(ids, state)
    assert outputs.shape == (3, 5, encoder.output_size)
    for time in range(5):
        output, state = encoder.step(ids[:, time], state)
        close(outputs[:, time], output)
    close(after, state)


@every_variant
@pytest.mark.parametrize("bidirectional", [False, True])
@every_cell
def test_a_row_alone_is_that_row_in_a_padded_batch(
    cell: str, bidirectional: bool, variant: str
) -> None:
    encoder = some_encoder(cell, bidirectional=bidirectional, **VARIANTS[variant])
    lengths = [3, 6, 1, 4]
    ids = some_ids(4, 7)
    outputs, after = encoder(ids, None, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, ended = encoder(ids[row : row + 1, :length])
        close(outputs[row, :length], alone[0])
        close(select_rows(after, torch.tensor([row])), ended)
        assert not outputs[row, length:].any()


@quick
@given(st.sampled_from(NAMES), st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_reordered_state_is_the_run_on_reordered_rows(cell: str, rows: list[int]) -> None:
    encoder = some_encoder(cell, layers=2)
    before, later = some_ids(3, 4), some_ids(3, 2)
    chosen = torch.tensor(rows)
    _, state = encoder(before)
    outputs, after = encoder(later[chosen], select_rows(state, chosen))
    expected, expected_after = encoder(torch.cat([before, later], 1)[chosen])
    close(outputs, expected[:, 4:])
    close(after, expected_after)


@every_cell
def test_going_on_from_a_state_is_reading_in_one_piece(cell: str) -> None:
    encoder = some_encoder(cell, layers=2)
    ids = some_ids(2, 7)
    whole, after = encoder(ids)
    first, state = encoder(ids[:, :3])
    second, ended = encoder(ids[:, 3:], detach(state))
    close(torch.cat([first, second], 1), whole)
    close(ended, after)


@pytest.mark.parametrize("lengths", [None, [5, 2, 4]])
@every_cell
def test_the_backward_half_is_the_forward_cell_on_the_reversed_input(
    cell: str, lengths: list[int] | None
) -> None:
    encoder = some_encoder(cell, bidirectional=True)
    ids = some_ids(3, 5)
    ends = None if lengths is None else torch.tensor(lengths)
    outputs, (forward_state, backward_state) = encoder(ids, None, ends)
    vectors = encoder.embed(ids)
    forward, backward = encoder.cells()
    read, state = forward(vectors, forward.initial_state(3), ends)
    close(outputs[..., :4], read)
    close(forward_state, state)
    read, state = backward(reverse(vectors, ends), backward.initial_state(3), ends)
    close(outputs[..., 4:], reverse(read, ends))
    close(backward_state, state)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 2))
def test_reversing_twice_changes_nothing(lengths: list[int], padding: int) -> None:
    inputs = torch.randn(len(lengths), max(lengths) + padding, 2)
    turned = reverse(inputs, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        close(turned[row, :length], inputs[row, :length].flip(0))
        close(turned[row, length:], inputs[row, length:])
    close(reverse(turned, torch.tensor(lengths)), inputs)
    close(reverse(reverse(inputs, None), None), inputs)


def test_a_bidirectional_encoder_does_not_step() -> None:
    encoder = some_encoder("gru", bidirectional=True)
    with pytest.raises(UsageError, match="a bidirectional encoder reads whole sequences, not sing"):
        encoder.step(torch.tensor([1]), encoder.initial_state(1))


@every_cell
def test_float_features_pass_through_the_same_stack(cell: str) -> None:
    reader = some_encoder(cell, layers=2)
    encoder = some_encoder(cell, layers=2, features=3)
    encoder.load_state_dict(reader.state_dict(), strict=False)
    ids = some_ids(2, 4)
    features = reader.embed(ids)
    close(encoder(features), reader(ids))
    state = reader.initial_state(2)
    close(encoder.step(features[:, 0], state), reader.step(ids[:, 0], state))
    assert encoder.embedding is None


@pytest.mark.parametrize("given", [{}, {"vocab_size": 3, "feature_size": 2}])
def test_ids_or_features_but_one_of_them(given: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="give vocab_size or feature_size, one of them"):
        Encoder(EncoderSettings(), **given)


@every_cell
def test_layers_have_the_sizes_that_were_asked_for(cell: str) -> None:
    encoder = some_encoder(cell, layers=3, output_size=2, bidirectional=True)
    sizes = [(each.input_size, each.hidden_size) for each in encoder.cells()]
    assert sizes == [(3, 4), (3, 4), (8, 4), (8, 4), (8, 2), (8, 2)]
    assert encoder.output_size == 4
    assert len(encoder.initial_state(5)) == 6


def test_residual_adds_the_input_where_the_widths_are_equal() -> None:
    plain, residual = some_encoder("gru"), some_encoder("gru", residual=True)
    residual.load_state_dict(plain.state_dict())
    ids = some_ids(2, 3)
    close(residual(ids), plain(ids))  # from 3 to 4: nothing to add
    plain, residual = (some_encoder("gru", residual=added, features=4) for added in (False, True))
    residual.load_state_dict(plain.state_dict())
    features = torch.randn(2, 3, 4)
    close(residual(features)[0], plain(features)[0] + features)


def test_layer_norm_normalises_the_outputs() -> None:
    encoder = some_encoder("gru", layer_norm=True, layers=2)
    with torch.no_grad():
        for norm in encoder.norms:
            norm.weight.fill_(1.0)
            norm.bias.zero_()
    outputs, _ = encoder(some_ids(2, 3))
    close(outputs.mean(-1), torch.zeros(2, 3))
    assert (outputs.var(-1, correction=0) > 0.9).all()


@pytest.mark.parametrize("name", ["dropout", "input_dropout", "embedding_dropout", "weight_drop"])
def test_every_dropout_is_for_training_only(name: str) -> None:
    encoder, plain = some_encoder("lstm", layers=2, **{name: 0.5}), some_encoder("lstm", layers=2)
    plain.load_state_dict(encoder.state_dict())
    ids = some_ids(4, 6)
    close(encoder(ids), plain(ids))
    torch.manual_seed(1)
    assert not torch.allclose(encoder.train()(ids)[0], plain(ids)[0])


def test_one_layer_has_no_dropout_between_layers() -> None:
    encoder = some_encoder("lstm", dropout=0.5)
    ids = some_ids(2, 3)
    close(encoder.train()(ids), encoder.eval()(ids))


@given(st.floats(0.05, 0.9), st.integers(0, 99))
def test_a_locked_mask_is_held_over_time(probability: float, seed: int) -> None:
    torch.manual_seed(seed)
    dropout = LockedDropout(probability)
    ones = torch.ones(16, 5, 8)
    dropped = dropout.train()(ones)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    kept = dropped[dropped != 0]
    close(kept, torch.full_like(kept, 1 / (1 - probability)))
    assert dropout.eval()(ones) is ones
    assert LockedDropout(0.0).train()(ones) is ones
    assert repr(LockedDropout(0.5)) == "LockedDropout(0.5)"


def test_rows_of_a_batch_have_masks_of_their_own() -> None:
    torch.manual_seed(0)
    dropped = LockedDropout(0.5).train()(torch.ones(2, 3, 32))
    assert not torch.equal(dropped[0], dropped[1])


def test_word_dropout_drops_a_word_wherever_it_stands() -> None:
    torch.manual_seed(0)
    encoder = some_encoder("rnn", embedding_dropout=0.5)
    assert encoder.embedding is not None
    ids = torch.arange(V).repeat(2, 2)
    plain, dropped = encoder.embed(ids), encoder.train().embed(ids)
    gone = (dropped == 0).all(-1)
    assert 0 < gone.sum() < gone.numel()
    assert torch.equal(gone, gone[:1, :V].repeat(2, 2))
    close(dropped[~gone], 2 * plain[~gone])


def test_replaced_words_are_unknown_and_marks_stay() -> None:
    torch.manual_seed(0)
    ids = torch.tensor([[2, *range(4, 40), 3, 0, 0]] * 20)
    replaced = replace_words(ids, 0.25)
    changed = replaced != ids
    assert 0.2 < changed[:, 1:-3].double().mean() < 0.3
    assert (replaced[changed] == 1).all()
    assert not changed[:, [0, -3, -2, -1]].any()
    assert not torch.equal(changed[0], changed[1])
    assert replace_words(ids, 0.0) is ids


def test_ids_are_read_with_unit_variance() -> None:
    torch.manual_seed(0)
    vectors = Encoder(EncoderSettings(embedding_size=64), vocab_size=500).embed(torch.arange(500))
    assert vectors.std().item() == pytest.approx(1.0, abs=0.03)


def test_a_detached_state_has_no_past() -> None:
    encoder = some_encoder("lstm")
    _, state = encoder(some_ids(1, 2))
    assert all(part.requires_grad for cell in state for part in cell)
    assert not any(part.requires_grad for cell in detach(state) for part in cell)
