"""Classification: the probability of each label, given a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from textrnn.config import (
    ClassificationHeadSettings,
    ClassificationTrainingSettings,
    EncoderSettings,
)
from textrnn.data import IGNORE, LabelledBatch
from textrnn.errors import ModelFolderError
from textrnn.metrics import label_scores
from textrnn.nn.dropout import LockedDropout, replace_words
from textrnn.nn.encoder import Encoder, State, detach
from textrnn.nn.pooling import Pooled, Pooling
from textrnn.tasks._base import Loss, Scores, Task, network_section
from textrnn.tasks._classification_graphs import classification_graphs
from textrnn.tasks._graphs import Graph, flat_state, nested_state

__all__ = ["Classification"]  # the family's entry


class ClassificationNetwork(nn.Module):
    """An encoder, a pooling over time, and a head over labels.

    A text longer than the head's window is read window by window: the forward layers go on from
    their state, the backward ones begin anew in each, and what is pooled is carried on. Gradients
    flow through what is pooled of every window but not from window to window (truncated
    backpropagation through time), and a window's activations are computed again in the backward
    pass, so memory does not grow with a text.

    Args:
        encoder: the recurrent stack.
        head: pooling and what lies behind it.
        labels: C, how many there are.
        vocab_size: V.

    >>> encoder = EncoderSettings(embedding_size=4, hidden_size=6)
    >>> network = ClassificationNetwork(encoder, ClassificationHeadSettings(), 3, 10).eval()
    >>> network.logits(torch.tensor([[2, 5, 3], [2, 3, 0]]), torch.tensor([3, 2])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        encoder: EncoderSettings,
        head: ClassificationHeadSettings,
        labels: int,
        vocab_size: int,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, vocab_size=vocab_size)
        self.output_dropout = LockedDropout(encoder.output_dropout)
        self.head_settings = head
        self.label_count = labels
        width = self.encoder.output_size
        self.pooling = Pooling(
            head.pooling,
            width,
            directions=self.encoder.directions,
            attention_size=head.attention_size,
        )
        layers: list[nn.Module] = [nn.Dropout(head.dropout)]
        size = self.pooling.output_size
        if head.hidden_size is not None:
            layers += [nn.Linear(size, head.hidden_size), nn.ReLU(), nn.Dropout(head.dropout)]
            size = head.hidden_size
        self.head = nn.Sequential(*layers, nn.Linear(size, labels))
        self.label_smoothing = 0.0
        self.word_dropout = 0.0
        self.class_weights: Tensor | None = None
        self._parts = [cell.state_parts for cell in self.encoder.cells()]

    def carried(self, state: State) -> State:
        """A state for the next window: the backward layers begin anew."""
        if self.encoder.directions == 1:
            return state
        start = self.encoder.initial_state(state[0][0].shape[0])
        return tuple(start[place] if place % 2 else state[place] for place in range(len(state)))

    def read(self, ids: Tensor, lengths: Tensor, state: State | None) -> tuple[Pooled, State]:
        """One window: ids (B, W), of which ``lengths`` (B,) >= 1 are real, to what it tells."""
        outputs, after = self.encoder(ids, state, lengths)
        pooled = self.pooling.gather(self.output_dropout(outputs), lengths)
        return pooled, self.carried(after)

    def pool(self, ids: Tensor, lengths: Tensor) -> Pooled:
        """Texts (B, T) of ``lengths`` (B,) >= 1, window by window, to what they tell."""
        width = self.head_settings.window
        if ids.shape[1] <= width:
            return self.read(ids, lengths, None)[0]
        rows = torch.arange(len(ids), device=ids.device)
        state = self.encoder.initial_state(len(ids))
        found: Pooled = {}
        for begin in range(0, int(lengths.max()), width):
            on = lengths[rows] > begin  # of the rows of the window before, those that go on
            rows = rows[on]
            state = tuple(tuple(part[on] for part in cell) for cell in state)
            real = (lengths[rows] - begin).clamp(max=width)
            end = begin + int(real.max())
            now, state = self._read_again(ids[rows, begin:end], real, detach(state))
            if not found:
                found = now
                continue
            joined = self.pooling.join({name: part[rows] for name, part in found.items()}, now)
            found = {
                name: part.index_copy(0, rows, joined[name].to(part.dtype))
                for name, part in found.items()
            }
        return found

    def _read_again(self, ids: Tensor, lengths: Tensor, state: State) -> tuple[Pooled, State]:
        """:meth:`read`, its activations not kept but computed again for the backward pass."""
        if not (self.training and torch.is_grad_enabled()):
            return self.read(ids, lengths, state)

        def flat(*parts: Tensor) -> tuple[Tensor, ...]:
            pooled, after = self.read(ids, lengths, nested_state(parts, self._parts))
            return *pooled.values(), *flat_state(after)

        names = self.pooling.parts
        made = checkpoint(flat, *flat_state(state), use_reentrant=False)
        return (
            dict(zip(names, made, strict=False)),
            nested_state(made[len(names) :], self._parts),
        )

    def logits(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Texts (B, T), right-padded, of ``lengths`` (B,) >= 1, to float32 logits (B, C)."""
        return self.decide(self.pool(ids, lengths), lengths)

    def decide(self, pooled: Pooled, lengths: Tensor) -> Tensor:
        """What texts have told, to float32 logits (B, C)."""
        return cast(Tensor, self.head(self.pooling.features(pooled, lengths))).float()

    def forward(
        self, ids: Tensor, lengths: Tensor, targets: Tensor, state: tuple[()] | None = None
    ) -> Loss:
        """The summed loss over the texts whose targets are not IGNORE.

        Targets are labels (B,), or (B, C) of 0 and 1 where a text may have several. Smoothing and
        class weights apply in training only. ``state`` is there for the training loop.
        """
        smoothing, weights = 0.0, None
        if self.training:
            smoothing, weights = self.label_smoothing, self.class_weights
            ids = replace_words(ids, self.word_dropout)
        logits = self.logits(ids, lengths)
        if weights is not None:
            weights = weights.to(logits.device)
        if self.head_settings.multi_label:
            total = _several(logits, targets, smoothing, weights)
        else:
            total = F.cross_entropy(
                logits,
                targets,
                weight=weights,
                ignore_index=IGNORE,
                label_smoothing=smoothing,
                reduction="sum",
            )
        return Loss(total, torch.zeros((), device=total.device), ())


def _several(logits: Tensor, targets: Tensor, smoothing: float, weights: Tensor | None) -> Tensor:
    """The summed binary cross-entropy of every label; weights are those of texts that have it."""
    real = (targets != IGNORE).all(1, keepdim=True)
    wanted = targets.float() * (1.0 - smoothing) + 0.5 * smoothing
    losses = F.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=weights, reduction="none"
    )
    return torch.where(real, losses, 0.0).sum()


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
    """

    criterion = "accuracy"

    def __init__(
        self,
        network: ClassificationNetwork,
        training: ClassificationTrainingSettings,
        train: Callable[[int], Batches],
        valid: Batches | None = None,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self.network: ClassificationNetwork = network
        network.label_smoothing = training.label_smoothing
        network.word_dropout = training.word_dropout
        network.class_weights = None if class_weights is None else torch.tensor(class_weights)
        self.criterion = training.criterion
        self.higher_is_better = training.criterion != "loss"
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
        return [top, *reversed(layers)]

    def evaluate(self) -> Scores | None:
        """Loss in nats a text, accuracy, macro-F1; with several labels a text, micro-F1, too."""
        if self.valid is None:
            return None
        logits, targets, loss = predict(self.network, self.valid)
        several = self.network.head_settings.multi_label
        return {"loss": loss, **label_scores(targets, logits, several=several)}


@torch.no_grad()
def predict(
    network: ClassificationNetwork, batches: Batches
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Logits (N, C) and targets (N,) or (N, C) of all texts, and the mean loss in nats a text.

    The network is put into evaluation mode and back.
    """
    device = next(network.parameters()).device
    training, logits, targets, total = network.training, [], [], 0.0
    network.eval()
    try:
        for index in range(len(batches)):
            batch = batches.batch(index)
            found = network.logits(batch.ids.to(device), batch.lengths.to(device)).cpu()
            if network.head_settings.multi_label:
                total += _several(found, batch.targets, 0.0, None).item()
            else:
                total += F.cross_entropy(found, batch.targets, reduction="sum").item()
            logits.append(found.double().numpy())
            targets.append(batch.targets.numpy())
    finally:
        network.train(training)
    whole = np.concatenate(targets)
    return np.concatenate(logits), whole, total / len(whole)
