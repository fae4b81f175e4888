"""What every registered cell promises, and that three of them are PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from textrnn.config import EncoderSettings
from textrnn.errors import UnknownNameError, UsageError
from textrnn.nn import Cell, CellState, Encoder, cells

TORCH: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "rnn": (nn.RNN, nn.RNNCell),
    "lstm": (nn.LSTM, nn.LSTMCell),
    "gru": (nn.GRU, nn.GRUCell),
}
NAMES = cells.FAMILY.names()
pytestmark = pytest.mark.usefixtures("float64")
quick = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def some_cell(name: str, *, weight_drop: float = 0.0, inputs: int = 3, hidden: int = 4) -> Cell:
    """A cell with no zero in its parameters."""
    cell = cells.FAMILY.get(name)(inputs, hidden, weight_drop=weight_drop)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(std=0.7)
    return cell


def some_state(cell: Cell, batch: int) -> CellState:
    return tuple(torch.randn(batch, cell.hidden_size) for _ in range(cell.state_parts))


def close(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-11)


def test_the_family_has_pytorchs_three() -> None:
    assert set(TORCH) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@quick
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**31))
def test_a_sequence_is_repeated_steps(name: str, batch: int, time: int, seed: int) -> None:
    torch.manual_seed(seed)
    cell = some_cell(name)
    inputs, state = torch.randn(batch, time, 3), some_state(cell, batch)
    outputs, after = cell(inputs, state)
    by_steps = []
    for column in inputs.unbind(1):
        output, state = cell.step(column, state)
        by_steps.append(output)
    close(outputs, torch.stack(by_steps, 1))
    close(after, state)
    assert len(after) == cell.state_parts


@pytest.mark.parametrize("name", NAMES)
@quick
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 99))
def test_a_row_alone_is_that_row_in_a_padded_batch(
    name: str, lengths: list[int], padding: int, seed: int
) -> None:
    torch.manual_seed(seed)
    cell = some_cell(name)
    inputs = torch.randn(len(lengths), max(lengths) + padding, 3)
    state = some_state(cell, len(lengths))
    outputs, after = cell(inputs, state, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        before = tuple(part[row : row + 1] for part in state)
        alone, ended = cell(inputs[row : row + 1, :length], before)
        close(outputs[row, :length], alone[0])
        close(tuple(part[row : row + 1] for part in after), ended)
        assert not outputs[row, length:].any()


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_loop_of_steps_is_the_fused_operator(name: str, with_lengths: bool) -> None:
    """In values and in the gradients of inputs, state and every parameter."""
    cell = some_cell(name)
    lengths = torch.tensor([2, 5, 4]) if with_lengths else None
    start = [torch.randn(3, 5, 3), *some_state(cell, 3)]
    results = []
    for sequence in (cell.sequence, lambda *given: Cell.sequence(cell, *given)):
        inputs, *state = (value.clone().requires_grad_() for value in start)
        cell.zero_grad()
        outputs, after = sequence(inputs, tuple(state), cell.weight_hidden, lengths)
        (outputs.sin().sum() + sum(part.cos().sum() for part in after)).backward()
        grads = [value.grad for value in (inputs, *state, *cell.parameters())]
        assert all(grad is not None for grad in grads)
        results.append((outputs, after, [grad.clone() for grad in grads if grad is not None]))
    close(*results)


def copied(cell: Cell, other: nn.Module, suffix: str) -> list[tuple[Tensor, Tensor]]:
    """The parameters of PyTorch's module and ours, side by side, after copying ours into it."""
    pairs = [
        (getattr(other, theirs + suffix), getattr(cell, ours))
        for theirs, ours in {
            "weight_ih": "weight_input",
            "weight_hh": "weight_hidden",
            "bias_ih": "bias_input",
            "bias_hh": "bias_hidden",
        }.items()
    ]
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(ours)
    return pairs


@pytest.mark.parametrize("name", TORCH)
def test_a_sequence_is_pytorchs(name: str) -> None:
    cell = some_cell(name)
    other = TORCH[name][0](3, 4, batch_first=True)
    pairs = copied(cell, other, "_l0")
    inputs, state = torch.randn(2, 6, 3), some_state(cell, 2)
    stacked = tuple(part.unsqueeze(0) for part in state)
    outputs, after = cell(inputs, state)
    expected, expected_after = other(inputs, stacked if len(stacked) > 1 else stacked[0])
    close(outputs, expected)
    ended = expected_after if isinstance(expected_after, tuple) else (expected_after,)
    close(after, tuple(part[0] for part in ended))
    outputs.pow(2).sum().backward()
    expected.pow(2).sum().backward()
    for theirs, ours in pairs:
        close(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", TORCH)
def test_a_step_is_pytorchs(name: str) -> None:
    cell = some_cell(name)
    other = TORCH[name][1](3, 4)
    pairs = copied(cell, other, "")
    inputs, state = torch.randn(2, 3), some_state(cell, 2)
    output, after = cell.step(inputs, state)
    expected = other(inputs, state if len(state) > 1 else state[0])
    ended = expected if isinstance(expected, tuple) else (expected,)
    close(after, ended)
    close(output, ended[0])
    output.pow(2).sum().backward()
    ended[0].pow(2).sum().backward()
    for theirs, ours in pairs:
        close(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", NAMES)
def test_weight_drop_is_for_training_only(name: str) -> None:
    cell, plain = some_cell(name, weight_drop=0.5), some_cell(name)
    plain.load_state_dict(cell.state_dict())
    inputs, state = torch.randn(2, 5, 3), some_state(cell, 2)
    expected, _ = plain(inputs, state)
    close(cell.eval()(inputs, state)[0], expected)
    once, again = (cell.train()(inputs, state)[0] for _ in range(2))
    assert not torch.allclose(once, expected)
    assert not torch.allclose(once, again)


@pytest.mark.parametrize("name", NAMES)
def test_weight_drop_is_drawn_once_a_sequence(name: str) -> None:
    """The same entries are dropped at every step, and the others are scaled up."""
    cell = some_cell(name, weight_drop=0.4).train()
    inputs, state = torch.randn(2, 5, 3), some_state(cell, 2)
    torch.manual_seed(3)
    outputs, _ = cell(inputs, state)
    torch.manual_seed(3)
    dropped = nn.functional.dropout(cell.weight_hidden, 0.4)
    for time, column in enumerate(inputs.unbind(1)):
        output, state = cell.step(column, state, dropped)
        close(outputs[:, time], output)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_start_as_they_should(name: str) -> None:
    cell = cells.FAMILY.get(name)(3, 4)
    for gate in cell.weight_hidden.chunk(cell.gates):
        close(gate @ gate.t(), torch.eye(4))
    assert not cell.bias_hidden.any()
    opened = cell.bias_input.chunk(cell.gates)
    assert [bool(bias.all()) for bias in opened] == [
        name == "lstm" and gate == 1 for gate in range(cell.gates)
    ]
    state = cell.initial_state(5)
    assert [part.shape for part in state] == [(5, 4)] * cell.state_parts
    assert not any(part.any() for part in state)


class Leaky(Cell):
    """h' = h / 2 + tanh(W x + b + U h + c): written as a user would, by its update alone."""

    gates = 1

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        hidden = state[0] / 2 + torch.tanh(from_input + from_hidden)
        return hidden, (hidden,)


@pytest.fixture
def _leaky(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells.FAMILY, "_added", {})
    cells.FAMILY.add("leaky", Leaky)


@pytest.mark.usefixtures("_leaky")
@pytest.mark.parametrize("with_lengths", [False, True])
def test_a_cell_from_outside_works_in_an_encoder(with_lengths: bool) -> None:
    settings = EncoderSettings(
        cell="leaky", embedding_size=3, hidden_size=4, layers=2, weight_drop=0.2
    )
    encoder = Encoder(settings, vocab_size=7).eval()
    assert all(isinstance(cell, Leaky) for cell in encoder.cells())
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    outputs, state = encoder(ids, None, torch.tensor([3, 2]) if with_lengths else None)
    stepped = encoder.initial_state(2)
    for time in range(3):
        output, stepped = encoder.step(ids[:, time], stepped)
        close(outputs[0, time], output[0])
    close(state[1][0][0], stepped[1][0][0])
    assert bool(outputs[1, 2].any()) is not with_lengths
    encoder.train()(ids)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_a_name_is_taken_once_and_a_wrong_one_is_explained() -> None:
    with pytest.raises(UsageError, match="a cell 'lstm' exists already: choose another name"):
        cells.FAMILY.add("lstm", Leaky)
    with pytest.raises(UsageError, match="'my cell' cannot name a cell: use letters"):
        cells.FAMILY.add("my cell", Leaky)
    with pytest.raises(UnknownNameError, match=r"no cell 'lsmt' \(known: .*did you mean 'lstm'"):
        Encoder(EncoderSettings(cell="lsmt"), vocab_size=3)
