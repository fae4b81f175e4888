"""The sentence pairs of a translator's run, and a part of a user's own held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from textrnn.config import (
    PairDataSettings,
    TranslationRecipe,
    TranslationTrainingSettings,
    read_yaml,
    validate,
)
from textrnn.data import (
    PairBatches,
    PairCorpus,
    Pairs,
    PairSelection,
    PairsFrom,
    PairSource,
    mix,
    open_pairs,
    prepare_pairs,
)
from textrnn.data.pairs import EMPTY, left_out
from textrnn.errors import DataError, TextRNNError
from textrnn.model_folder import ModelFolder
from textrnn.recipe.kept import write_text
from textrnn.recipe.pair_scores import (
    TestSet,
    find_pairs,
    group_pairs,
    sides_of,
    tokenization_of,
)
from textrnn.recipe.run_folder import RECIPE
from textrnn.recipe.tasks._base import Asked, HeldOut
from textrnn.tasks.translation import ValidationPairs
from textrnn.tokenizers import EOS, fold_spaces

__all__ = [
    "PairSets",
    "TrainingPairs",
    "asked_for",
    "hold_out",
    "is_here",
    "old_data",
    "validation_pairs",
]

HELD_OUT = 10
"""Of so many pairs of a user's data one is held out."""


@dataclass(frozen=True)
class PairSets:
    """Where the pairs of a recipe come from, by what they are for."""

    train: PairSource
    tagged: PairSource | None
    mixed_in: PairSource | None
    valid: PairSource | None
    test: PairSource | None

    @classmethod
    def open(cls, data: PairDataSettings) -> PairSets:
        """Find them all.

        Raises:
            DataError: one is missing.
        """
        train, mixed_in = open_pairs(data, "train"), None
        assert train is not None  # the recipe's check
        if data.mixed_in is not None:
            sides = data.mixed_in.source or data.source, data.mixed_in.target or data.target
            mixed_in = open_pairs(data.mixed_in, "train", sides)
        tagged, valid, test = (open_pairs(data, name) for name in ("tagged", "valid", "test"))
        return cls(train, tagged, mixed_in, valid, test)

    def remarks(self) -> list[str]:
        """On how files are read."""
        sets = (self.train, self.tagged, self.mixed_in, self.valid, self.test)
        return [remark for pairs in sets if pairs is not None for remark in pairs.remarks()]

    def texts(self) -> Iterator[tuple[str, str]]:
        """What a tokenizer learns from: the training pairs, those made by machine left out."""
        return self.train.pairs()


@dataclass(frozen=True)
class TrainingPairs:
    """The pairs of each epoch.

    Args:
        recipe: the recipe.
        sets: where they come from.
        making: the tokenizers.
        cache: a folder for ids.
    """

    recipe: TranslationRecipe
    sets: PairSets
    making: PairsFrom
    cache: Path

    def corpora(self, epoch: int) -> dict[str, PairCorpus]:
        """The pairs as ids, by what they are for; other ones each time subwords are sampled."""
        data, training = self.recipe.data, self.recipe.training
        alpha = training.subword_sampling
        making = replace(
            self.making,
            max_length=data.max_length,
            max_ratio=data.max_ratio,
            sampling=None if alpha is None else (alpha, training.seed * 100_003 + epoch),
        )
        wanted = {
            "train": (self.sets.train, making),
            "tagged": (self.sets.tagged, replace(making, tag=data.tag)),
            "mixed in": (self.sets.mixed_in, making),
        }
        return {
            name: prepare_pairs(source, how, self.cache)
            for name, (source, how) in wanted.items()
            if source is not None
        }

    def epoch(self, epoch: int) -> Pairs:
        """The pairs of an epoch, counted from 0."""
        corpora = self.corpora(epoch)
        mixed_in = corpora.pop("mixed in", None)
        own = tuple(corpora.values())
        if mixed_in is not None and self.recipe.data.mixed_in is not None:
            share = self.recipe.data.mixed_in.share
            return mix(own, mixed_in, share, (self.recipe.training.seed, epoch))
        return PairSelection(own, np.arange(sum(map(len, own)))) if len(own) > 1 else own[0]


def validation_pairs(
    source: PairSource,
    corpus: PairCorpus,
    making: PairsFrom,
    training: TranslationTrainingSettings,
    language: str,
) -> ValidationPairs:
    """What a translator to a language is judged by while it trains.

    The loss is of all pairs; of the sources, some that lie evenly among all are translated, and
    all references of each count.
    """
    test = group_pairs([source])
    count = min(training.evaluate_sentences, len(test.sources))
    chosen = [place * len(test.sources) // count for place in range(count)]
    texts = [test.sources[place] for place in chosen]
    translated = TestSet(tuple(texts), tuple(test.references[place] for place in chosen))
    return ValidationPairs(
        batches=PairBatches(corpus, training.batch_tokens),
        sources=[[*ids, EOS] for ids in making.source.encode_lines(texts)],
        references=translated.by_reference(),
        decode=making.target.decode,
        tokenize=tokenization_of(language),
    )


def asked_for(data: PairDataSettings, split: str) -> Asked | None:
    """A split of a recipe as what a command would be asked for; None where it is of several files.

    Args:
        data: the recipe's.
        split: ``valid`` or ``test``.
    """
    name = getattr(data, split)
    if not isinstance(name, str):
        return None
    if data.path is None:
        return Asked(name, source=data.source, target=data.target)
    return Asked(data.path, split=name, source=data.source, target=data.target)


def old_data(folder: ModelFolder) -> PairDataSettings | None:
    """The data section of a translator's own recipe, where there is one."""
    recipe = folder.path / RECIPE
    if not recipe.exists():
        return None
    try:
        return validate(PairDataSettings, read_yaml(recipe)["data"], str(recipe))
    except (TextRNNError, KeyError):
        return None


def is_here(data: PairDataSettings, split: Any) -> bool:
    """Whether a split of a recipe's data lies on this machine."""
    try:
        found = open_pairs(data, split)
    except TextRNNError:
        return False
    return found is not None and all(part.paths for part in found.parts)


def hold_out(folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
    """A user's pairs in four files; each tenth pair is held out, and others with its source go.

    The model's own training pairs, where they are at hand, are mixed in.

    Raises:
        DataError: they cannot be read, or are fewer than 2.
    """
    sides = sides_of(folder, asked)
    sets = find_pairs(asked, sides)
    name = ", ".join(each.name for each in sets)
    remarks = [remark for pairs in sets for remark in pairs.remarks()]
    pairs: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for place_of, pair in chain.from_iterable(each.numbered_pairs() for each in sets):
        source, target = _folded(pair)
        if source and target:
            pairs.append((source, target))
        else:
            dropped[EMPTY] += 1
            examples.setdefault(EMPTY, place_of)
    if remark := left_out(name, len(pairs), dropped, examples):
        remarks.append(remark)
    held = pairs[HELD_OUT - 1 :: HELD_OUT] or pairs[-1:]
    kept_out = {source for source, _ in held}
    kept = [pair for pair in pairs if pair[0] not in kept_out]
    if not kept:
        raise DataError(
            f"{name} has fewer than 2 sources with a translation: a tenth of them is held out, so "
            "give more"
        )
    _write(place, "train", sides, kept)
    _write(place, "valid", sides, held)
    settings: dict[str, Any] = {
        "data.path": str(place),
        "data.train": "train",
        "data.valid": "valid",
        "data.source": sides[0],
        "data.target": sides[1],
    }
    old = old_data(folder)
    if old is None or not is_here(old, "train"):
        remarks.append(
            "the model's own training pairs are not at hand: none are mixed in, so it may forget"
        )
    else:
        settings["data.mixed_in"] = _mixed_in(old)
    valid = Asked(place, split="valid", source=sides[0], target=sides[1])
    return HeldOut(settings, valid, remarks)


def _mixed_in(old: PairDataSettings) -> Mapping[str, Any]:
    return {
        "path": old.path,
        "train": old.train,
        "source": old.source,
        "target": old.target,
    }


def _folded(pair: tuple[str, str]) -> tuple[str, str]:
    return fold_spaces(pair[0]), fold_spaces(pair[1])


def _write(
    place: Path, name: str, sides: tuple[str, str], pairs: Iterable[tuple[str, str]]
) -> None:
    """Two files aligned by line."""
    for side, texts in zip(sides, zip(*pairs, strict=True), strict=True):
        write_text(place / f"{name}.{side}", "".join(f"{text}\n" for text in texts))
