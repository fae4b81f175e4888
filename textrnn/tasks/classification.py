"""Classification: the probability of each label, given a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from textrnn.config import (
    ClassificationHeadSettings,
    ClassificationTrainingSettings,
    EncoderSettings,
)
from textrnn.data import LabelledBatch
from textrnn.errors import ModelFolderError
from textrnn.metrics import label_scores
from textrnn.tasks._base import Scores, Task, network_section
from textrnn.tasks._classification_graphs import classification_graphs
from textrnn.tasks._classification_network import ClassificationNetwork as ClassificationNetwork
from textrnn.tasks._classification_network import several_loss
from textrnn.tasks._graphs import Graph

__all__ = ["Classification"]  # the family's entry


class Batches(Protocol):
    """An epoch's batches, made when they are asked for."""

    def __len__(self) -> int:
        """How many."""
        ...

    def batch(self, index: int) -> LabelledBatch:
        """The one at ``index``."""
        ...


class Classification(Task):
    """Training a classifier on batches of labelled texts.

    Args:
        network: the network.
        training: smoothing, word dropout, and what the best weights are chosen by.
        train: the batches of an epoch, counted from 0.
        valid: validation batches, if there are any.
        class_weights: (C,), of each label's texts in the loss; None: 1.
        fresh: see :attr:`~textrnn.tasks.Task.fresh`.
    """

    criterion = "accuracy"
    unit = "texts"

    def __init__(
        self,
        network: ClassificationNetwork,
        training: ClassificationTrainingSettings,
        train: Callable[[int], Batches],
        valid: Batches | None = None,
        class_weights: Sequence[float] | None = None,
        fresh: frozenset[str] = frozenset(),
    ) -> None:
        self.network: ClassificationNetwork = network
        network.label_smoothing = training.label_smoothing
        network.word_dropout = training.word_dropout
        network.class_weights = None if class_weights is None else torch.tensor(class_weights)
        self.criterion = training.criterion
        self.higher_is_better = training.criterion != "loss"
        self.fresh = fresh
        self._train = train
        self.valid = valid

    @classmethod
    def build_network(cls, settings: Mapping[str, Any], vocab_size: int) -> ClassificationNetwork:
        """The network of a model folder."""
        parts = {"encoder": EncoderSettings, "head": ClassificationHeadSettings}
        labels = settings.get("labels")
        if not isinstance(labels, int) or isinstance(labels, bool) or labels < 1:
            raise ModelFolderError(f"config.json: network.labels is {labels!r}, not a number")
        rest = {name: value for name, value in settings.items() if name != "labels"}
        checked = network_section(rest, parts)
        return ClassificationNetwork(checked["encoder"], checked["head"], labels, vocab_size)

    def network_settings(self) -> dict[str, Any]:
        """What :meth:`build_network` takes."""
        return {
            "encoder": self.network.encoder.settings.model_dump(mode="json"),
            "head": self.network.head_settings.model_dump(mode="json"),
            "labels": self.network.label_count,
        }

    @classmethod
    def graphs(cls, network: nn.Module) -> dict[str, Graph]:
        """The reading of a window, and the head behind what is pooled."""
        assert isinstance(network, ClassificationNetwork)
        return classification_graphs(network)

    def batches(self, epoch: int, start: int) -> Iterator[LabelledBatch]:
        """The batches of an epoch from the one at ``start`` on."""
        batches = self._train(epoch)
        return (batches.batch(index) for index in range(start, len(batches)))

    def batches_an_epoch(self) -> int:
        """The batches of the first epoch."""
        return len(self._train(0))

    def inputs(self, batch: LabelledBatch, device: torch.device) -> tuple[Tensor, ...]:
        """Ids, lengths and targets."""
        return tuple(part.to(device) for part in (batch.ids, batch.lengths, batch.targets))

    def groups(self) -> Sequence[Sequence[nn.Parameter]]:
        """Head and pooling; the recurrent layers from last to first; the embedding with the first.

        The embedding alone is the last group, so that it learns slowest and is unfrozen last.
        """
        network = self.network
        assert network.encoder.embedding is not None
        layers = [
            [*layer.parameters(), *norm.parameters()]
            for layer, norm in zip(network.encoder.layers, network.encoder.norms, strict=True)
        ]
        layers[0].append(network.encoder.embedding.weight)
        top = [*network.pooling.parameters(), *network.head.parameters()]
        if network.ngrams is not None:
            top += network.ngrams.parameters()
        return [top, *reversed(layers)]

    def evaluate(self) -> Scores | None:
        """Loss in nats a text, accuracy, macro-F1; with several labels a text, micro-F1, too."""
        if self.valid is None:
            return None
        logits, targets, loss = predict(self.network, self.valid)
        several = self.network.head_settings.multi_label
        return {"loss": loss, **label_scores(targets, logits, several=several)}


def predict(
    network: ClassificationNetwork, batches: Batches
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Logits (N, C) and targets (N,) or (N, C) of all texts, and the mean loss in nats a text.

    The network is put into evaluation mode and back.
    """
    answers, targets = answer(network, batches)
    logits, wanted = torch.from_numpy(answers.sum(0)), torch.from_numpy(targets)
    if network.head_settings.multi_label:
        total = several_loss(logits, wanted, 0.0, None)
    else:
        total = F.cross_entropy(logits, wanted, reduction="sum")
    return logits.numpy(), targets, total.item() / len(targets)


@torch.no_grad()
def answer(
    network: ClassificationNetwork, batches: Batches
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What each of a network's models says of all texts (M, N, C), and the targets.

    The recurrent one comes first. The network is put into evaluation mode and back.
    """
    device = next(network.parameters()).device
    training, answers, targets = network.training, [], []
    network.eval()
    try:
        for index in range(len(batches)):
            batch = batches.batch(index)
            found = network.answers(batch.ids.to(device), batch.lengths.to(device))
            answers.append(torch.stack(found).cpu().double().numpy())
            targets.append(batch.targets.numpy())
    finally:
        network.train(training)
    return np.concatenate(answers, axis=1), np.concatenate(targets)
