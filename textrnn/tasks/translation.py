"""Translation: the probability of the next target token, given the source and all before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from textrnn.config import (
    DecoderSettings,
    EncoderSettings,
    TranslationHeadSettings,
    TranslationTrainingSettings,
)
from textrnn.data import IGNORE, PairBatch
from textrnn.errors import ModelFolderError, UsageError
from textrnn.metrics import score_translations
from textrnn.nn.bridge import Bridge
from textrnn.nn.decoder import Decoder, DecoderState
from textrnn.nn.dropout import LockedDropout, replace_words
from textrnn.nn.encoder import Encoder, State
from textrnn.nn.head import OutputHead, log_probs_of
from textrnn.nn.memory import Memory, SharedMemory
from textrnn.tasks._base import Loss, Scores, Task, network_section
from textrnn.tasks._graphs import Graph
from textrnn.tasks._greedy import greedy
from textrnn.tasks._translation_graphs import translation_graphs

__all__ = ["Translation"]  # the family's entry


class TranslationNetwork(nn.Module):
    """An encoder, a bridge, a decoder that attends, and an output layer.

    Args:
        encoder: the recurrent stack over the source.
        decoder: the one that writes the target.
        head: what the output layer shares its weight with.
        source_vocab_size: of the source's ids.
        vocab_size: V, of the target's.

    Raises:
        UsageError: settings that do not go together; the message names them.

    >>> encoder = EncoderSettings(hidden_size=4, bidirectional=True)
    >>> network = TranslationNetwork(
    ...     encoder, DecoderSettings(hidden_size=6), TranslationHeadSettings(), 9, 10).eval()
    >>> memory, state = network.encode(torch.tensor([[5, 6, 3]]), torch.tensor([3]))
    >>> hidden, weights, state = network.step(torch.tensor([2]), state, memory)
    >>> network.logits(hidden).shape, weights.shape
    (torch.Size([1, 10]), torch.Size([1, 3]))
    """

    def __init__(
        self,
        encoder: EncoderSettings,
        decoder: DecoderSettings,
        head: TranslationHeadSettings,
        source_vocab_size: int,
        vocab_size: int,
    ) -> None:
        super().__init__()
        width = decoder.embedding_size or encoder.embedding_size
        if head.tied == "all" and (source_vocab_size, encoder.embedding_size) != (
            vocab_size,
            width,
        ):
            raise UsageError(
                f"head.tied all makes one table of both embeddings, but the source has "
                f"{source_vocab_size:,} ids of width {encoder.embedding_size} and the target "
                f"{vocab_size:,} of width {width}: take a joint tokenizer and one width, or output"
            )
        self.head_settings = head
        self.encoder = Encoder(encoder, vocab_size=source_vocab_size)
        self.memory_dropout = LockedDropout(encoder.output_dropout)
        self.decoder = Decoder(
            decoder,
            vocab_size=vocab_size,
            embedding_size=width,
            memory_size=self.encoder.output_size,
        )
        assert self.encoder.embedding is not None  # it reads ids
        if head.tied == "all":
            self.decoder.embedding.weight = self.encoder.embedding.weight
        self.bridge: Bridge | None = None
        if decoder.bridge:
            cells = self.encoder.cells()
            self.bridge = Bridge(cells, self.encoder.directions, self.decoder.cells())
        tied = None if head.tied == "none" else self.decoder.embedding.weight
        self.head = OutputHead(self.decoder.output_size, vocab_size, tied)
        self.label_smoothing = 0.0
        self.word_dropout = 0.0

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Memory, DecoderState]:
        """Read the source.

        Args:
            source: ids (B, S), each row ending with EOS.
            lengths: (B,), real ids a row, EOS among them; at least 1.

        Returns:
            The memory, and the decoder's state before its first word.
        """
        outputs, state = self.encoder(source, None, lengths)
        return self.remember(self.memory_dropout(outputs), lengths, state)

    def remember(
        self, outputs: Tensor, lengths: Tensor, state: State
    ) -> tuple[Memory, DecoderState]:
        """:meth:`encode` behind the encoder: its outputs (B, S, M) and its last state given."""
        memory = self.decoder.read(outputs, lengths)
        if self.bridge is None:
            return memory, self.decoder.initial_state(outputs.shape[0])
        return memory, self.decoder.begin(self.bridge(state))

    def step(
        self, ids: Tensor, state: DecoderState, memory: Memory | SharedMemory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """One word a row (B,) to a hidden state (B, H), weights (B, S) and the new state."""
        return self.decoder.step(ids, state, memory)

    def decode(
        self, ids: Tensor, state: DecoderState, memory: Memory
    ) -> tuple[Tensor, Tensor, DecoderState]:
        """Given words (B, T) to hidden states (B, T, H), weights (B, T, S) and the last state."""
        return self.decoder(ids, state, memory)  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., H) to float32 logits (..., V)."""
        return self.head.logits(hidden)

    def log_probs(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The log-probability of each target: (N, H) and (N,) to (N,), a chunk at a time."""
        return log_probs_of(self.head, hidden, targets)

    def forward(
        self,
        source: Tensor,
        source_lengths: Tensor,
        ids: Tensor,
        targets: Tensor,
        state: tuple[()] | None = None,
    ) -> Loss:
        """The summed loss over the targets that are not IGNORE, smoothed in training only.

        ``state`` is there for the training loop; nothing is carried from batch to batch.
        """
        smoothing = 0.0
        if self.training:
            smoothing = self.label_smoothing
            source = replace_words(source, self.word_dropout)
            ids = replace_words(ids, self.word_dropout)
        memory, first = self.encode(source, source_lengths)
        hidden, _, _ = self.decode(ids, first, memory)
        real = targets != IGNORE
        total = self.head.loss(hidden[real], targets[real], smoothing)
        return Loss(total, torch.zeros((), device=total.device), ())


class Batches(Protocol):
    """An epoch's batches, made when they are asked for, as :class:`textrnn.data.PairBatches`."""

    def __len__(self) -> int:
        """How many."""
        ...

    def batch(self, index: int) -> PairBatch:
        """The one at ``index``."""
        ...


@dataclass(frozen=True)
class ValidationPairs:
    """What a translator is judged by while it trains.

    Args:
        batches: for the loss.
        sources: ids of sentences to translate, each ending with EOS; none: no BLEU.
        references: the translations of these, as text.
        decode: a translation's ids to text.
    """

    batches: Batches
    sources: Sequence[Sequence[int]] = ()
    references: Sequence[str] = ()
    decode: Callable[[Sequence[int]], str] = str


class Translation(Task):
    """Training a translator on batches of sentence pairs.

    Args:
        network: the network.
        training: smoothing and word dropout, and what the best weights are chosen by.
        train: the batches of an epoch, counted from 0.
        valid: validation pairs, if there are any.

    Raises:
        UsageError: weights are to be chosen by BLEU, and there are no texts to compute it from.
    """

    criterion = "loss"

    def __init__(
        self,
        network: TranslationNetwork,
        training: TranslationTrainingSettings,
        train: Callable[[int], Batches],
        valid: ValidationPairs | None = None,
    ) -> None:
        self.network: TranslationNetwork = network
        network.label_smoothing = training.label_smoothing
        network.word_dropout = training.word_dropout
        self.criterion = training.criterion
        self.higher_is_better = training.criterion == "bleu"
        if self.higher_is_better and valid is not None and not valid.sources:
            raise UsageError(
                "training.criterion bleu needs sentences to translate at each evaluation: set "
                "training.evaluate_sentences to their number"
            )
        self._train = train
        self._valid = valid

    @classmethod
    def build_network(cls, settings: Mapping[str, Any], vocab_size: int) -> TranslationNetwork:
        """The network of a model folder; ``vocab_size`` is the target's."""
        parts = {
            "encoder": EncoderSettings,
            "decoder": DecoderSettings,
            "head": TranslationHeadSettings,
        }
        source = settings.get("source_vocab_size")
        if not isinstance(source, int) or isinstance(source, bool) or source < 1:
            raise ModelFolderError(
                f"config.json: network.source_vocab_size is {source!r}, not a number of ids"
            )
        rest = {name: value for name, value in settings.items() if name != "source_vocab_size"}
        checked = network_section(rest, parts)
        return TranslationNetwork(
            checked["encoder"], checked["decoder"], checked["head"], source, vocab_size
        )

    def network_settings(self) -> dict[str, Any]:
        """What :meth:`build_network` takes."""
        network = self.network
        assert network.encoder.embedding is not None
        return {
            "encoder": network.encoder.settings.model_dump(mode="json"),
            "decoder": network.decoder.settings.model_dump(mode="json"),
            "head": network.head_settings.model_dump(mode="json"),
            "source_vocab_size": len(network.encoder.embedding.weight),
        }

    @classmethod
    def graphs(cls, network: nn.Module) -> dict[str, Graph]:
        """The reading of the source, and one word of the target."""
        assert isinstance(network, TranslationNetwork)
        return translation_graphs(network)

    def batches(self, epoch: int, start: int) -> Iterator[PairBatch]:
        """The batches of an epoch from the one at ``start`` on."""
        batches = self._train(epoch)
        return (batches.batch(index) for index in range(start, len(batches)))

    def batches_an_epoch(self) -> int:
        """The batches of the first epoch."""
        return len(self._train(0))

    def inputs(self, batch: PairBatch, device: torch.device) -> tuple[Tensor, ...]:
        """Source, its lengths, the given words and the targets."""
        tensors = (batch.source, batch.source_lengths, batch.ids, batch.targets)
        return tuple(tensor.to(device) for tensor in tensors)

    def groups(self) -> Sequence[Sequence[nn.Parameter]]:
        """Output, attention and bridge; then layers from the decoder's last to the encoder's first.

        The source's embedding, where it has one of its own, is with the encoder's first layer.
        """
        network = self.network
        groups = []
        for part in (network.encoder, network.decoder):
            for layer, norm in zip(part.layers, part.norms, strict=True):
                groups.append([*layer.parameters(), *norm.parameters()])
        if network.head_settings.tied != "all":
            assert network.encoder.embedding is not None
            groups[0].append(network.encoder.embedding.weight)
        inside = {id(parameter) for group in groups for parameter in group}
        top = [parameter for parameter in network.parameters() if id(parameter) not in inside]
        return [top, *reversed(groups)]

    def evaluate(self) -> Scores | None:
        """Loss in nats a token, perplexity; BLEU of greedy translations where there are texts."""
        if self._valid is None:
            return None
        return evaluate_pairs(self.network, self._valid)


@torch.no_grad()
def evaluate_pairs(network: TranslationNetwork, valid: ValidationPairs) -> Scores:
    """The scores of a network, which is put into evaluation mode and back.

    Returns:
        ``loss`` (nats a target token), ``perplexity``, ``tokens``; ``bleu`` where there are texts.
    """
    device = next(network.parameters()).device
    training, total, tokens = network.training, 0.0, 0
    network.eval()
    try:
        for index in range(len(valid.batches)):
            batch = valid.batches.batch(index)
            loss = network(
                batch.source.to(device),
                batch.source_lengths.to(device),
                batch.ids.to(device),
                batch.targets.to(device),
            )
            total += loss.total.item()
            tokens += batch.tokens
        scores = {"loss": total / tokens, "perplexity": math.exp(total / tokens), "tokens": tokens}
        if valid.sources:
            written = [valid.decode(ids) for ids in greedy(network, valid.sources)]
            scores["bleu"] = score_translations(written, [valid.references])["BLEU"].value
    finally:
        network.train(training)
    return scores
