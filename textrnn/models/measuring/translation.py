"""How fast a translator answers on this machine, beside what the machine allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textrnn.models.measuring.machine import (
    BATCHES,
    OnMachine,
    least_seconds,
    random_texts,
    timed,
)
from textrnn.models.translating import TranslationSettings

if TYPE_CHECKING:
    from textrnn.models.translator import Translator

__all__ = ["TranslationSpeed", "measure_translation"]

TOKENS = 16
"""Of a source: as many as a sentence of a dozen words has."""
RATIO = 0.5
"""Of a translation's tokens to its source's, at most; ten are granted on top."""


@dataclass(frozen=True, kw_only=True)
class TranslationSpeed(OnMachine):
    """What was measured, with random words for sources; a step is one of the decoder.

    Args:
        beam_size: of the search, as the model recommends.
        first_seconds: of the very first sentence, the model opened.
        sentences_per_second: by batch, of sources of 16 tokens and translations of 18 at most.
        tokens_per_second: by batch, of the translations.
        read_share: of the rate of reading, reached by the tokens of one translation.
    """

    beam_size: int
    first_seconds: float
    sentences_per_second: dict[int, float]
    tokens_per_second: dict[int, float]
    read_share: float


def measure_translation(load: Callable[[], Translator], seconds: float = 1.0) -> TranslationSpeed:
    """Measure a translator.

    Args:
        load: opens it.
        seconds: how long to go on with each figure.
    """
    model, opened = timed(load)
    settings = TranslationSettings(max_length_ratio=RATIO, split_tokens=1 << 20, copy=False)
    settings = settings.resolve(model.folder.generation)
    texts = random_texts(model.source_tokenizer, max(BATCHES), TOKENS)
    _, first = timed(lambda: model.translate(texts[:1], settings))
    times = {}
    for rows in BATCHES:
        some = texts[:rows]
        times[rows] = least_seconds(partial(model.translate, some, settings), seconds)
    tokens = [len(done.tokens) for done in model.translate(texts, settings)]
    rates = {rows: sum(tokens[:rows]) / taken for rows, taken in times.items()}
    shapes = read_in_a_step(model.folder.tensor_shapes())
    facts = OnMachine.facts(model.engine, opened, shapes.values(), seconds / 4)
    return TranslationSpeed(
        **facts,
        beam_size=settings.beam_size or 1,
        first_seconds=first,
        sentences_per_second={rows: rows / taken for rows, taken in times.items()},
        tokens_per_second=rates,
        read_share=facts["weight_bytes"] * rates[1] / facts["read_bytes_per_second"],
    )


def read_in_a_step(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The arrays that a step of the decoder reads.

    Of an embedding that is not the output layer as well, it reads one row; keys are made once.

    >>> shapes = {"encoder.embedding.weight": (100, 16), "decoder.combine.weight": (16, 32)}
    >>> sorted(read_in_a_step({**shapes, "bridge.weight": (16, 16)}))
    ['decoder.combine.weight', 'encoder.embedding.weight']
    """
    read = {
        name: shape
        for name, shape in shapes.items()
        if name.startswith(("decoder.", "head."))
        and not name.startswith(("decoder.attention.key_projection.", "decoder.embedding."))
    }
    if "head.weight" not in shapes:
        own = "decoder.embedding.weight"
        name = own if own in shapes else "encoder.embedding.weight"
        read[name] = shapes[name]
    return read
