"""A classifier's network: an encoder, a pooling over time, and a head over labels."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from textrnn.config import ClassificationHeadSettings, EncoderSettings
from textrnn.data import IGNORE
from textrnn.nn.dropout import LockedDropout, replace_words
from textrnn.nn.encoder import Encoder, State, detach
from textrnn.nn.ngrams import NgramScores
from textrnn.nn.pooling import Pooled, Pooling
from textrnn.tasks._base import Loss
from textrnn.tasks._graphs import flat_state, nested_state

__all__ = ["ClassificationNetwork", "several_loss"]


class ClassificationNetwork(nn.Module):
    """An encoder, a pooling over time, and a head over labels.

    Where the head asks for n-grams, a linear model over them learns beside it, by a loss of its
    own, so that neither leaves to the other what it could learn; together they answer by the sum of
    their logits, the product of what each holds likely.

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
        self.ngrams = NgramScores(head.ngrams, head.ngram_buckets, labels) if head.ngrams else None
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
        return sum(self.answers(ids, lengths), torch.zeros((), device=ids.device))

    def answers(self, ids: Tensor, lengths: Tensor) -> list[Tensor]:
        """The logits that the recurrent network gives, and those of the n-grams where there are."""
        answers = [self.decide(self.pool(ids, lengths), lengths)]
        if self.ngrams is not None:
            answers.append(self.ngrams(ids, lengths))
        return answers

    def decide(self, pooled: Pooled, lengths: Tensor) -> Tensor:
        """What texts have told, to float32 logits (B, C), the n-grams left out."""
        return cast(Tensor, self.head(self.pooling.features(pooled, lengths))).float()

    def forward(
        self, ids: Tensor, lengths: Tensor, targets: Tensor, state: tuple[()] | None = None
    ) -> Loss:
        """The summed loss over the texts whose targets are not IGNORE; the n-grams' is added.

        Targets are labels (B,), or (B, C) of 0 and 1 where a text may have several. Smoothing and
        class weights apply in training only. ``state`` is there for the training loop.
        """
        smoothing, weights = 0.0, None
        if self.training:
            smoothing, weights = self.label_smoothing, self.class_weights
            ids = replace_words(ids, self.word_dropout)
            if weights is not None:
                weights = weights.to(ids.device)
        total = torch.zeros((), device=ids.device)
        for logits in self.answers(ids, lengths):
            total = total + self._loss(logits, targets, smoothing, weights)
        return Loss(total, torch.zeros((), device=total.device), ())

    def _loss(
        self, logits: Tensor, targets: Tensor, smoothing: float, weights: Tensor | None
    ) -> Tensor:
        if self.head_settings.multi_label:
            return several_loss(logits, targets, smoothing, weights)
        return F.cross_entropy(
            logits,
            targets,
            weight=weights,
            ignore_index=IGNORE,
            label_smoothing=smoothing,
            reduction="sum",
        )


def several_loss(
    logits: Tensor, targets: Tensor, smoothing: float, weights: Tensor | None
) -> Tensor:
    """The summed binary cross-entropy of every label; weights are those of texts that have it."""
    real = (targets != IGNORE).all(1, keepdim=True)
    wanted = targets.float() * (1.0 - smoothing) + 0.5 * smoothing
    losses = F.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=weights, reduction="none"
    )
    return torch.where(real, losses, 0.0).sum()
