"""What every engine promises for translators, over every kind of network."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from textrnn.config import (
    AttentionSettings,
    DecoderSettings,
    EncoderSettings,
    TranslationHeadSettings,
)
from textrnn.engines import FAMILY, Floats, Ids, State, TranslationEngine, open_engine
from textrnn.engines._onnx_translation import OnnxTranslationEngine
from textrnn.engines._sentences import Sentences
from textrnn.generation import pad_right
from textrnn.model_folder import (
    FolderContents,
    ModelFolder,
    find_model,
    open_model_folder,
    write_model_folder,
)
from textrnn.nn.attention import FAMILY as ATTENTIONS
from textrnn.recipe.exporting import make_graphs
from textrnn.tasks import state_tensors
from textrnn.tasks.translation import TranslationNetwork
from textrnn.tokenizers import EOS
from textrnn.tokenizers.byte import ByteTokenizer

V = ByteTokenizer().vocab_size
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    **{
        kind: ({}, {"attention": AttentionSettings(kind=kind)}, "output")
        for kind in ATTENTIONS.names()
    },
    "deep": (
        {"cell": "gru", "layers": 2, "residual": True, "layer_norm": True},
        {"layers": 2, "residual": True, "layer_norm": True},
        "none",
    ),
    "plain": (
        {"bidirectional": False, "hidden_size": 24},
        {"input_feeding": False, "bridge": False},
        "all",
    ),
}


@pytest.fixture(scope="session")
def make_translator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Model folders with random parameters, by the name of a network."""

    @cache
    def make(kind: str, precision: str | None = None) -> ModelFolder:
        first, second, tied = NETWORKS[kind]
        encoder = {"embedding_size": 20, "hidden_size": 12, "bidirectional": True} | first
        decoder = {"hidden_size": 24} | second
        torch.manual_seed(1)
        network = TranslationNetwork(
            EncoderSettings(**encoder),
            DecoderSettings(**decoder),
            TranslationHeadSettings(tied=tied),
            V,
            V,
        ).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        tensors = {name: value.numpy() for name, value in state_tensors(network).items()}
        sections = {
            "encoder": network.encoder.settings.model_dump(mode="json"),
            "decoder": network.decoder.settings.model_dump(mode="json"),
            "head": network.head_settings.model_dump(mode="json"),
            "source_vocab_size": V,
        }
        config = {"task": "translation", "network": sections, "languages": ["en", "de"]}
        extra: dict[str, Any] = {}
        if precision is not None:
            extra |= make_graphs(
                "translation", network, tensors, storage="float32", precision=precision
            ).files
        contents = FolderContents(config, tensors, ByteTokenizer(), "# A model for tests\n", extra)
        return write_model_folder(tmp_path_factory.mktemp("translators") / kind, contents)

    return make


ENGINES = {"torch": ("torch", None), "float32": ("onnx", "float32"), "int8": ("onnx", "int8")}


@pytest.fixture(scope="session", params=[(e, n) for e in ENGINES for n in NETWORKS], ids="-".join)
def engine(request: pytest.FixtureRequest, make_translator: Any) -> TranslationEngine:
    """Every engine on every kind of network."""
    label, kind = request.param
    name, precision = ENGINES[label]
    opened: Any = open_engine(
        make_translator(kind, precision), engine=name, device="cpu", threads=1
    )
    return opened  # type: ignore[no-any-return]


def close(left: Any, right: Any) -> None:
    np.testing.assert_allclose(left, right, atol=3e-5, rtol=1e-4)


def some_rows(*lengths: int) -> list[list[int]]:
    draw = np.random.default_rng(7)
    return [[*draw.integers(4, V, length - 1).tolist(), 3] for length in lengths]


def written(engine: TranslationEngine, source: list[int], words: list[int]) -> tuple[Floats, State]:
    """Logits and state after words, one sentence alone."""
    logits, state = engine.start(*pad_right([source]))
    for word in words:
        logits, state = engine.step(np.array([word]), state)
    return logits, state


def greedy(engine: TranslationEngine, sources: list[list[int]], steps: int = 12) -> Ids:
    logits, state = engine.start(*pad_right(sources))
    columns = [logits.argmax(1)]
    for _ in range(steps):
        logits, state = engine.step(columns[-1], state)
        columns.append(logits.argmax(1))
    return np.stack(columns, 1)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_graphs_of_before_that_take_lengths_still_run(
    make_translator: Any, tmp_path: Path, precision: str
) -> None:
    folder = make_translator("additive", precision)
    graphs = tmp_path / "onnx"
    shutil.copytree(folder.path / "onnx", graphs)
    model = onnx.load(graphs / "step.onnx", load_external_data=False)
    (mask,) = (value for value in model.graph.input if value.name == "mask")
    model.graph.input.remove(mask)
    lengths = onnx.helper.make_tensor_value_info("lengths", onnx.TensorProto.INT64, ["sentences"])
    model.graph.input.append(lengths)
    for name, value in {"nought": 0, "one": 1, "last": [1]}.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value), name))
    node = onnx.helper.make_node
    before = [
        node("Shape", ["keys"], ["sizes"]),
        node("Gather", ["sizes", "one"], ["width"]),
        node("Range", ["nought", "width", "one"], ["times"]),
        node("Unsqueeze", ["lengths", "last"], ["ends"]),
        node("Less", ["times", "ends"], ["mask"]),
    ]
    nodes = [*before, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    # And where the decoder looked came in the order of the rows.
    for one in model.graph.node:
        for names in (one.input, one.output):
            for place, name in enumerate(names):
                names[place] = "by_place" if name == "weights" else name
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1]), "any"))
    model.graph.node.extend(
        [
            node("Shape", ["by_place"], ["source.width"], start=2),
            node("Concat", ["any", "source.width"], ["flat.shape"], axis=0),
            node("Reshape", ["by_place", "flat.shape"], ["flat"]),
            node("Gather", ["flat", "places"], ["weights"]),
        ]
    )
    (weights,) = (value for value in model.graph.output if value.name == "weights")
    del weights.type.tensor_type.shape.dim[0]
    onnx.save(model, graphs / "step.onnx")
    old: Any = OnnxTranslationEngine(graphs, folder.parameters_sha256)
    new: Any = open_engine(folder, engine="onnx")
    sources, beam = some_rows(5, 1, 9), np.array([0, 2, 2, 2, 1])
    np.testing.assert_array_equal(greedy(old, sources), greedy(new, sources))
    looks = []
    for one in (old, new):
        _, state = one.start(*pad_right(sources))
        _, state = one.step(np.arange(5, 10), one.reorder(state, beam))
        looks.append(one.attention(one.reorder(state, np.array([3, 0, 4]))))
    np.testing.assert_array_equal(*looks)


def test_it_says_who_it_is(engine: TranslationEngine) -> None:
    assert engine.vocab_size == V
    assert engine.name in FAMILY.names()


def test_a_padded_row_is_that_row_alone(engine: TranslationEngine) -> None:
    sources = some_rows(5, 1, 9)
    logits, state = engine.start(*pad_right(sources))
    assert logits.shape == (3, V)
    assert logits.dtype == np.float32
    for words in ([4, 5, 6], [7, 8, 9]):
        logits, state = engine.step(np.array(words), state)
    weights = engine.attention(state)
    assert weights.shape == (3, 9)
    assert weights.dtype == np.float32
    close(weights.sum(1), np.ones(3))
    for row, source in enumerate(sources):
        alone, alone_state = written(engine, source, [4 + row, 7 + row])
        close(logits[row], alone[0])
        close(weights[row, : len(source)], engine.attention(alone_state)[0])
        assert not weights[row, len(source) :].any()


def test_greedy_texts_do_not_depend_on_the_batch(engine: TranslationEngine) -> None:
    sources = some_rows(*(2 + row % 7 for row in range(24)))
    together = greedy(engine, sources)
    for row, source in enumerate(sources):
        np.testing.assert_array_equal(greedy(engine, [source])[0], together[row])


def test_a_step_leaves_the_state_it_was_given(engine: TranslationEngine) -> None:
    _, state = engine.start(*pad_right(some_rows(3, 4)))
    weights = engine.attention(state).copy()
    first, _ = engine.step(np.array([5, 6]), state)
    engine.reorder(state, np.array([1]))
    again, _ = engine.step(np.array([5, 6]), state)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(engine.attention(state), weights)


def test_reordered_rows_go_on_as_those_rows(engine: TranslationEngine) -> None:
    """A beam search widens, mixes hypotheses of a sentence, and loses sentences as they end."""
    sources = some_rows(3, 8, 2, 5, 6)
    logits, state = engine.start(*pad_right(sources))
    history = [(row, []) for row in range(len(sources))]
    moves = [
        [0, 1, 1, 1, 2, 3, 3, 4],
        [0, 2, 1, 1, 4, 6, 5, 7],
        [7, 3, 2, 0, 2],
        [1, 2, 3],
        [0, 0, 1],
        [2],
    ]
    for time, move in enumerate(moves):
        rows = np.array(move)
        state = engine.reorder(state, rows)
        words = [4 + (5 * row + time) % 90 for row in range(len(rows))]
        history = [
            (history[row][0], [*history[row][1], word])
            for row, word in zip(move, words, strict=True)
        ]
        logits, state = engine.step(np.array(words), state)
        weights = engine.attention(state)
        assert weights.shape == (len(rows), 8)
        for row, (sentence, text) in enumerate(history):
            alone, alone_state = written(engine, sources[sentence], text)
            close(logits[row], alone[0])
            length = len(sources[sentence])
            close(weights[row, :length], engine.attention(alone_state)[0])
            assert not weights[row, length:].any()
    np.testing.assert_array_equal(engine.attention(engine.reorder(state, np.array([0]))), weights)


def test_attention_is_reordered_with_its_rows(engine: TranslationEngine) -> None:
    _, state = engine.start(*pad_right(some_rows(3, 8, 5)))
    _, state = engine.step(np.array([4, 5, 6]), engine.reorder(state, np.array([0, 1, 2])))
    weights = engine.attention(state)
    for rows in ([2, 0, 1], [1, 1], [2]):
        moved = engine.reorder(state, np.array(rows))
        np.testing.assert_array_equal(engine.attention(moved), weights[rows])


def test_scores_are_the_log_probabilities_of_steps(engine: TranslationEngine) -> None:
    sources = some_rows(4, 7, 2, 3)
    targets = [[2, 9, 8, 7, 3], [2], [2, 5, 3], [2, 11, 12, 13, 14, 15, 3]]
    found = engine.score(*pad_right(sources), *pad_right(targets))
    assert found.shape == (4, 7)
    assert found.dtype == np.float32
    for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
        assert found[row, 0] == 0
        assert not found[row, len(target) :].any()
        for time in range(1, len(target)):
            logits = written(engine, source, target[1:time])[0][0].astype(np.float64)
            close(found[row, time], logits[target[time]] - np.log(np.exp(logits).sum()))


@pytest.mark.parametrize("kind", NETWORKS)
def test_onnx_is_torch(kind: str, make_translator: Any) -> None:
    sources = some_rows(4, 9, 1)
    found = {}
    for label, (name, precision) in ENGINES.items():
        opened: Any = open_engine(make_translator(kind, precision), engine=name, device="cpu")
        logits, state = opened.start(*pad_right(sources))
        for words in ([5, 6, 7], [8, 9, 10]):
            logits, state = opened.step(np.array(words), state)
        found[label] = logits, opened.attention(state)
    for left, right in zip(found["float32"], found["torch"], strict=True):
        np.testing.assert_allclose(left, right, atol=1e-4)
    for left, right in zip(found["int8"], found["torch"], strict=True):
        assert np.abs(left - right).max() < 0.1 * np.abs(right).max()


def test_nothing_is_remembered_of_shapes(make_translator: Any) -> None:
    """A kilobyte of every shape there was is a hundred megabytes after 100,000 lines."""
    folder = make_translator(next(iter(NETWORKS)), "int8")
    engine: Any = open_engine(folder, engine="onnx", device="cpu")
    for session in (engine._step, engine._encoder):
        assert not session.get_session_options().enable_mem_pattern


def test_a_sentence_is_the_same_to_the_bit_beside_any_others() -> None:
    """Whatever their lengths, and however many hypotheses each has."""
    folder = open_model_folder(find_model("en-de"))
    engine: Any = open_engine(folder, engine="onnx")
    draw = np.random.default_rng(0)
    sources = [[*draw.integers(4, folder.vocab_size, 1 + n % 23), EOS] for n in range(40)]
    beam = np.arange(len(sources)).repeat(np.arange(len(sources)) % 3 + 1)
    said = draw.integers(4, folder.vocab_size, (40, len(beam)))
    _, state = engine.start(*pad_right(sources))
    state = engine.reorder(state, beam)
    together = []
    for ids in said:
        logits, state = engine.step(ids, state)
        together.append((logits, engine.attention(state)))
    for sentence, source in enumerate(sources):
        (rows,) = (beam == sentence).nonzero()
        _, state = engine.start(*pad_right([source]))
        state = engine.reorder(state, np.zeros(len(rows), np.int64))
        for ids, (wanted, looks) in zip(said, together, strict=True):
            logits, state = engine.step(ids[rows], state)
            np.testing.assert_array_equal(logits, wanted[rows])
            alone = engine.attention(state)
            assert alone.shape == (len(rows), len(source))
            np.testing.assert_array_equal(alone, looks[rows, : len(source)])
    assert len(Sentences.of_rows(np.array([0]), 1).rows[0]) == 2  # one is summed in another order
