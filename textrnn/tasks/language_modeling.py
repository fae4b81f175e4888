"""Language modelling: the probability of the next token, given all before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from textrnn.config import EncoderSettings, LanguageModelHeadSettings, TrainingSettings
from textrnn.data import IGNORE, Corpus, TokenStreams, Window
from textrnn.metrics import TextScore
from textrnn.nn.dropout import LockedDropout
from textrnn.nn.encoder import Encoder, State, detach
from textrnn.nn.head import log_probs_of, make_head
from textrnn.tasks._base import Loss, Scores, Task, network_section
from textrnn.tasks._graphs import (
    Argument,
    Function,
    Graph,
    Reading,
    flat_state,
    nested_state,
    state_arguments,
)

__all__ = ["LanguageModeling"]  # the family's entry


class LanguageModelNetwork(nn.Module):
    """An encoder and an output layer.

    Args:
        encoder: the recurrent stack's settings.
        head: the output layer's settings.
        vocab_size: V.

    >>> network = LanguageModelNetwork(EncoderSettings(), LanguageModelHeadSettings(), 10).eval()
    >>> hidden, state = network.step(torch.tensor([2]), network.initial_state(1))
    >>> network.logits(hidden).shape
    torch.Size([1, 10])
    """

    def __init__(
        self, encoder: EncoderSettings, head: LanguageModelHeadSettings, vocab_size: int
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, vocab_size=vocab_size)
        self.output_dropout = LockedDropout(encoder.output_dropout)
        assert self.encoder.embedding is not None  # it reads ids
        self.head = make_head(
            head, self.encoder.output_size, vocab_size, self.encoder.embedding.weight
        )
        self.head_settings = head
        self.activation_regularization = 0.0
        self.temporal_regularization = 0.0

    def initial_state(self, batch: int) -> State:
        """Zeros for ``batch`` rows."""
        return self.encoder.initial_state(batch)

    def encode(
        self, ids: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Ids (B, T) to hidden states (B, T, H), and the state after each row's last real token."""
        return self.encoder(ids, state, lengths)  # type: ignore[no-any-return]

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Ids (B,) to hidden states (B, H) and the new state."""
        return self.encoder.step(ids, state)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., H) to float32 logits (..., V)."""
        return self.head.logits(hidden)

    def log_probs(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The log-probability of each target: (N, H) and (N,) to (N,), a chunk at a time."""
        return log_probs_of(self.head, hidden, targets)

    def forward(self, ids: Tensor, targets: Tensor, state: State | None) -> Loss:
        """The loss of a window, with AR and TAR (arXiv:1708.02182, section 4.4) in training."""
        raw, after = self.encoder(ids, state)
        dropped = self.output_dropout(raw)
        hidden, flat = dropped.flatten(0, 1), targets.flatten()
        if not self.training:
            real = flat != IGNORE
            hidden, flat = hidden[real], flat[real]
        penalty = torch.zeros((), device=raw.device)
        if self.training and self.activation_regularization:
            penalty = penalty + self.activation_regularization * dropped.float().square().mean()
        if self.training and self.temporal_regularization and raw.shape[1] > 1:
            change = raw[:, 1:] - raw[:, :-1]
            penalty = penalty + self.temporal_regularization * change.float().square().mean()
        return Loss(self.head.loss(hidden, flat), penalty, after)


class _Graph(nn.Module):
    """A function of a network that is exported."""

    def __init__(self, network: LanguageModelNetwork) -> None:
        super().__init__()
        self.network = network
        self.counts = [cell.state_parts for cell in network.encoder.cells()]


class _Step(_Graph):
    """One token a row, over a flat state, to the hidden state and the logits."""

    def forward(self, ids: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        hidden, after = self.network.step(ids, nested_state(state, self.counts))
        return hidden, self.network.logits(hidden), *flat_state(after)


class _Read(_Graph):
    """Many tokens a row, to the hidden states (T, B, H) and the state after the last."""

    def forward(self, ids: Tensor, lengths: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        hidden, after = self.network.encode(ids, nested_state(state, self.counts), lengths)
        return hidden.transpose(0, 1), *flat_state(after)


class _Head(_Graph):
    """Hidden states to the log-probabilities of targets."""

    def forward(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        log_probs = torch.log_softmax(self.network.logits(hidden), 1)
        return (log_probs.gather(1, targets.unsqueeze(1)).squeeze(1),)


class LanguageModeling(Task):
    """Training a language model on one contiguous stream a row.

    Args:
        network: the network.
        training: rows, window and regularisation.
        train: the training corpus of an epoch, counted from 0; another one each time where subwords
            are sampled.
        valid: the validation corpus, if there is one.
        place: this process's rank, and how many there are.
    """

    criterion = "loss"

    def __init__(
        self,
        network: LanguageModelNetwork,
        training: TrainingSettings,
        train: Callable[[int], Corpus],
        valid: Corpus | None = None,
        place: tuple[int, int] = (0, 1),
    ) -> None:
        self.network: LanguageModelNetwork = network
        self._settings = training
        network.activation_regularization = training.activation_regularization
        network.temporal_regularization = training.temporal_regularization
        self._train = train
        self._valid = valid
        self._place = place

    @classmethod
    def build_network(cls, settings: Mapping[str, Any], vocab_size: int) -> LanguageModelNetwork:
        """The network of a model folder."""
        parts = {"encoder": EncoderSettings, "head": LanguageModelHeadSettings}
        checked = network_section(settings, parts)
        return LanguageModelNetwork(checked["encoder"], checked["head"], vocab_size)

    def network_settings(self) -> dict[str, Any]:
        """What :meth:`build_network` takes."""
        return {
            "encoder": self.network.encoder.settings.model_dump(mode="json"),
            "head": self.network.head_settings.model_dump(mode="json"),
        }

    @classmethod
    @torch.no_grad()
    def graphs(cls, network: nn.Module) -> dict[str, Graph]:
        """A step, the same for many rows, reading, and the output layer for all places read."""
        assert isinstance(network, LanguageModelNetwork)
        rows, times, draw = 5, 12, torch.Generator().manual_seed(0)
        ids = torch.randint(network.head.vocab_size, (rows, times), generator=draw)
        lengths = torch.tensor([1, 3, times, 5, 8])
        state = state_arguments(network.initial_state(rows))
        after = tuple(name.replace("state", "new") for name in state)
        text = {"ids": Argument(ids, ("batch", "time")), "lengths": Argument(lengths, ("batch",))}
        hidden = network.encode(ids)[0].flatten(0, 1)
        whole = Function(
            _Step(network),
            {"ids": Argument(ids[:, 0], ("batch",)), **state},
            ("hidden", "logits", *after),
        )
        initial = {name: argument.example[:1] for name, argument in state.items()}
        read = Function(_Read(network), text | state, ("outputs", *after))
        inputs = {
            "hidden": Argument(hidden, ("batch", None)),
            "targets": Argument(ids.flatten(), ("batch",)),
        }
        head = Function(_Head(network), inputs, ("log_probs",))
        return {
            "step": Graph(whole, ("logits", *after)),
            "steps": Graph(whole, ("logits", *after), many_rows=True, quantized_only=True),
            "read": Graph(read, reading=Reading(whole, initial, ("hidden",))),
            "head": Graph(head, many_rows=True),
        }

    def _streams(self, epoch: int) -> TokenStreams:
        settings, (rank, world) = self._settings, self._place
        ids = self._train(epoch).ids()
        streams = TokenStreams(ids, settings.batch_size, settings.bptt, rank=rank, world=world)
        variable = settings.variable_bptt
        if variable is None:
            return streams
        return streams.varied(variable.short, variable.deviation, (settings.seed, epoch))

    def batches(self, epoch: int, start: int) -> Iterator[Window]:
        """The windows of an epoch, one after the other along every stream."""
        streams = self._streams(epoch)
        return (streams.window(index) for index in range(start, len(streams)))

    def batches_an_epoch(self) -> int:
        """The windows of the first epoch."""
        return len(self._streams(0))

    def inputs(self, batch: Window, device: torch.device) -> tuple[Tensor, ...]:
        """Ids and targets."""
        return batch.ids.to(device), batch.targets.to(device)

    def rate_factor(self, group: Sequence[Window]) -> float:
        """Where windows differ in length, theirs over ``bptt`` (arXiv:1708.02182, section 4.1)."""
        if self._settings.variable_bptt is None:
            return 1.0
        return sum(window.ids.shape[1] for window in group) / (len(group) * self._settings.bptt)

    def groups(self) -> Sequence[Sequence[nn.Parameter]]:
        """The output layer with the embedding, then the recurrent layers from last to first."""
        encoder = self.network.encoder
        layers = [
            [*layer.parameters(), *norm.parameters()]
            for layer, norm in zip(encoder.layers, encoder.norms, strict=True)
        ]
        inside = {id(parameter) for layer in layers for parameter in layer}
        top = [parameter for parameter in self.network.parameters() if id(parameter) not in inside]
        return [top, *reversed(layers)]

    def evaluate(self) -> Scores | None:
        """Loss in nats a token, perplexity and bits per byte on the validation corpus."""
        if self._valid is None:
            return None
        return evaluate_corpus(self.network, self._valid, self._settings.evaluate_batch_size)


@torch.no_grad()
def evaluate_corpus(
    network: LanguageModelNetwork, corpus: Corpus, rows: int, bptt: int = 128
) -> Scores:
    """The scores of a network on a corpus, its state carried along every row.

    Args:
        network: the network; it is put into evaluation mode and back.
        corpus: the text; its first token is the only one that is not predicted.
        rows: how many streams it is cut into; each begins without context, so fewer are a little
            better.
        bptt: tokens read at once.

    Returns:
        ``loss`` (nats a token), ``perplexity`` (a token), ``word_perplexity`` (a word between white
        space), ``bits_per_byte``, and the counts ``tokens``, ``words``, ``bytes``.
    """
    streams = TokenStreams(corpus.ids(), min(rows, corpus.tokens - 1), bptt, whole=True)
    device = next(network.parameters()).device
    training, state, total = network.training, None, 0.0
    network.eval()
    try:
        for index in range(len(streams)):
            window = streams.window(index)
            loss = network(window.ids.to(device), window.targets.to(device), state)
            state = detach(loss.state)
            total += loss.total.item()
    finally:
        network.train(training)
    bits = total / math.log(2.0)
    return scores_of(TextScore(bits, corpus.tokens - 1, corpus.words, corpus.bytes))


def scores_of(score: TextScore) -> Scores:
    """A text's score as named figures, ``loss`` in nats a token.

    >>> scores_of(TextScore(bits=12.0, tokens=4, words=2, bytes=8))["perplexity"]
    8.0
    """
    return {
        "loss": score.bits * math.log(2.0) / score.tokens,
        "perplexity": score.perplexity,
        "word_perplexity": score.perplexity_per_word,
        "bits_per_byte": score.bits_per_byte,
        "tokens": score.tokens,
        "words": score.words,
        "bytes": score.bytes,
    }
