"""How fast a translator answers on this machine, beside what the machine allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from textrnn.models.measuring import (
    BATCHES,
    BLOCK,
    gemm_rate,
    least_seconds,
    peak_bytes,
    read_rate,
)
from textrnn.models.translating import TranslationSettings

if TYPE_CHECKING:
    from textrnn.models.translator import Translator

__all__ = ["TranslationSpeed", "measure_translation", "step_bytes"]

TOKENS = 16
"""Of a source: as many as a sentence of a dozen words has."""
RATIO = 0.5
"""Of a translation's tokens to its source's, at most; ten are granted on top."""


@dataclass(frozen=True)
class TranslationSpeed:
    """What was measured, with random words for sources; every time is the least of several.

    Args:
        engine: what ran the model.
        precision: of its weights.
        beam_size: of the search, as the model recommends.
        open_seconds: from a folder on the disk to a model that is ready.
        first_seconds: of the very first sentence after that.
        sentences_per_second: by batch, of sources of 16 tokens and translations of 18 at most.
        tokens_per_second: by batch, of the translations.
        peak_bytes: of this process's memory, before the machine's own rates were measured.
        weight_bytes: what a step of the decoder must read.
        read_bytes_per_second: this machine's rate, one thread, at that size.
        read_share: of that rate, reached by the tokens of one translation.
        gemm_flops: floating-point operations a second of a matrix product in float32 by numpy, on
            as many threads as it takes.
    """

    engine: str
    precision: str
    beam_size: int
    open_seconds: float
    first_seconds: float
    sentences_per_second: dict[int, float]
    tokens_per_second: dict[int, float]
    peak_bytes: int
    weight_bytes: int
    read_bytes_per_second: float
    read_share: float
    gemm_flops: float


def measure_translation(load: Callable[[], Translator], seconds: float = 1.0) -> TranslationSpeed:
    """Measure a translator.

    Args:
        load: opens it.
        seconds: how long to go on with each figure.
    """
    begin = time.perf_counter()
    model = load()
    opened = time.perf_counter() - begin
    settings = TranslationSettings(max_length_ratio=RATIO, split_tokens=1 << 20, copy=False)
    settings = settings.resolve(model.folder.generation)
    texts = _sources(model, max(BATCHES))
    begin = time.perf_counter()
    model.translate(texts[:1], settings)
    first = time.perf_counter() - begin
    times = {
        rows: least_seconds(lambda rows=rows: model.translate(texts[:rows], settings), seconds)  # type: ignore[misc]
        for rows in BATCHES
    }
    tokens = [len(done.tokens) for done in model.translate(texts, settings)]
    rates = {rows: sum(tokens[:rows]) / taken for rows, taken in times.items()}
    peak = peak_bytes()
    precision = getattr(model.engine, "precision", "float32")
    weights = step_bytes(model.folder.tensor_shapes(), precision)
    rate = read_rate(weights, seconds / 4)
    return TranslationSpeed(
        engine=model.engine.name,
        precision=precision,
        beam_size=settings.beam_size or 1,
        open_seconds=opened,
        first_seconds=first,
        sentences_per_second={rows: rows / taken for rows, taken in times.items()},
        tokens_per_second=rates,
        peak_bytes=peak,
        weight_bytes=weights,
        read_bytes_per_second=rate,
        read_share=weights * rates[1] / rate,
        gemm_flops=gemm_rate(seconds / 4),
    )


def _sources(model: Translator, count: int) -> list[str]:
    """Texts of random words of the source's vocabulary; of random pieces where it has no words."""
    tokenizer = model.source_tokenizer
    every = range(4, tokenizer.vocab_size)
    contents = (tokenizer.to_bytes((id,)).decode(errors="replace").strip() for id in every)
    words = [id for id, content in zip(every, contents, strict=True) if content.isalpha()]
    drawn = np.random.default_rng(0).choice(words or every, (count, TOKENS))
    return [tokenizer.decode(ids) for ids in drawn.tolist()]


def step_bytes(shapes: Mapping[str, tuple[int, ...]], precision: str) -> int:
    """What a step of the decoder reads, in 8 bits a scale for each block too.

    Of an embedding that is not the output layer as well, it reads one row; keys are made once.

    >>> shapes = {"encoder.embedding.weight": (100, 16), "decoder.combine.weight": (16, 32)}
    >>> step_bytes({**shapes, "decoder.combine.bias": (16,)}, "float32")
    8512
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
    vectors = sum(prod(shape) for shape in read.values() if len(shape) < 2)
    matrices = sum(map(prod, read.values())) - vectors
    return 4 * vectors + int(matrices * (1 + 4 / BLOCK if precision == "int8" else 4))
