"""What every engine promises, over every kind of network; and how one is chosen."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from textrnn.config import EncoderSettings, LanguageModelHeadSettings
from textrnn.engines import AUTO, FAMILY, Engine, check_device, open_engine
from textrnn.errors import EngineError, UnknownNameError, UsageError
from textrnn.export import export_network
from textrnn.generation import pad_right
from textrnn.model_folder import FolderContents, ModelFolder, write_model_folder
from textrnn.model_folder.weights import encode_weights
from textrnn.nn.cells import FAMILY as CELLS
from textrnn.tasks.language_modeling import LanguageModeling, LanguageModelNetwork
from textrnn.tokenizers.byte import ByteTokenizer

V = ByteTokenizer().vocab_size
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{cell: ({"cell": cell, "layers": 2}, {}) for cell in CELLS.names()},
    "residual": ({"layers": 3, "residual": True, "layer_norm": True}, {"tied": False}),
    "narrow": ({"output_size": 6, "layers": 2}, {}),
    "adaptive": ({"hidden_size": 64}, {"tied": False, "cutoffs": [50, 120]}),
}


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Model folders with random parameters, by the name of a network."""

    @cache
    def make(kind: str, precision: str | None = None) -> ModelFolder:
        layers, output = NETWORKS[kind]
        encoder = EncoderSettings(**{"embedding_size": 8, "hidden_size": 8, **layers})
        head = LanguageModelHeadSettings(**output)
        torch.manual_seed(1)
        network = LanguageModelNetwork(encoder, head, V)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        named = network.state_dict(keep_vars=True).items()
        first: dict[int, str] = {}
        tensors = {n: t.detach().numpy() for n, t in named if first.setdefault(id(t), n) == n}
        sections = {
            "encoder": encoder.model_dump(mode="json"),
            "head": head.model_dump(mode="json"),
        }
        config = {"task": "language_modeling", "network": sections}
        extra: dict[str, Any] = {}
        if precision is not None:
            sha256 = hashlib.sha256(encode_weights(tensors, "float32")).hexdigest()
            extra |= export_network(
                LanguageModeling, network, parameters_sha256=sha256, precision=precision
            ).files
        contents = FolderContents(config, tensors, ByteTokenizer(), "# A model for tests\n", extra)
        return write_model_folder(tmp_path_factory.mktemp("folders") / kind, contents)

    return make


ENGINES = {name: (name, "float32") for name in FAMILY.names()} | {"int8": ("onnx", "int8")}


@pytest.fixture(params=[(e, n) for e in ENGINES for n in NETWORKS], ids="-".join)
def engine(request: pytest.FixtureRequest, make_folder: Any) -> Engine:
    """Every engine on every kind of network."""
    label, kind = request.param
    name, precision = ENGINES[label]
    folder = make_folder(kind, precision)
    if FAMILY.get(name).refusal(folder, "cpu") is not None:
        pytest.skip(f"the {name} engine does not run this folder")
    return open_engine(folder, engine=name, device="cpu", threads=1)


def close(left: Any, right: Any) -> None:
    np.testing.assert_allclose(left, right, atol=2e-5, rtol=1e-4)


def some_rows(*lengths: int) -> list[list[int]]:
    draw = np.random.default_rng(7)
    return [[2, *draw.integers(4, V, length - 1).tolist()] for length in lengths]


def after(engine: Engine, ids: list[int]) -> tuple[Any, Any]:
    """Logits and state after ids, read one at a time."""
    logits, state = engine.start(*pad_right([ids[:1]]))
    for token in ids[1:]:
        logits, state = engine.step(np.array([token]), state)
    return logits, state


def same_state(engine: Engine, left: Any, right: Any) -> None:
    arrays = engine.state_arrays(left), engine.state_arrays(right)
    assert arrays[0].keys() == arrays[1].keys()
    for name in arrays[0]:
        close(arrays[0][name], arrays[1][name])


def test_it_says_who_it_is(engine: Engine) -> None:
    assert engine.vocab_size == V
    assert engine.name in FAMILY.names()


def test_start_is_repeated_steps_and_a_padded_row_is_that_row_alone(engine: Engine) -> None:
    rows = some_rows(5, 1, 9)
    logits, state = engine.start(*pad_right(rows))
    assert logits.shape == (3, V)
    assert logits.dtype == np.float32
    for place, row in enumerate(rows):
        alone, alone_state = after(engine, row)
        close(logits[place], alone[0])
        same_state(engine, engine.reorder(state, np.array([place])), alone_state)


def test_start_goes_on_from_a_state(engine: Engine) -> None:
    rows = some_rows(6, 4)
    _, begun = engine.start(*pad_right([row[:3] for row in rows]))
    logits, state = engine.start(*pad_right([row[3:] for row in rows]), begun)
    whole, whole_state = engine.start(*pad_right(rows))
    close(logits, whole)
    same_state(engine, state, whole_state)


def test_a_step_leaves_the_state_it_was_given(engine: Engine) -> None:
    _, state = engine.start(*pad_right(some_rows(3, 3)))
    before = {name: array.copy() for name, array in engine.state_arrays(state).items()}
    first, _ = engine.step(np.array([5, 6]), state)
    again, _ = engine.step(np.array([5, 6]), state)
    np.testing.assert_array_equal(first, again)
    for name, array in engine.state_arrays(state).items():
        np.testing.assert_array_equal(array, before[name])


def test_reordered_rows_go_on_as_those_rows(engine: Engine) -> None:
    _, state = engine.start(*pad_right(some_rows(3, 5, 2)))
    logits, _ = engine.step(np.array([9, 8, 7]), state)
    moved, _ = engine.step(np.array([7, 9, 7]), engine.reorder(state, np.array([2, 0, 2])))
    close(moved, logits[[2, 0, 2]])


def test_scores_are_the_log_probabilities_of_steps(engine: Engine) -> None:
    rows = some_rows(7, 1, 4)
    ids, lengths = pad_right(rows)
    log_probs, state = engine.score(ids, lengths)
    assert log_probs.shape == ids.shape
    assert log_probs.dtype == np.float32
    for place, row in enumerate(rows):
        assert log_probs[place, 0] == 0
        assert not log_probs[place, len(row) :].any()
        for t in range(1, len(row)):
            logits, _ = after(engine, row[:t])
            exact = logits[0] - np.log(np.exp(logits[0].astype(np.float64)).sum())
            close(log_probs[place, t], exact[row[t]])
        if len(row) > 1:
            same_state(engine, engine.reorder(state, np.array([place])), after(engine, row[:-1])[1])


def test_a_text_may_be_scored_in_parts(engine: Engine) -> None:
    (row,) = some_rows(9)
    whole, _ = engine.score(*pad_right([row]))
    first, state = engine.score(*pad_right([row[:4]]))
    rest, _ = engine.score(*pad_right([row[3:]]), state)
    close(np.concatenate([first[:, 1:], rest[:, 1:]], axis=1), whole[:, 1:])


def test_a_long_text_is_read_and_scored_a_window_at_a_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = some_rows(70, 3, 40)
    whole, scores = engine.start(*pad_right(rows)), engine.score(*pad_right(rows))
    for name in FAMILY.names():
        monkeypatch.setattr(f"textrnn.engines.{name}._READ_AT_ONCE", 48)  # sixteen tokens a row
    parts, part_scores = engine.start(*pad_right(rows)), engine.score(*pad_right(rows))
    close(parts[0], whole[0])
    same_state(engine, parts[1], whole[1])
    close(part_scores[0], scores[0])
    same_state(engine, part_scores[1], scores[1])


def test_a_state_comes_back_from_its_arrays_bit_for_bit(engine: Engine) -> None:
    _, state = engine.start(*pad_right(some_rows(4, 2)))
    arrays = engine.state_arrays(state)
    assert all(array.shape[0] == 2 for array in arrays.values())
    logits, _ = engine.step(np.array([8, 9]), state)
    again, _ = engine.step(np.array([8, 9]), engine.state_from_arrays(arrays))
    np.testing.assert_array_equal(again, logits)


def test_arrays_that_are_no_state_are_refused(engine: Engine) -> None:
    _, state = engine.start(*pad_right(some_rows(4, 2)))
    arrays = engine.state_arrays(state)
    name = next(iter(arrays))
    for wrong in (
        {},
        {**arrays, "9.9": arrays[name]},
        {**arrays, name: arrays[name].astype(np.float64)},
        {**arrays, name: arrays[name][:, :-1]},
        {**arrays, name: arrays[name][0]},
    ):
        with pytest.raises(EngineError, match="the arrays are not a state"):
            engine.state_from_arrays(wrong)
    if len(arrays) > 1:
        with pytest.raises(EngineError, match="not a state: they differ in their number of rows"):
            engine.state_from_arrays({**arrays, name: arrays[name][:1]})


def test_threads_are_put_back(make_folder: Any) -> None:
    before = torch.get_num_threads()
    most = os.cpu_count() or 1
    engine = open_engine(make_folder("gru"), engine="torch", device="cpu", threads=most)
    engine.start(*pad_right(some_rows(3)))
    assert torch.get_num_threads() == before
    with pytest.raises(IndexError):
        engine.reorder(engine.start(*pad_right(some_rows(3)))[1], np.array([5]))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [0, -1, 10_000, 1.5, True, "2"])
def test_a_number_of_threads_the_machine_has_not_is_refused(threads: Any) -> None:
    message = rf"threads is {threads!r}: give a whole number from 1 to \d+, the processors"
    with pytest.raises(UsageError, match=message):
        open_engine(folder(), threads=threads)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU", "", None, 0])
def test_an_unknown_device_is_refused(device: Any) -> None:
    with pytest.raises(UsageError, match=f"no device {device!r} .known: auto, cpu, cuda, cuda:N"):
        open_engine(folder(), device=device)


def test_every_known_device_is_a_device() -> None:
    for device in ("auto", "cpu", "cuda", "cuda:0", "cuda:12", "mps"):
        check_device(device)


def folder(**config: Any) -> Any:
    return SimpleNamespace(path=Path("runs/model"), vocab_size=9, **config)


def test_an_unknown_engine_names_the_closest() -> None:
    with pytest.raises(UnknownNameError, match=r"no engine 'troch'.*did you mean 'torch'\?"):
        open_engine(folder(), engine="troch")
    for wrong in (None, 5):
        with pytest.raises(
            UnknownNameError, match=rf"no engine {wrong} \(known: auto, onnx, torch"
        ):
            open_engine(folder(), engine=wrong)  # type: ignore[arg-type]


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(EngineError, match=r"runs/model cannot run on device 'cuda:99' \(.*torch: "):
        open_engine(folder(), device="cuda:99")
    if not torch.backends.mps.is_available():
        with pytest.raises(EngineError, match=r"'mps' \(torch: PyTorch finds no Apple GPU here\)"):
            open_engine(folder(), device="mps", engine="torch")


class Chosen:
    """An engine for the tests of the choice."""

    def __init__(self, refusal: str | None) -> None:
        self._refusal = refusal

    def refusal(self, folder: Any, device: str) -> str | None:
        return self._refusal

    def open(self, folder: Any, *, device: str, threads: int | None) -> Any:
        return self, device, threads


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("reason", [None, "it has no graphs"])
def test_auto_takes_the_first_that_is_here_and_does_not_refuse(
    here: bool, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = {"torch": Chosen(None)} | ({"onnx": Chosen(reason)} if here else {})
    monkeypatch.setattr(FAMILY, "names", lambda: tuple(sorted(entries)))
    monkeypatch.setattr(FAMILY, "get", entries.get)
    wanted = entries["onnx" if here and reason is None else "torch"]
    opened: Any = open_engine(folder(), device="cpu", threads=1)
    assert opened == (wanted, "cpu", 1)
    if here and reason:
        message = r"cannot run on device 'cpu' \(onnx: it has no graphs\)"
        with pytest.raises(EngineError, match=message):
            open_engine(folder(), engine="onnx", device="cpu")


def test_auto_tries_known_engines_and_torch_at_last() -> None:
    assert AUTO[-1] == "torch"
    assert "torch" in FAMILY.names()
