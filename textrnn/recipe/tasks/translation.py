"""A translator's run: sentence pairs, one tokenizer or two, and what a network makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from textrnn.config import Recipe, TranslationRecipe
from textrnn.data import PairBatches, PairCorpus, Pairs, PairsFrom, prepare_pairs
from textrnn.metrics import Comparison
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.models.translating import TranslationSettings
from textrnn.recipe.answering import translating_speed
from textrnn.recipe.pair_data import (
    PairSets,
    TrainingPairs,
    asked_for,
    hold_out,
    is_here,
    old_data,
    validation_pairs,
)
from textrnn.recipe.pair_scores import compare_on_pairs, score_pairs
from textrnn.recipe.tasks._base import Asked, Assembly, Figures, HeldOut, table, with_sizes_of
from textrnn.recipe.vocabulary import make_tokenizer, remap_vocabulary
from textrnn.tasks import network_from_folder
from textrnn.tasks.translation import Translation
from textrnn.tokenizers import Tokenizer

__all__ = ["TranslationAssembly"]  # the family's entry

PARTS = ("encoder", "decoder", "head")
SOURCE_ROWS = ("encoder.embedding.weight",)
TARGET_ROWS = ("decoder.embedding.weight", "head.weight", "head.bias")


@dataclass(frozen=True)
class TranslationAssembly(Assembly):
    """A translator's recipe, built.

    Args:
        recipe: the recipe, sizes filled in from the model it starts from.
        task: with the network.
        tokenizer: the target's.
        source_tokenizer: the source's; None where it is the target's too.
        train: the first epoch's pairs.
        corpora: all that was encoded, by what it is for.
        remarks: on how files were read.
    """

    settings: ClassVar[type[Recipe]] = TranslationRecipe
    finetuning: ClassVar[str] = "translate_finetune"
    generation: ClassVar[type[TranslationSettings] | None] = TranslationSettings
    limits: ClassVar[str] = (
        "It translates sentence by sentence and knows no context. It may leave words out or make "
        "some up, most of all where a sentence is unlike those it has learnt from."
    )

    recipe: TranslationRecipe
    task: Translation
    tokenizer: Tokenizer
    source_tokenizer: Tokenizer | None
    train: Pairs
    corpora: Mapping[str, PairCorpus]
    remarks: tuple[str, ...]

    @classmethod
    def make(cls, recipe: TranslationRecipe, cache: Path, place: tuple[int, int]) -> Self:
        """Read, encode and build; see :meth:`Assembly.make`."""
        base = None
        if recipe.init_from:
            base = open_model_folder(find_model(recipe.init_from), task=recipe.task)
        sets = PairSets.open(recipe.data)
        source, target = _tokenizers(recipe, base, sets, cache)
        making = PairsFrom(source, target)
        training = TrainingPairs(recipe, sets, making, cache)
        corpora = training.corpora(0)
        judged = None
        if sets.valid is not None:
            corpora["valid"] = prepare_pairs(sets.valid, making, cache)
            judged = validation_pairs(
                sets.valid, corpora["valid"], making, recipe.training, recipe.data.target
            )
        if base is not None:
            recipe = with_sizes_of(recipe, base, PARTS)
        torch.manual_seed(recipe.training.seed)
        network: Any = _network(recipe, base, source, target)

        def batches(epoch: int) -> PairBatches:
            seed, budget = recipe.training.seed, recipe.training.batch_tokens
            return PairBatches(training.epoch(epoch), budget, (seed, epoch), *place)

        return cls(
            recipe=recipe,
            task=Translation(network, recipe.training, batches, judged),
            tokenizer=target,
            source_tokenizer=None if source is target else source,
            train=training.epoch(0),
            corpora=corpora,
            remarks=tuple(sets.remarks()),
        )

    @property
    def train_tokens(self) -> int:
        """Of the targets in the first epoch."""
        return int(self.train.lengths()[:, 1].sum()) + len(self.train)

    def notices(self) -> list[str]:
        """How files were read, and which pairs were left out."""
        reports = (corpus.report() for corpus in self.corpora.values())
        return [*self.remarks, *(report for report in reports if report is not None)]

    def config(self) -> dict[str, Any]:
        """The languages, where the data names any."""
        sides = [self.recipe.data.source, self.recipe.data.target]
        named = sides != ["source", "target"] and not any(side.isdecimal() for side in sides)
        return {"languages": sides} if named else {}

    def network_scores(self) -> dict[str, Figures]:
        """Loss and perplexity of the references."""
        scores = self.task.evaluate()
        return {} if scores is None else {"valid": dict(scores)}

    def folder_scores(self, folder: Path) -> dict[str, Figures]:
        """BLEU, chrF2 and TER of the folder's translations of the last held-out split."""
        split = "test" if self.recipe.data.test is not None else "valid"
        asked = asked_for(self.recipe.data, split)
        return {} if asked is None else {split: score_pairs(open_model_folder(folder), asked)}

    def speed(self, folder: Path) -> str:
        """Sentences a second, of those held out."""
        split = "test" if self.recipe.data.test is not None else "valid"
        asked = asked_for(self.recipe.data, split)
        return "" if asked is None else translating_speed(open_model_folder(folder), asked)

    def reached(self, scores: Mapping[str, Figures]) -> str:
        """BLEU and chrF2, or the perplexity where nothing was translated."""
        parts = []
        for split, figures in scores.items():
            if "BLEU" in figures:
                line = f"BLEU {figures['BLEU']:.2f}, chrF2 {figures['chrF2']:.2f}"
            else:
                line = f"perplexity {figures['perplexity']:.2f} per token"
            parts.append(f"{split}: {line}")
        return "; ".join(parts)

    def described(self) -> str:
        """Layers, widths, attention, vocabularies."""
        encoder, decoder = self.recipe.encoder, self.recipe.decoder
        both = "bidirectional " if encoder.bidirectional else ""
        feeding = " and input feeding" if decoder.input_feeding else ""
        vocabularies = f"one {self.tokenizer.kind} tokenizer with {self.tokenizer.vocab_size:,} ids"
        if self.source_tokenizer is not None:
            first, second = self.source_tokenizer, self.tokenizer
            vocabularies = (
                f"tokenizers of their own ({first.kind} with {first.vocab_size:,} ids, "
                f"{second.kind} with {second.vocab_size:,})"
            )
        return (
            f"Encoder: {encoder.layers} x {both}{encoder.cell} of {encoder.hidden_size}, embedding "
            f"{encoder.embedding_size}; decoder: {decoder.layers} x {decoder.cell} of "
            f"{decoder.hidden_size} with {decoder.attention.kind} attention{feeding}; source and "
            f"target have {vocabularies}"
        )

    def data_table(self) -> str:
        """A row a set of pairs."""
        rows = [
            (
                name,
                corpus.name,
                f"{len(corpus):,}",
                *(f"{first:,} / {second:,}" for first, second in _counts(corpus)),
            )
            for name, corpus in self.corpora.items()
        ]
        header = ("pairs", "files", "used", "words", "tokens", "unknown")
        return table(header, rows)

    def scored(self, scores: Mapping[str, Figures]) -> str:
        """How the scores were made, and a row a set."""
        if not scores:
            return "No held-out pairs were given."
        names = list(dict.fromkeys(name for figures in scores.values() for name in figures))
        shown = [name for name in names if not name.endswith("signature")]
        rows = [
            (split, *(_shown(figures.get(name)) for name in shown))
            for split, figures in scores.items()
        ]
        making = [
            f"{split}, {name.removesuffix(' signature')}: {figures[name]}"
            for split, figures in scores.items()
            for name in figures
            if name.endswith("signature")
        ]
        return "\n\n".join(
            [
                "Loss is in nats a target token, in float32, and bleu that of the network's greedy "
                "translations; BLEU, chrF2 and TER are sacrebleu's, "
                "of the folder's own translations, on text as people write it.",
                table(("pairs", *shown), rows),
                *making,
            ]
        )

    @classmethod
    def evaluate(cls, folder: ModelFolder, asked: Asked) -> Figures:
        """BLEU, chrF2 and TER; see :func:`~textrnn.recipe.pair_scores.score_pairs`."""
        _refuse(asked)
        return score_pairs(folder, asked)

    @classmethod
    def compare(
        cls, first: ModelFolder, second: ModelFolder, asked: Asked
    ) -> dict[str, Comparison]:
        """BLEU, chrF2 and TER, by paired bootstrap."""
        _refuse(asked)
        return compare_on_pairs(first, second, asked)

    @classmethod
    def hold_out(cls, folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
        """See :func:`~textrnn.recipe.pair_data.hold_out`."""
        _refuse(asked)
        return hold_out(folder, asked, place)

    @classmethod
    def old_validation(cls, folder: ModelFolder, place: Path) -> Asked | None:
        """The validation pairs of the model's own recipe, where they lie on this machine."""
        data = old_data(folder)
        return asked_for(data, "valid") if data is not None and is_here(data, "valid") else None


def _counts(corpus: PairCorpus) -> tuple[tuple[int, int], ...]:
    return corpus.words, corpus.tokens, corpus.unknown


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and value >= 1 else f"{value:.4g}"
    return "" if value is None else str(value)


def _tokenizers(
    recipe: TranslationRecipe, base: ModelFolder | None, sets: PairSets, cache: Path
) -> tuple[Tokenizer, Tokenizer]:
    """Of source and target, the same one where it is joint: named, the base's, or trained."""
    section = recipe.tokenizer
    if section is None:
        assert base is not None  # the recipe's check
        return base.source_tokenizer(), base.tokenizer()
    if section.source is None or section.target is None:
        texts = (text for pair in sets.texts() for text in pair)
        joint = make_tokenizer(section, texts, cache / "tokenizer")
        return joint, joint
    return (
        make_tokenizer(
            section.source, (source for source, _ in sets.texts()), cache / "source-tokenizer"
        ),
        make_tokenizer(section.target, (target for _, target in sets.texts()), cache / "tokenizer"),
    )


def _network(
    recipe: TranslationRecipe, base: ModelFolder | None, source: Tokenizer, target: Tokenizer
) -> nn.Module:
    parts = {part: getattr(recipe, part).model_dump() for part in PARTS}
    settings = {**parts, "source_vocab_size": source.vocab_size}
    network = Translation.build_network(settings, target.vocab_size)
    if base is None:
        return network
    tensors = dict(network_from_folder(base).state_dict())
    if recipe.tokenizer is not None:
        tensors = remap_vocabulary(tensors, base.source_tokenizer(), source, SOURCE_ROWS)
        tensors = remap_vocabulary(tensors, base.tokenizer(), target, TARGET_ROWS)
    network.load_state_dict(tensors)
    return network


def _refuse(asked: Asked) -> None:
    asked.refuse(
        "translator",
        column=asked.column,
        label=asked.label,
        ensemble=asked.ensemble,
        **asked.of_language_models,
    )
