"""How fast a model folder answers on the machine that trained it, in words for its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textrnn.model_folder import ModelFolder, open_model_folder
from textrnn.models import LanguageModel, SentimentClassifier, Translator, measure_speed
from textrnn.models.measuring import least_seconds
from textrnn.recipe.pair_scores import find_pairs, group_pairs, sides_of
from textrnn.recipe.tasks._base import Asked

__all__ = ["labelling_speed", "translating_speed", "writing_speed"]

SECONDS = 0.1  # of each of a language model's figures
SENTENCES = 64
TEXTS = 512


def writing_speed(folder: Path) -> str:
    """Tokens a second of a language model."""
    speed = measure_speed(lambda: LanguageModel.open(open_model_folder(folder)), SECONDS)
    rates = ", ".join(
        f"{tokens:,.0f} tokens/s for {rows} text{'s' if rows > 1 else ''}"
        for rows, tokens in speed.tokens_per_second.items()
    )
    return (
        f"Drawn at temperature 0.8 with top_p 0.95 by the engine {speed.engine} ({speed.precision} "
        f"weights), on the machine above when the training had ended: {rates}; the "
        f"first token of a short prompt after {1e3 * speed.first_token_seconds:.1f} ms. "
        "`textrnn bench` measures it on yours."
    )


def translating_speed(folder: ModelFolder, asked: Asked) -> str:
    """Sentences a second of a translator, of its own held-out ones."""
    sources = list(group_pairs(find_pairs(asked, sides_of(folder, asked))).sources[:SENTENCES])
    translator = Translator.open(folder)
    together, alone = _seconds(translator.translate, sources, sources[:8])
    return (
        f"By the engine {translator.engine.name} with the settings that the folder recommends, on "
        f"the machine above when the training had ended: {len(sources) / together:,.1f} "
        f"sentences/s for the first {len(sources)} held-out sources at once, {1e3 * alone:,.1f} ms "
        "for one alone."
    )


def labelling_speed(folder: ModelFolder, texts: Sequence[str]) -> str:
    """Texts a second of a classifier, of the first of these."""
    some = list(texts[:TEXTS])
    classifier = SentimentClassifier.open(folder)
    together, alone = _seconds(classifier.classify, some, some[:16])
    engine = classifier.readers[0].engine
    return (
        f"By the engine {engine.name} on one thread, on the machine above when the training had "
        f"ended: {len(some) / together:,.0f} texts/s for {len(some)} of the texts at once (of "
        f"{sum(map(len, some)) / len(some):,.0f} characters on average), {1e3 * alone:,.1f} ms for "
        "one alone."
    )


def _seconds(
    answer: Callable[[list[str]], object], texts: list[str], some: list[str]
) -> tuple[float, float]:
    """What all texts take at once, and what one of some of them takes alone."""
    together = least_seconds(lambda: answer(texts), 0.0)
    alone = least_seconds(lambda: [answer([text]) for text in some], 0.0) / len(some)
    return together, alone
