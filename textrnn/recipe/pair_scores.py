"""The scores of a translator's folder on sentence pairs, with one or several references each."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textrnn.config import PairDataSettings
from textrnn.data import AlignedFiles, PairSource, open_pairs
from textrnn.data.records import is_table
from textrnn.data.sources import SPLIT_NAMES
from textrnn.errors import DataError, UsageError
from textrnn.metrics import Comparison, compare_translations, score_translations
from textrnn.model_folder import ModelFolder
from textrnn.models import Translator
from textrnn.recipe.tasks._base import Asked, Figures
from textrnn.recipe.text_scores import local_or_hub
from textrnn.tokenizers import fold_spaces

__all__ = [
    "TestSet",
    "compare_on_pairs",
    "find_pairs",
    "group_pairs",
    "score_pairs",
    "sides_of",
    "tokenization_of",
]

_LOG = logging.getLogger("textrnn")
BY_CHARACTER = ("ja", "zh", "th", "lo", "km", "my")  # languages that are written without spaces


@dataclass(frozen=True)
class TestSet:
    """Sources, each once, and their translations.

    Args:
        sources: N.
        references: of each source one or more.
        left_out: pairs with an empty side.
    """

    sources: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    left_out: int = 0

    def by_reference(self) -> list[list[str | None]]:
        """The first references of all sources, the second ones, and so on; None beyond the last."""
        most = max(map(len, self.references), default=0)
        return [
            [texts[place] if place < len(texts) else None for texts in self.references]
            for place in range(most)
        ]


def score_pairs(folder: ModelFolder, asked: Asked) -> Figures:
    """BLEU, chrF2 and TER of a translator, with sacrebleu's signatures.

    A source that several pairs share is translated once, and the pairs' targets are its references.

    Raises:
        DataError: the pairs cannot be read, or there are none.
        UsageError: an option that does not apply.
    """
    test = _test_set(folder, asked)
    translator = _open(folder, asked)
    scores = score_translations(
        _translations(translator, test), test.by_reference(), tokenize=_tokenize(folder, asked)
    )
    figures: Figures = {name: score.value for name, score in scores.items()}
    figures["perplexity"] = _perplexity(translator, test)
    counts = {"sentences": len(test.sources), "translations": sum(map(len, test.references))}
    figures |= counts | ({"left_out": test.left_out} if test.left_out else {})
    return figures | {f"{name} signature": score.signature for name, score in scores.items()}


def compare_on_pairs(
    first: ModelFolder, second: ModelFolder, asked: Asked
) -> dict[str, Comparison]:
    """BLEU, chrF2 and TER of two translators of the same sources, by paired bootstrap.

    Raises:
        DataError: the pairs cannot be read, or there are none.
        UsageError: the two translate between other languages, or an option that does not apply.
    """
    languages = [folder.config.get("languages") for folder in (first, second)]
    if None not in languages and languages[0] != languages[1]:
        pairs = " and ".join("-".join(pair) for pair in languages if pair)
        raise UsageError(f"the two models translate {pairs}: there is nothing to compare")
    test = _test_set(first, asked)
    before, after = (_translations(_open(folder, asked), test) for folder in (first, second))
    return compare_translations(
        before, after, test.by_reference(), tokenize=_tokenize(first, asked)
    )


def _test_set(folder: ModelFolder, asked: Asked) -> TestSet:
    """The pairs that were asked for; the log tells what is to be known of how they are read."""
    sets = find_pairs(asked, sides_of(folder, asked))
    for remark in (remark for pairs in sets for remark in pairs.remarks()):
        _LOG.warning("%s", remark)
    return group_pairs(sets)


def _open(folder: ModelFolder, asked: Asked) -> Translator:
    return Translator.open(folder, engine=asked.engine, device=asked.device, threads=asked.threads)


def _perplexity(translator: Translator, test: TestSet) -> float:
    """Of the references, a token of them and their ends."""
    pairs = [
        (source, reference)
        for source, references in zip(test.sources, test.references, strict=True)
        for reference in references
    ]
    scored = translator.score([source for source, _ in pairs], [target for _, target in pairs])
    bits = sum(score.bits for score in scored)
    return float(2.0 ** (bits / sum(len(score.tokens) for score in scored)))


def _translations(translator: Translator, test: TestSet) -> list[str]:
    return [result.text for result in translator.translate(list(test.sources))]


def _tokenize(folder: ModelFolder, asked: Asked) -> str:
    return asked.tokenize or tokenization_of(sides_of(folder, asked)[1])


def tokenization_of(language: str) -> str:
    """How BLEU cuts words of a language: by characters where it is written without spaces.

    >>> tokenization_of("ja"), tokenization_of("de-AT")
    ('char', '13a')
    """
    return "char" if re.split("[-_]", language)[0].lower() in BY_CHARACTER else "13a"


def sides_of(folder: ModelFolder, asked: Asked) -> tuple[str, str]:
    """The endings or columns of source and target: those asked for, or the model's languages.

    Raises:
        UsageError: one for both.
    """
    own = folder.config.get("languages", ("source", "target"))
    sides = asked.source or own[0], asked.target or own[1]
    if sides[0] == sides[1]:
        raise UsageError(f"--source {sides[0]} and --target {sides[1]} are one: name two")
    return sides


def find_pairs(asked: Asked, sides: tuple[str, str]) -> list[PairSource]:
    """The pairs that ``--data``, ``--split`` and ``--references`` name; a set a references file.

    Args:
        asked: what was given.
        sides: endings or columns of source and target.

    Raises:
        UsageError: a split of a single file, or references beside pairs.
        DataError: there is nothing of that name.
    """
    path = Path(asked.data).expanduser()
    if asked.references:
        if asked.split is not None:
            raise UsageError(f"--split {asked.split}: --references goes with a file of sources")
        for file in (path, *asked.references):
            if not file.is_file() or is_table(file):
                raise DataError(f"{file} is no text file: --references wants one a side")
        return [PairSource((AlignedFiles(path, file),)) for file in asked.references]
    if path.is_file() and asked.split is not None:
        raise UsageError(f"--split {asked.split}: {path} is a single file, which has no splits")
    beside = any(
        (path.parent / f"{path.name}.{sides[0]}{packed}").is_file() for packed in ("", ".gz")
    )
    if beside or (path.exists() and asked.split is None):
        settings = PairDataSettings(test=str(path))
    else:
        local_or_hub(path if path.exists() else asked.data)
        settings = PairDataSettings(path=str(asked.data), test=asked.split or "test")
    if settings.test in SPLIT_NAMES["valid"]:
        found = open_pairs(settings.model_copy(update={"valid": settings.test}), "valid", sides)
    else:
        found = open_pairs(settings, "test", sides)
    return [found] if found is not None else []


def group_pairs(sets: Sequence[PairSource]) -> TestSet:
    """Pairs by source, in the order in which the sources first come; a reference stands once.

    Raises:
        DataError: they cannot be read, or none has two sides.
    """
    grouped: dict[str, dict[str, None]] = {}
    left_out = 0
    for pairs in sets:
        for source, target in pairs.pairs():
            folded = fold_spaces(source), fold_spaces(target)
            if all(folded):
                grouped.setdefault(folded[0], {})[folded[1]] = None
            else:
                left_out += 1
    if not grouped:
        name = ", ".join(pairs.name for pairs in sets)
        raise DataError(f"{name} has no pair with two sides: there is nothing to score on")
    return TestSet(tuple(grouped), tuple(tuple(texts) for texts in grouped.values()), left_out)
