"""The language model's network, its loss, its scores, and the way back from a folder."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.config import EncoderSettings, LanguageModelHeadSettings, TrainingSettings
from textrnn.data import IGNORE, Corpus
from textrnn.errors import ModelFolderError
from textrnn.model_folder import FolderContents, ModelFolder, open_model_folder, write_model_folder
from textrnn.nn import cells
from textrnn.tasks import FAMILY, network_from_folder
from textrnn.tasks._base import state_tensors
from textrnn.tasks.language_modeling import (
    LanguageModeling,
    LanguageModelNetwork,
    evaluate_corpus,
)
from textrnn.tokenizers.byte import ByteTokenizer

V = ByteTokenizer().vocab_size
HEADS: dict[str, dict[str, Any]] = {
    "tied": {},
    "own": {"tied": False},
    "adaptive": {"tied": False, "cutoffs": (50, 100)},
}
every_head = pytest.mark.parametrize("head", HEADS)
every_cell = pytest.mark.parametrize("cell", cells.FAMILY.names())


def some_network(head: str = "tied", cell: str = "lstm", **given: Any) -> LanguageModelNetwork:
    torch.manual_seed(0)
    sizes = {"embedding_size": 12, "hidden_size": 16, "layers": 2}
    encoder = EncoderSettings(cell=cell, **sizes | given)
    return LanguageModelNetwork(encoder, LanguageModelHeadSettings(**HEADS[head]), V).eval()


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """A hundred random ids."""
    ids = np.random.default_rng(0).integers(4, V, 101).astype(np.uint16)
    path = tmp_path / "corpus.ids"
    ids.tofile(path)
    return Corpus(path, "uint16", "random", len(ids), bytes=80, words=20, lines=3, unknown=0)


def some_task(network: LanguageModelNetwork, corpus: Corpus, **given: Any) -> LanguageModeling:
    training = TrainingSettings(**{"steps": 1, "batch_size": 4, "bptt": 5} | given)
    return LanguageModeling(network, training, lambda epoch: corpus, corpus)


@every_head
@every_cell
def test_reading_stepping_and_scoring_agree(cell: str, head: str) -> None:
    network = some_network(head, cell)
    ids = torch.randint(V, (3, 6))
    hidden, after = network.encode(ids)
    state = network.initial_state(3)
    for time in range(6):
        stepped, state = network.step(ids[:, time], state)
        torch.testing.assert_close(hidden[:, time], stepped)
    torch.testing.assert_close(after, state)
    logits = network.logits(hidden)
    assert logits.shape == (3, 6, V)
    assert logits.dtype == torch.float32
    expected = logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(network.log_probs(hidden, ids), expected)
    flat = network.log_probs(hidden.flatten(0, 1), ids.flatten())
    torch.testing.assert_close(flat, expected.flatten())
    assert network.log_probs(hidden[0, :0], ids[0, :0]).shape == (0,)


@every_head
def test_the_loss_is_summed_over_real_targets(head: str) -> None:
    network = some_network(head)
    ids, targets = torch.randint(V, (2, 5)), torch.randint(V, (2, 5))
    targets[1, 3:] = IGNORE
    loss = network(ids, targets, None)
    logits = network.logits(network.encode(ids)[0])
    expected = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=IGNORE
    )
    torch.testing.assert_close(loss.total, expected)
    assert loss.penalty.item() == 0.0


def test_regularisation_is_of_training_only(corpus: Corpus) -> None:
    """AR on the outputs after dropout, TAR on their change before it."""
    network = some_network(output_dropout=0.5)
    some_task(network, corpus, activation_regularization=2.0, temporal_regularization=3.0)
    ids, targets = torch.randint(V, (2, 5)), torch.randint(V, (2, 5))
    assert network(ids, targets, None).penalty.item() == 0.0
    network.train()
    raw, _ = network.encode(ids)
    torch.manual_seed(1)
    dropped = network.output_dropout(raw)
    torch.manual_seed(1)
    penalty = network(ids, targets, None).penalty
    change = raw[:, 1:] - raw[:, :-1]
    torch.testing.assert_close(penalty, 2 * dropped.pow(2).mean() + 3 * change.pow(2).mean())
    assert network(ids[:, :1], targets[:, :1], None).penalty.isfinite()


def nats(network: LanguageModelNetwork, ids: Tensor) -> float:
    """What a text costs, its first token given, all before each token being known."""
    log_probs = network.logits(network.encode(ids[None, :-1])[0])[0].double().log_softmax(-1)
    return -log_probs.gather(1, ids[1:, None]).sum().item()


@every_head
@pytest.mark.parametrize("rows", [1, 4, 1000])
def test_the_scores_are_those_of_reading_token_by_token(
    head: str, rows: int, corpus: Corpus
) -> None:
    network = some_network(head)
    scores = evaluate_corpus(network, corpus, rows, bptt=7)
    ids = torch.from_numpy(corpus.ids().astype(np.int64))
    length = math.ceil(100 / min(rows, 100))
    pieces = [ids[start : start + length + 1] for start in range(0, 100, length)]
    total = sum(nats(network, piece) for piece in pieces)
    assert scores == pytest.approx(
        {
            "loss": total / 100,
            "perplexity": math.exp(total / 100),
            "word_perplexity": math.exp(total / 20),
            "bits_per_byte": total / math.log(2) / 80,
            "tokens": 100,
            "words": 20,
            "bytes": 80,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("training", [False, True])
def test_scoring_leaves_the_network_as_it_was(
    training: bool, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = some_network(dropout=0.5, output_dropout=0.5).train(training)
    first, second = (evaluate_corpus(network, corpus, 2) for _ in range(2))
    assert first == second
    assert network.training is training
    assert all(parameter.grad is None for parameter in network.parameters())
    monkeypatch.setattr(network.head, "loss", lambda hidden, targets: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division"):
        evaluate_corpus(network, corpus, 2)
    assert network.training is training


@every_head
def test_every_parameter_is_in_one_group(head: str, corpus: Corpus) -> None:
    network = some_network(head, layer_norm=True)
    groups = some_task(network, corpus).groups()
    listed = [id(parameter) for group in groups for parameter in group]
    assert sorted(listed) == sorted(id(parameter) for parameter in network.parameters())
    assert len(groups) == 3
    last, first = network.encoder.layers[1], network.encoder.layers[0]
    assert {id(parameter) for parameter in last.parameters()} < {id(p) for p in groups[1]}
    assert {id(parameter) for parameter in first.parameters()} < {id(p) for p in groups[2]}


def test_batches_begin_where_they_are_asked_to(corpus: Corpus) -> None:
    task = some_task(some_network(), corpus)
    whole = list(task.batches(0, 0))
    assert len(whole) == task.batches_an_epoch() == 5
    for start in range(6):
        part = list(task.batches(0, start))
        assert [each.ids.tolist() for each in part] == [each.ids.tolist() for each in whole[start:]]
    ids, targets = task.inputs(whole[0], torch.device("cpu"))
    assert torch.equal(ids[:, 1:], targets[:, :-1])


def test_each_epoch_may_have_a_corpus_of_its_own(corpus: Corpus) -> None:
    asked: list[int] = []

    def train(epoch: int) -> Corpus:
        asked.append(epoch)
        return corpus

    task = LanguageModeling(some_network(), TrainingSettings(steps=1, batch_size=2, bptt=5), train)
    for epoch in range(3):
        list(islice(task.batches(epoch, 0), 1))
    assert asked == [0, 1, 2]
    assert task.evaluate() is None


# From a folder and back


def stored(network: LanguageModelNetwork, corpus: Corpus, path: Path) -> ModelFolder:
    tensors = {name: value.numpy() for name, value in state_tensors(network).items()}
    config = {
        "task": "language_modeling",
        "network": some_task(network, corpus).network_settings(),
    }
    contents = FolderContents(config=config, tensors=tensors, tokenizer=ByteTokenizer(), card="")
    return write_model_folder(path, contents)


@every_head
@every_cell
def test_a_network_comes_back_from_its_folder(
    cell: str, head: str, corpus: Corpus, tmp_path: Path
) -> None:
    network = some_network(head, cell, layer_norm=True, output_size=10 if head == "tied" else 16)
    folder = stored(network, corpus, tmp_path / "model")
    again = network_from_folder(open_model_folder(folder.path))
    assert isinstance(again, LanguageModelNetwork)
    assert not again.training
    ids = torch.randint(V, (2, 5))
    logits = [each.logits(each.encode(ids)[0]) for each in (network, again)]
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=0)


def test_a_tied_weight_is_stored_once_and_is_one_again(corpus: Corpus, tmp_path: Path) -> None:
    folder = stored(some_network(), corpus, tmp_path / "model")
    shapes = folder.tensor_shapes()
    assert shapes["encoder.embedding.weight"] == (V, 12)
    assert [name for name, shape in shapes.items() if shape == (V, 12)] == [
        "encoder.embedding.weight"
    ]
    again: Any = network_from_folder(folder)
    assert again.head.weight is again.encoder.embedding.weight


Edit = Callable[[dict[str, Any]], object]
DAMAGE: dict[str, tuple[Edit, str]] = {
    "a part is missing": (
        lambda network: network.pop("head"),
        "config.json: the network has encoder, not encoder, head",
    ),
    "a part too many": (
        lambda network: network.update(decoder={}),
        "config.json: the network has decoder, encoder, head, not encoder, head",
    ),
    "an unknown key": (
        lambda network: network["encoder"].update(depth=3),
        "config.json: network.encoder: unknown key depth",
    ),
    "a wrong type": (
        lambda network: network["encoder"].update(layers="many"),
        "config.json: network.encoder: layers is 'many'",
    ),
    "an unknown cell": (
        lambda network: network["encoder"].update(cell="lsmt"),
        r"model: no cell 'lsmt' \(known: .*; did you mean 'lstm'",
    ),
    "cutoffs beyond the vocabulary": (
        lambda network: network["head"].update(cutoffs=[10**6], tied=False),
        "model: head.cutoffs: 1000000 lies beyond the vocabulary of 260 ids",
    ),
    "another cell": (
        lambda network: network["encoder"].update(cell="gru"),
        r"model.safetensors does not fit config.json: encoder.layers.0.0.bias_hidden has shape "
        r"\(64,\), the network wants \(48,\)",
    ),
    "a layer more": (
        lambda network: network["encoder"].update(layers=3),
        r"encoder.layers.2.0.bias_hidden has shape none, the network wants \(64,\)",
    ),
    "a layer less": (
        lambda network: network["encoder"].update(layers=1),
        r"encoder.layers.1.0.bias_hidden has shape \(64,\), the network wants none",
    ),
    "more than any memory": (
        lambda network: network["encoder"].update(hidden_size=65_536, layers=64),
        r"the network wants \(262144,\)",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_does_not_fit_itself_is_refused(
    damage: str, corpus: Corpus, tmp_path: Path
) -> None:
    """Before anything is allocated."""
    folder = stored(some_network(), corpus, tmp_path / "model")
    change, message = DAMAGE[damage]
    config = json.loads((folder.path / "config.json").read_text())
    change(config["network"])
    (folder.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match=message):
        network_from_folder(open_model_folder(folder.path))


def test_a_folder_of_an_unknown_task_is_refused(toy_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task": "summarising"}))
    with pytest.raises(ModelFolderError, match=r"no task 'summarising' \(known: classification"):
        network_from_folder(open_model_folder(folder))


def test_a_language_model_that_says_it_translates_is_refused(translator: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"network.source_vocab_size is None, not a number"):
        network_from_folder(open_model_folder(translator))


@pytest.mark.parametrize("name", FAMILY.names())
def test_a_task_says_by_what_weights_are_the_best(name: str) -> None:
    assert FAMILY.get(name).criterion
