"""What every registered cell promises, and that three of them are PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from textrnn.config import EncoderSettings
from textrnn.errors import UnknownNameError, UsageError
from textrnn.nn import Cell, CellState, Encoder, GatedCell, cells

TORCH: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "rnn": (nn.RNN, nn.RNNCell),
    "lstm": (nn.LSTM, nn.LSTMCell),
    "gru": (nn.GRU, nn.GRUCell),
}
NAMES = cells.FAMILY.names()
DROPPING = [name for name in NAMES if cells.FAMILY.get(name).drops_weights]
VARIANTS: list[tuple[str, dict[str, int]]] = [
    *((name, {}) for name in NAMES),
    ("mogrifier", {"rounds": 0}),
    ("mogrifier", {"rounds": 2, "rank": 2}),
    ("qrnn", {"window": 3}),
    ("qrnn", {"window": 4}),
]
pytestmark = pytest.mark.usefixtures("float64")
quick = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def some_cell(
    name: str, settings: dict[str, int] | None = None, *, weight_drop: float = 0.0
) -> Cell:
    """A cell with no zero in its parameters."""
    cell = cells.FAMILY.get(name)(3, 4, weight_drop=weight_drop, settings=settings)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(std=0.7)
    return cell


def some_state(cell: Cell, batch: int) -> CellState:
    return tuple(torch.randn(batch, size) for size in cell.part_sizes)


def close(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-11)


def test_the_family_has_pytorchs_three() -> None:
    assert set(TORCH) <= set(NAMES)


@pytest.mark.parametrize(("name", "chosen"), VARIANTS)
@quick
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**31))
def test_a_sequence_is_repeated_steps(
    name: str, chosen: dict[str, int], batch: int, time: int, seed: int
) -> None:
    torch.manual_seed(seed)
    cell = some_cell(name, chosen)
    inputs, state = torch.randn(batch, time, 3), some_state(cell, batch)
    outputs, after = cell(inputs, state)
    by_steps = []
    for column in inputs.unbind(1):
        output, state = cell.step(column, state)
        by_steps.append(output)
    close(outputs, torch.stack(by_steps, 1))
    close(after, state)
    assert len(after) == cell.state_parts


@pytest.mark.parametrize(("name", "chosen"), VARIANTS)
@quick
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 99))
def test_a_row_alone_is_that_row_in_a_padded_batch(
    name: str, chosen: dict[str, int], lengths: list[int], padding: int, seed: int
) -> None:
    torch.manual_seed(seed)
    cell = some_cell(name, chosen)
    inputs = torch.randn(len(lengths), max(lengths) + padding, 3)
    state = some_state(cell, len(lengths))
    outputs, after = cell(inputs, state, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        before = tuple(part[row : row + 1] for part in state)
        alone, ended = cell(inputs[row : row + 1, :length], before)
        close(outputs[row, :length], alone[0])
        close(tuple(part[row : row + 1] for part in after), ended)
        assert not outputs[row, length:].any()


@pytest.mark.parametrize("real", [None, [2, 5, 4], [1, 5, 1]])  # all, most, and half of it
@pytest.mark.parametrize(("name", "chosen"), VARIANTS)
def test_the_loop_of_steps_is_the_faster_way(
    name: str, chosen: dict[str, int], real: list[int] | None
) -> None:
    """In values and in the gradients of inputs, state and every parameter."""
    cell = some_cell(name, chosen)
    lengths = None if real is None else torch.tensor(real)
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


@pytest.mark.parametrize("name", DROPPING)
def test_weight_drop_is_for_training_only(name: str) -> None:
    cell, plain = some_cell(name, weight_drop=0.5), some_cell(name)
    plain.load_state_dict(cell.state_dict())
    inputs, state = torch.randn(2, 5, 3), some_state(cell, 2)
    expected, _ = plain(inputs, state)
    close(cell.eval()(inputs, state)[0], expected)
    once, again = (cell.train()(inputs, state)[0] for _ in range(2))
    assert not torch.allclose(once, expected)
    assert not torch.allclose(once, again)


@pytest.mark.parametrize("name", DROPPING)
def test_weight_drop_is_drawn_once_a_sequence(name: str) -> None:
    """The same entries are dropped at every step, and the others are scaled up."""
    cell = some_cell(name, weight_drop=0.4).train()
    inputs, state = torch.randn(2, 5, 3), some_state(cell, 2)
    torch.manual_seed(3)
    outputs, _ = cell(inputs, state)
    torch.manual_seed(3)
    assert cell.weight_hidden is not None
    dropped = nn.functional.dropout(cell.weight_hidden, 0.4)
    for time, column in enumerate(inputs.unbind(1)):
        output, state = cell.step(column, state, dropped)
        close(outputs[:, time], output)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(DROPPING)))
def test_weight_drop_is_refused_where_there_is_nothing_to_drop(name: str) -> None:
    with pytest.raises(
        UsageError, match=r"weight_drop does not apply to .*, which has no hidden-to"
    ):
        some_cell(name, weight_drop=0.1)
    assert some_cell(name).draw_weight() is None
    with pytest.raises(UsageError, match="weight_drop does not apply to"):
        Encoder(EncoderSettings(cell=name, weight_drop=0.5), vocab_size=3)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_start_as_they_should(name: str) -> None:
    """Biases are zero but a forget gate's; hidden weights are orthogonal, gate by gate."""
    cell = cells.FAMILY.get(name)(3, 4)
    for label, parameter in cell.named_parameters():
        if label in ("weight_hidden", "weight_factor"):
            for gate in parameter.split(4):
                close(gate @ gate.t(), torch.eye(4))
        elif label in ("bias", "bias_input"):
            gates = parameter.split(4)
            open_gate = {"lstm": 1, "mlstm": 1, "mogrifier": 1, "minlstm": 0}.get(name)
            assert [gate.unique().tolist() for gate in gates] == [
                [float(place == open_gate)] for place in range(len(gates))
            ]
        else:
            assert parameter.any() == (label != "bias_hidden")
    state = cell.initial_state(5)
    assert [part.shape for part in state] == [(5, size) for size in cell.part_sizes]
    assert len(state) == cell.state_parts
    assert not any(part.any() for part in state)


class Leaky(GatedCell):
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


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("lstm", {"rounds": 2}, r"no setting of LSTM 'rounds' \(known: none\)"),
        ("mogrifier", {"round": 2}, r"no setting of Mogrifier 'round' .*did you mean 'rounds'"),
        ("mogrifier", {"rounds": -1}, "cell_settings of Mogrifier: rounds is -1: .* equal to 0"),
        ("mogrifier", {"rounds": "many"}, "cell_settings of Mogrifier: rounds is 'many'"),
        ("qrnn", {"window": 1}, "cell_settings of QRNN: window is 1"),
    ],
)
def test_a_cells_own_settings_are_checked(name: str, given: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Encoder(EncoderSettings(cell=name, cell_settings=given), vocab_size=3)


def test_a_cells_own_settings_are_written_with_their_defaults() -> None:
    settings = EncoderSettings(cell="mogrifier", cell_settings={"rounds": 3})
    encoder = Encoder(settings, vocab_size=3)
    assert encoder.settings.cell_settings == {"rounds": 3, "rank": None}
    assert len(list(encoder.cells()[0].rounds.parameters())) == 3
    assert Encoder(EncoderSettings(), vocab_size=3).settings.cell_settings == {}


def same_lstm(cell: Cell) -> Cell:
    """The LSTM with the matrices of another cell."""
    lstm = cells.FAMILY.get("lstm")(3, 4)
    with torch.no_grad():
        lstm.weight_input.copy_(cell.weight_input[:16])
        lstm.weight_hidden.copy_(cell.weight_hidden)
        lstm.bias_input.copy_(cell.bias)
    return lstm


def test_a_mogrifier_of_no_rounds_is_the_lstm_and_another_one_gates_in_turns() -> None:
    cell, inputs = some_cell("mogrifier", {"rounds": 0}), torch.randn(2, 3)
    state = some_state(cell, 2)
    close(cell.step(inputs, state), same_lstm(cell).step(inputs, state))
    cell = some_cell("mogrifier", {"rounds": 3})
    first, second, third = (turn[0].weight for turn in cell.rounds)
    hidden, memory = state
    gated = 2 * torch.sigmoid(hidden @ first.t()) * inputs
    hidden = 2 * torch.sigmoid(gated @ second.t()) * hidden
    gated = 2 * torch.sigmoid(hidden @ third.t()) * gated
    close(cell.step(inputs, state), same_lstm(cell).step(gated, (hidden, memory)))


def test_an_mlstm_is_an_lstm_that_reads_a_product() -> None:
    cell, inputs = some_cell("mlstm"), torch.randn(2, 3)
    hidden, memory = state = some_state(cell, 2)
    product = (inputs @ cell.weight_input[16:].t()) * (hidden @ cell.weight_factor.t())
    close(cell.step(inputs, state), same_lstm(cell).step(inputs, (product, memory)))


def test_a_qrnn_reads_a_window() -> None:
    """Its outputs are those of fo-pooling over a masked convolution."""
    cell, inputs = some_cell("qrnn", {"window": 3}), torch.randn(2, 6, 3)
    kernel = cell.weight_input.view(12, 3, 3).transpose(1, 2)
    padded = nn.functional.pad(inputs.transpose(1, 2), (2, 0))
    gates = nn.functional.conv1d(padded, kernel, cell.bias_input).transpose(1, 2)
    forget, candidate, expose = gates.chunk(3, 2)
    memory, expected = torch.zeros(2, 4), []
    for time in range(6):
        kept = torch.sigmoid(forget[:, time])
        memory = kept * memory + (1 - kept) * torch.tanh(candidate[:, time])
        expected.append(torch.sigmoid(expose[:, time]) * memory)
    close(cell(inputs, cell.initial_state(2))[0], torch.stack(expected, 1))


def test_the_minimal_cells_are_their_papers_equations() -> None:
    inputs, hidden = torch.randn(2, 3), torch.randn(2, 4)
    gru = some_cell("mingru")
    update, candidate = gru.project(inputs).chunk(2, 1)
    share = torch.sigmoid(update)
    close(gru.step(inputs, (hidden,))[0], (1 - share) * hidden + share * candidate)
    lstm = some_cell("minlstm")
    forget, enter, candidate = lstm.project(inputs).chunk(3, 1)
    kept, entered = torch.sigmoid(forget), torch.sigmoid(enter)
    mixed = (kept * hidden + entered * candidate) / (kept + entered)
    close(lstm.step(inputs, (hidden,))[0], mixed)


def test_a_minlstm_whose_gates_are_both_shut_keeps_its_state() -> None:
    cell = some_cell("minlstm").float()
    with torch.no_grad():
        cell.bias_input[:8] = -1000.0
    state = (torch.randn(2, 4, dtype=torch.float32),)
    inputs = torch.randn(2, 5, 3, dtype=torch.float32).requires_grad_()
    outputs, after = cell(inputs, state)
    assert torch.equal(after[0], state[0])
    outputs.sum().backward()
    assert inputs.grad is not None
    assert all(p.grad.isfinite().all() for p in (inputs, *cell.parameters()) if p.grad is not None)


GATES = {
    "rnn": [],
    "lstm": ["input", "forget", "output"],
    "mlstm": ["input", "forget", "output"],
    "mogrifier": ["input", "forget", "output"],
    "gru": ["reset", "update"],
    "mingru": ["update"],
    "minlstm": ["update"],
    "qrnn": ["forget", "output"],
}


@pytest.mark.parametrize("name", NAMES)
def test_gates_are_those_that_the_step_uses(name: str) -> None:
    """Where there is a forget or an update gate, it says how the state is mixed."""
    cell, inputs = some_cell(name), torch.randn(2, 3)
    state = some_state(cell, 2)
    gates = cell.open_gates(inputs, state)
    assert list(gates) == GATES[name]
    assert all(((value > 0) & (value < 1)).all() for value in gates.values())
    leaves = tuple(part.clone().requires_grad_() for part in state)
    place = 1 if "input" in gates else 0
    output, after = cell.step(inputs, leaves)
    if "output" in gates:
        inside = torch.tanh(after[1]) if place else after[0]
        close(output, gates["output"] * inside)
    if name in ("mingru", "minlstm", "qrnn", "lstm", "mlstm", "mogrifier"):
        (slope,) = torch.autograd.grad(after[place].sum(), leaves[place])
        close(slope, gates["forget"] if "forget" in gates else 1 - gates["update"])


@pytest.mark.parametrize(("name", "chosen"), VARIANTS)
def test_a_cell_that_says_so_never_leaves_its_bounds(name: str, chosen: dict[str, int]) -> None:
    torch.manual_seed(0)
    cell = some_cell(name, chosen)
    first, *rest = some_state(cell, 8)
    state = (torch.tanh(first), *(5 * part for part in rest))
    outputs, (last, *_) = cell(30 * torch.randn(8, 20, 3), state)
    greatest = max(outputs.abs().max().item(), last.abs().max().item())
    assert (greatest <= 1.0) == cell.bounded
