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
from textrnn.data import PairBatch
from textrnn.errors import ModelFolderError, UsageError
from textrnn.metrics import score_translations
from textrnn.tasks._base import Scores, Task, network_section
from textrnn.tasks._graphs import Graph
from textrnn.tasks._greedy import greedy
from textrnn.tasks._translation_graphs import translation_graphs
from textrnn.tasks._translation_network import TranslationNetwork as TranslationNetwork

__all__ = ["Translation"]  # the family's entry


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
        references: one or more translations of all of these, as text; None where one has no
            further one.
        decode: a translation's ids to text.
        tokenize: how BLEU cuts words, see :func:`~textrnn.metrics.score_translations`.
    """

    batches: Batches
    sources: Sequence[Sequence[int]] = ()
    references: Sequence[Sequence[str | None]] = ()
    decode: Callable[[Sequence[int]], str] = str
    tokenize: str = "13a"


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
            scored = score_translations(written, valid.references, tokenize=valid.tokenize)
            scores["bleu"] = scored["BLEU"].value
    finally:
        network.train(training)
    return scores
