"""The classifier's network and its training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from textrnn.config import (
    ClassificationHeadSettings,
    ClassificationTrainingSettings,
    EncoderSettings,
)
from textrnn.data import IGNORE, LabelledBatches, LabelledCorpus
from textrnn.errors import ModelFolderError
from textrnn.tasks._classification_network import ClassificationNetwork
from textrnn.tasks.classification import Classification, predict
from textrnn.training import Evaluated, StepDone, Trainer, make_accelerator

TEXTS = [[2, 5, 6, 3], [2, 7, 8, 9, 3], [2, 5, 9, 3], [2, 8, 3], [2, 6, 6, 5, 5, 3], [2, 9, 3]]
LABELS = [0, 1, 0, 1, 0, 1]


def corpus(targets: Any = LABELS, classes: tuple[str, ...] = ("bad", "good")) -> LabelledCorpus:
    return LabelledCorpus(
        name="toy",
        ids=np.concatenate([np.array(text, np.uint32) for text in TEXTS]),
        ends=np.cumsum([len(text) for text in TEXTS]),
        targets=np.array(targets, np.int64),
        digests=np.arange(len(TEXTS)),
        classes=classes,
    )


def network(seed: int = 1, labels: int = 2, **settings: Any) -> ClassificationNetwork:
    torch.manual_seed(seed)
    head = {key: settings.pop(key) for key in list(settings) if key in HEAD}
    encoder = EncoderSettings(embedding_size=6, hidden_size=8, **settings)
    return ClassificationNetwork(encoder, ClassificationHeadSettings(**head), labels, 12)


HEAD = ClassificationHeadSettings.model_fields
POOLINGS = [("last", "max", "mean"), ("attention",)]


def batch(
    texts: list[list[int]] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    texts = texts or TEXTS
    lengths = torch.tensor([len(text) for text in texts])
    ids = torch.zeros(len(texts), int(lengths.max()), dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return ids, lengths


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("window", [2, 512])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_row_alone_is_that_row_in_a_batch(
    pooling: tuple[str, ...], window: int, bidirectional: bool
) -> None:
    net = network(bidirectional=bidirectional, pooling=pooling, window=window, layers=2).eval()
    ids, lengths = batch()
    together = net.logits(ids, lengths)
    for row, text in enumerate(TEXTS):
        alone = net.logits(torch.tensor([text]), lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_forward_network_reads_in_windows_what_it_reads_whole(
    cell: str, pooling: tuple[str, ...]
) -> None:
    whole = network(cell=cell, pooling=pooling, window=512, layers=2).eval()
    parts = network(cell=cell, pooling=pooling, window=2, layers=2).eval()
    torch.testing.assert_close(parts.logits(*batch()), whole.logits(*batch()))


def test_windows_in_training_pass_gradients_through_what_is_pooled() -> None:
    net = network(window=2).train()
    ids, lengths = batch()
    net(ids, lengths, torch.tensor(LABELS)).total.backward()
    assert net.encoder.embedding is not None
    gradient = net.encoder.embedding.weight.grad
    assert gradient is not None
    assert bool((gradient[5:10].abs().sum(1) > 0).all())  # first and last windows' words alike
    before = [
        parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None
    ]
    net.zero_grad()
    net(ids, lengths, torch.tensor(LABELS)).total.backward()
    after = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)


def test_memory_does_not_grow_with_a_text() -> None:
    """What autograd keeps of four windows more is their pooled parts, not their activations."""

    def kept(length: int) -> int:
        net, total = network(window=64).train(), 0

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal total
            total += tensor.numel()
            return tensor

        ids = torch.randint(5, 12, (2, length))
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            net.logits(ids, torch.full((2,), length))
        return total

    window = 2 * 64 * 4 * 8  # the gates alone
    assert kept(64 * 8) - kept(64 * 4) < window


def test_the_loss_is_cross_entropy_smoothed_and_weighted_in_training_only() -> None:
    net = network()
    ids, lengths = batch()
    targets = torch.tensor(LABELS)
    logits = net.eval().logits(ids, lengths)
    plain = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    net.label_smoothing, net.class_weights = 0.2, torch.tensor([3.0, 1.0])
    torch.testing.assert_close(net(ids, lengths, targets).total, plain)
    net.train()
    wanted = torch.nn.functional.cross_entropy(
        logits, targets, torch.tensor([3.0, 1.0]), label_smoothing=0.2, reduction="sum"
    )
    torch.testing.assert_close(net(ids, lengths, targets).total, wanted)


def test_several_labels_have_a_loss_each() -> None:
    net = network(labels=3, multi_label=True)
    ids, lengths = batch()
    targets = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0]] * 2)
    logits = net.eval().logits(ids, lengths)
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets.float(), reduction="sum"
    )
    torch.testing.assert_close(net(ids, lengths, targets).total, wanted)
    targets[0] = IGNORE
    less = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[1:], targets[1:].float(), reduction="sum"
    )
    torch.testing.assert_close(net(ids, lengths, targets).total, less)


def test_word_dropout_applies_in_training_only() -> None:
    net = network()
    net.word_dropout = 0.9
    ids, lengths = batch()
    targets = torch.tensor(LABELS)
    once, twice = (net.eval()(ids, lengths, targets).total for _ in range(2))
    torch.testing.assert_close(once, twice)
    torch.manual_seed(3)
    assert abs(net.train()(ids, lengths, targets).total - once) > 1e-4


def task(net: ClassificationNetwork) -> Classification:
    texts = corpus()
    return Classification(
        net,
        training_settings(),
        lambda epoch: LabelledBatches(texts, 3, 1000, (1, epoch)),
        LabelledBatches(texts, 4, 1000),
    )


@pytest.mark.parametrize("window", [2, 512])
def test_it_learns_a_handful_of_texts(window: int) -> None:
    made = task(network(bidirectional=True, window=window))
    events = list(Trainer(made, training_settings(), make_accelerator("float32", "cpu")).run())
    last = [event for event in events if isinstance(event, Evaluated)][-1]
    assert last.scores["accuracy"] == 1.0
    assert last.scores["loss"] < 0.1
    assert [event for event in events if isinstance(event, StepDone)][-1].loss < 0.2


def training_settings() -> ClassificationTrainingSettings:
    return ClassificationTrainingSettings(
        steps=80, batch_size=3, optimizer={"learning_rate": 2e-2}, threads=1
    )


def test_groups_hold_every_parameter_once_head_first() -> None:
    net = network(layers=2, bidirectional=True, pooling=("attention", "max"))
    groups = task(net).groups()
    ids = [id(parameter) for group in groups for parameter in group]
    assert sorted(ids) == sorted(id(parameter) for parameter in net.parameters())
    assert len(groups) == 3
    assert any(parameter is net.head[-1].weight for parameter in groups[0])


def test_its_settings_build_it_again() -> None:
    net = network(labels=4, pooling=("mean",), bidirectional=True)
    settings = task(net).network_settings()
    again = Classification.build_network(settings, 12)
    again.load_state_dict(net.state_dict())
    torch.testing.assert_close(again.eval().logits(*batch()), net.eval().logits(*batch()))
    for labels in (0, True, "two", None):
        with pytest.raises(ModelFolderError, match=r"network\.labels is"):
            Classification.build_network({**settings, "labels": labels}, 12)


def test_predict_gives_logits_targets_and_loss() -> None:
    net = network()
    logits, targets, loss = predict(net, LabelledBatches(corpus(), 4, 1000))
    assert logits.shape == (6, 2)
    assert sorted(targets.tolist()) == [0, 0, 0, 1, 1, 1]
    assert net.training
    wanted = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets))
    assert loss == pytest.approx(float(wanted), rel=1e-5)


def test_scores_of_several_labels() -> None:
    net = network(labels=3, multi_label=True)
    texts = corpus([[1, 0, 1], [0, 0, 0], [0, 1, 0]] * 2, ("a", "b", "c"))
    training = training_settings().model_copy(update={"criterion": "macro_f1"})
    made = Classification(
        net, training, lambda epoch: LabelledBatches(texts, 3, 1000), LabelledBatches(texts, 3, 99)
    )
    scores = made.evaluate()
    assert scores is not None
    assert set(scores) == {"loss", "macro_f1", "micro_f1", "exact"}
    assert Classification(net, training, lambda epoch: made.valid).evaluate() is None  # type: ignore[arg-type,return-value]
