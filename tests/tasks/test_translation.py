"""Translation: the network, its loss, its scores, its way into a folder and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.config import (
    DecoderSettings,
    EncoderSettings,
    TranslationHeadSettings,
    TranslationTrainingSettings,
)
from textrnn.data import IGNORE, PairBatch
from textrnn.errors import ModelFolderError, UsageError
from textrnn.model_folder import FolderContents, ModelFolder, open_model_folder, write_model_folder
from textrnn.nn import attention, cells, select_rows
from textrnn.tasks import network_from_folder, state_tensors
from textrnn.tasks._greedy import greedy
from textrnn.tasks.translation import (
    Translation,
    TranslationNetwork,
    ValidationPairs,
    evaluate_pairs,
)
from textrnn.tokenizers.byte import ByteTokenizer
from textrnn.training import Trainer, make_accelerator
from textrnn.training.events import Evaluated, Finished, StepDone

V = ByteTokenizer().vocab_size
every_cell = pytest.mark.parametrize("cell", cells.FAMILY.names())
every_kind = pytest.mark.parametrize("kind", attention.FAMILY.names())
every_pair = pytest.mark.parametrize(  # each cell once, each attention once
    ("cell", "kind"),
    sorted(
        {
            *((cell, "additive") for cell in cells.FAMILY.names()),
            *(("gru", kind) for kind in attention.FAMILY.names()),
        }
    ),
)
every_head = pytest.mark.parametrize("tied", ["none", "output", "all"])
Rows = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Made:
    """Batches that are there already."""

    made: Sequence[PairBatch]

    def __len__(self) -> int:
        return len(self.made)

    def batch(self, index: int) -> PairBatch:
        return self.made[index]


def padded(rows: Rows, value: int) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])


def pairs_of(sources: Rows, targets: Rows) -> PairBatch:
    return PairBatch(
        source=padded([[*row, 3] for row in sources], 0),
        source_lengths=torch.tensor([len(row) + 1 for row in sources]),
        ids=padded([[2, *row] for row in targets], 0),
        targets=padded([[*row, 3] for row in targets], IGNORE),
        tokens=sum(len(row) + 1 for row in targets),
    )


def some_pairs(seed: int = 0, rows: int = 4) -> PairBatch:
    torch.manual_seed(seed)
    sides = [[torch.randint(4, V, (2 + row % 3,)).tolist() for row in range(rows)] for _ in "st"]
    return pairs_of(*sides)


def some_network(
    cell: str = "gru", kind: str = "additive", tied: str = "output", **given: Any
) -> TranslationNetwork:
    torch.manual_seed(0)
    encoder = EncoderSettings(
        **{"cell": cell, "embedding_size": 12, "hidden_size": 8, "bidirectional": True}
        | given.get("encoder", {})
    )
    decoder = DecoderSettings(
        **{"cell": cell, "hidden_size": 16, "attention": {"kind": kind}} | given.get("decoder", {})
    )
    head = TranslationHeadSettings.model_validate({"tied": tied})
    sizes = given.get("source_vocab_size", V), given.get("vocab_size", V)
    return TranslationNetwork(encoder, decoder, head, *sizes).eval()


def some_task(network: TranslationNetwork, **given: Any) -> Translation:
    training = TranslationTrainingSettings(**{"steps": 1} | given)
    return Translation(network, training, lambda epoch: Made([some_pairs(epoch)]))


def arguments(batch: PairBatch) -> tuple[Tensor, ...]:
    return batch.source, batch.source_lengths, batch.ids, batch.targets


@every_pair
def test_decoding_is_repeated_steps_from_encodings(cell: str, kind: str) -> None:
    network, batch = some_network(cell, kind), some_pairs()
    memory, first = network.encode(batch.source, batch.source_lengths)
    hidden, weights, after = network.decode(batch.ids, first, memory)
    state = first
    for time in range(batch.ids.shape[1]):
        stepped, weight, state = network.step(batch.ids[:, time], state, memory)
        torch.testing.assert_close(hidden[:, time], stepped)
        torch.testing.assert_close(weights[:, time], weight)
    torch.testing.assert_close(after, state)
    logits = network.logits(hidden)
    assert logits.dtype == torch.float32
    expected = logits.log_softmax(-1).gather(-1, batch.ids.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(network.log_probs(hidden, batch.ids), expected)


@every_pair
def test_a_pair_alone_is_that_pair_in_a_padded_batch(cell: str, kind: str) -> None:
    network, batch = some_network(cell, kind), some_pairs()
    memory, first = network.encode(batch.source, batch.source_lengths)
    hidden, _, _ = network.decode(batch.ids, first, memory)
    for row in range(4):
        length = int(batch.source_lengths[row])
        one = slice(row, row + 1)
        alone, start = network.encode(batch.source[one, :length], batch.source_lengths[one])
        torch.testing.assert_close(start, select_rows(first, torch.tensor([row])))
        torch.testing.assert_close(network.decode(batch.ids[one], start, alone)[0][0], hidden[row])


@every_head
@pytest.mark.parametrize("training", [False, True])
def test_the_loss_is_summed_over_real_targets(tied: str, training: bool) -> None:
    """And smoothed in training alone."""
    network, batch = some_network(tied=tied).train(training), some_pairs()
    network.label_smoothing = 0.2
    loss = network(*arguments(batch))
    memory, first = network.encode(batch.source, batch.source_lengths)
    logits = network.logits(network.decode(batch.ids, first, memory)[0])
    expected = F.cross_entropy(
        logits.flatten(0, 1),
        batch.targets.flatten(),
        reduction="sum",
        ignore_index=IGNORE,
        label_smoothing=0.2 if training else 0.0,
    )
    torch.testing.assert_close(loss.total, expected)
    assert loss.penalty.item() == 0.0
    assert loss.state == ()


def test_words_are_dropped_on_both_sides_in_training_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, batch = some_network(), some_pairs()
    some_task(network, word_dropout=0.5)
    read: list[Tensor] = []
    for part in (network.encoder, network.decoder):
        embed = part.embedding.forward  # type: ignore[union-attr]

        def spy(ids: Tensor, embed: Callable[[Tensor], Tensor] = embed) -> Tensor:
            read.append(ids)
            return embed(ids)

        monkeypatch.setattr(part.embedding, "forward", spy)
    network(*arguments(batch))
    assert torch.equal(read[0], batch.source)
    assert torch.equal(read[1], batch.ids)
    network.train()(*arguments(batch))
    for found, given in zip(read[2:], (batch.source, batch.ids), strict=True):
        assert set(found[found != given].tolist()) == {1}


@every_cell
def test_the_gradient_reaches_the_encoder_by_the_bridge_and_by_attention(cell: str) -> None:
    for bridge, fixed in ((True, True), (False, False)):
        network = some_network(cell, decoder={"bridge": bridge})
        batch = some_pairs()
        memory, first = network.encode(batch.source, batch.source_lengths)
        if fixed:  # what attention reads does not learn: the bridge alone is left
            memory = memory._replace(memory=memory.memory.detach(), keys=memory.keys.detach())
        network.decode(batch.ids, first, memory)[0].sin().sum().backward()
        for encoder_cell in network.encoder.cells():
            grad = encoder_cell.weight_input.grad
            assert grad is not None
            assert grad.any()


def test_without_a_bridge_the_decoder_begins_with_zeros() -> None:
    network, batch = some_network("lstm", decoder={"bridge": False}), some_pairs()
    _, first = network.encode(batch.source, batch.source_lengths)
    assert not any(part.any() for layer in first for part in layer)
    assert network.bridge is None


def test_the_encoders_output_dropout_is_on_what_attention_reads() -> None:
    network, batch = some_network(encoder={"output_dropout": 0.5}), some_pairs()
    memory, _ = network.encode(batch.source, batch.source_lengths)
    assert (memory.memory[0, 0] != 0).all()
    dropped, _ = network.train().encode(batch.source, batch.source_lengths)
    gone = dropped.memory == 0
    assert gone[0, 0].any()
    assert not gone[0, 0].all()


@pytest.mark.parametrize(("tied", "tables"), [("none", 3), ("output", 2), ("all", 1)])
def test_tying_shares_tables(tied: str, tables: int) -> None:
    network = some_network(tied=tied)
    shared = {id(p) for p in network.parameters() if p.shape[0] == V and p.dim() == 2}
    assert len(shared) == tables


@pytest.mark.parametrize("given", [{"source_vocab_size": 50}, {"decoder": {"embedding_size": 10}}])
def test_one_table_needs_one_vocabulary_and_one_width(given: dict[str, Any]) -> None:
    with pytest.raises(
        UsageError, match=r"head.tied all makes one table .* take a joint tokenizer"
    ):
        some_network(tied="all", **given)
    assert some_network(tied="output", **given).head.weight.shape[0] == V


@pytest.mark.parametrize(
    ("cell", "precision"),
    [*((cell, "float32") for cell in cells.FAMILY.names()), ("gru", "bf16"), ("lstm", "bf16")],
)
def test_eight_pairs_are_learnt_by_heart(cell: str, precision: str) -> None:
    """By the training loop, without special cases; greedy translations are then the targets."""
    torch.manual_seed(1)
    sources = [torch.randint(4, 20, (3 + row % 3,)).tolist() for row in range(8)]
    targets = [[*reversed(row)] for row in sources]
    network = some_network(
        cell, tied="all", encoder={"embedding_size": 32}, decoder={"hidden_size": 32}
    )
    settings = TranslationTrainingSettings.model_validate(
        {
            "steps": 60,
            "precision": precision,
            "optimizer": {"learning_rate": 2e-2},
            "schedule": {"kind": "constant"},
        }
    )
    batches = Made([pairs_of(sources, targets)])
    valid = ValidationPairs(batches, [[*row, 3] for row in sources], [["x"] * 8])
    task = Translation(network, settings, lambda epoch: batches, valid)
    events = list(Trainer(task, settings, make_accelerator(precision, "cpu")).run())
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    assert losses[-1] < 0.1 < losses[0]
    assert isinstance(events[-1], Finished)
    assert greedy(network.eval(), valid.sources) == targets


# Scores


def test_scores_are_a_mean_over_tokens() -> None:
    network = some_network()
    batches = [some_pairs(0), some_pairs(1, rows=2)]
    scores = evaluate_pairs(network.train(), ValidationPairs(Made(batches)))
    assert network.training
    network.eval()
    total = sum(network(*arguments(batch)).total.item() for batch in batches)
    tokens = sum(batch.tokens for batch in batches)
    assert scores == pytest.approx(
        {"loss": total / tokens, "perplexity": math.exp(total / tokens), "tokens": tokens}
    )
    task = some_task(network)
    assert task.evaluate() is None


def test_bleu_is_of_greedy_translations_in_order() -> None:
    network = some_network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5)
    sources = [[4 + row, *[7] * (row * 5 % 3), 3] for row in range(5)]
    written = {tuple(source): greedy(network, [source])[0] for source in sources}  # each alone
    references = [str(written[tuple(source)]) for source in sources]
    valid = ValidationPairs(Made([some_pairs()]), sources, [references], str)
    assert evaluate_pairs(network, valid)["bleu"] == pytest.approx(100.0)
    scrambled = ValidationPairs(Made([some_pairs()]), sources, [references[::-1]], str)
    assert evaluate_pairs(network, scrambled)["bleu"] < 100.0
    further: list[str | None] = [None, references[1], None, references[3], None]
    first = [references[0], "?", references[2], "?", references[4]]
    several = ValidationPairs(Made([some_pairs()]), sources, [first, further], str)
    assert evaluate_pairs(network, several)["bleu"] == pytest.approx(100.0)


def test_greedy_ends() -> None:
    """With EOS, or at the latest with twice the source and ten more."""
    network = some_network()
    with torch.no_grad():
        network.head.bias[9] = 1e4
    assert greedy(network, [[5, 3], [5, 6, 3]]) == [[9] * 14, [9] * 16]
    with torch.no_grad():
        network.head.bias[3] = 1e5
    assert greedy(network, [[5, 3]]) == [[]]


def test_weights_may_be_chosen_by_bleu() -> None:
    """The highest, whatever the loss; a plateau and early stopping go by it as well."""
    settings = TranslationTrainingSettings.model_validate(
        {"steps": 4, "evaluate_every": 1, "criterion": "bleu", "early_stopping": 2}
    )
    network = some_network()
    valid = ValidationPairs(Made([some_pairs()]), [[5, 3]], [["a"]])
    task = Translation(network, settings, lambda epoch: Made([some_pairs()] * 9), valid)
    script = iter([(3.0, 10.0), (4.0, 20.0), (1.0, 15.0), (0.5, 16.0)])
    task.evaluate = lambda: dict(zip(("loss", "bleu"), next(script), strict=True))  # type: ignore[method-assign]
    events = list(Trainer(task, settings, make_accelerator("float32", "cpu")).run())
    evaluated = [event for event in events if isinstance(event, Evaluated)]
    assert [event.best for event in evaluated] == [True, True, False, False]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.best, finished.reason) == (20.0, "early_stopping")


def test_bleu_as_criterion_needs_texts() -> None:
    settings = TranslationTrainingSettings(steps=1, criterion="bleu")
    valid = ValidationPairs(Made([some_pairs()]))
    with pytest.raises(UsageError, match=r"criterion bleu needs sentences .* set training.evaluat"):
        Translation(some_network(), settings, lambda epoch: Made([]), valid)


# Batches and groups


def test_batches_begin_where_they_are_asked_to() -> None:
    made = [some_pairs(seed) for seed in range(3)]
    task = Translation(
        some_network(), TranslationTrainingSettings(steps=1), lambda epoch: Made(made[epoch:])
    )
    assert task.batches_an_epoch() == 3
    assert list(task.batches(0, 1)) == made[1:]
    assert list(task.batches(1, 0)) == made[1:]
    found = task.inputs(made[0], torch.device("cpu"))
    assert all(torch.equal(*each) for each in zip(found, arguments(made[0]), strict=True))


@every_head
def test_every_parameter_is_in_one_group(tied: str) -> None:
    layers = {"layers": 2, "layer_norm": True}
    network = some_network(tied=tied, encoder=layers, decoder=layers)
    groups = [[id(parameter) for parameter in group] for group in some_task(network).groups()]
    assert sorted(each for group in groups for each in group) == sorted(
        id(parameter) for parameter in network.parameters()
    )
    assert len(groups) == 5
    expected = [*reversed(network.decoder.layers), *reversed(network.encoder.layers)]
    for group, layer in zip(groups[1:], expected, strict=True):
        assert {id(parameter) for parameter in layer.parameters()} < set(group)
    assert network.encoder.embedding is not None
    lowest = id(network.encoder.embedding.weight) in groups[-1]
    assert lowest is (tied != "all")


# From a folder and back


def stored(network: TranslationNetwork, path: Path) -> ModelFolder:
    tensors = {name: value.numpy() for name, value in state_tensors(network).items()}
    config = {"task": "translation", "network": some_task(network).network_settings()}
    contents = FolderContents(config=config, tensors=tensors, tokenizer=ByteTokenizer(), card="")
    return write_model_folder(path, contents)


@every_head
@every_kind
def test_a_network_comes_back_from_its_folder(kind: str, tied: str, tmp_path: Path) -> None:
    sizes: dict[str, Any] = {} if tied == "all" else {"source_vocab_size": 300}
    network = some_network("lstm", kind, tied, **sizes)
    again = network_from_folder(open_model_folder(stored(network, tmp_path / "model").path))
    assert isinstance(again, TranslationNetwork)
    batch = some_pairs()
    losses = [each(*arguments(batch)).total for each in (network, again)]
    torch.testing.assert_close(losses[0], losses[1], rtol=0, atol=0)
    assert (again.head.weight is again.decoder.embedding.weight) is (tied != "none")


Edit = Callable[[dict[str, Any]], object]
DAMAGE: dict[str, tuple[Edit, str]] = {
    "no source vocabulary": (
        lambda network: network.pop("source_vocab_size"),
        "network.source_vocab_size is None, not a number of ids",
    ),
    "a truth value": (
        lambda network: network.update(source_vocab_size=True),
        "network.source_vocab_size is True, not a number of ids",
    ),
    "none at all": (
        lambda network: network.update(source_vocab_size=0),
        "network.source_vocab_size is 0, not a number of ids",
    ),
    "a part is missing": (
        lambda network: network.pop("decoder"),
        "the network has encoder, head, not decoder, encoder, head",
    ),
    "an unknown attention": (
        lambda network: network["decoder"]["attention"].update(kind="dott"),
        "no attention 'dott' .*did you mean 'dot'",
    ),
    "an option of another attention": (
        lambda network: network["decoder"]["attention"].update(heads=2),
        "decoder.attention.heads does not apply to additive, only to multi_head",
    ),
    "an unknown tie": (
        lambda network: network["head"].update(tied="both"),
        "network.head: tied is 'both': input should be 'none', 'output' or 'all'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_does_not_fit_itself_is_refused(damage: str, tmp_path: Path) -> None:
    folder = stored(some_network(), tmp_path / "model")
    change, message = DAMAGE[damage]
    config = json.loads((folder.path / "config.json").read_text())
    change(config["network"])
    (folder.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match=message):
        network_from_folder(open_model_folder(folder.path))
