"""How fast a classifier answers on this machine, beside what the machine allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING

from textrnn.models.measuring.machine import (
    BATCHES,
    OnMachine,
    least_seconds,
    random_texts,
    timed,
)

if TYPE_CHECKING:
    from textrnn.models.classifier import SentimentClassifier

__all__ = ["ClassificationSpeed", "measure_classification"]

TOKENS = 24
"""Of a text: as many as a sentence of a review has."""


@dataclass(frozen=True, kw_only=True)
class ClassificationSpeed(OnMachine):
    """What was measured, with random words for texts.

    Args:
        first_seconds: of the very first text, the model opened.
        texts_per_second: by batch, of texts of 24 tokens.
        gemm_share: of the rate of matrix products, reached by the largest batch; two operations a
            weight and token are counted. Products in 8 bits may be faster than that rate.
    """

    first_seconds: float
    texts_per_second: dict[int, float]
    gemm_share: float


def measure_classification(
    load: Callable[[], SentimentClassifier], seconds: float = 1.0
) -> ClassificationSpeed:
    """Measure a classifier.

    Args:
        load: opens it.
        seconds: how long to go on with each figure.
    """
    model, opened = timed(load)
    reader = model.readers[0]
    texts = random_texts(reader.tokenizer, max(BATCHES), TOKENS)
    _, first = timed(lambda: model.classify(texts[0]))
    rates = {}
    for rows in BATCHES:
        some = texts[:rows]
        rates[rows] = rows / least_seconds(partial(model.classify, some, batch_size=rows), seconds)
    shapes = multiplied(reader.folder.tensor_shapes())
    facts = OnMachine.facts(reader.engine, opened, shapes.values(), seconds / 4)
    tokens = len(reader.as_read(reader.encode(texts[0])))
    operations = 2.0 * tokens * sum(prod(shape) for shape in shapes.values() if len(shape) >= 2)
    return ClassificationSpeed(
        **facts,
        first_seconds=first,
        texts_per_second=rates,
        gemm_share=operations * rates[max(BATCHES)] / facts["gemm_flops"],
    )


def multiplied(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The arrays that each token is multiplied by: all but the embedding, which is looked up.

    >>> multiplied({"encoder.embedding.weight": (100, 16), "encoder.layers.0.bias": (64,)})
    {'encoder.layers.0.bias': (64,)}
    """
    return {k: v for k, v in shapes.items() if not k.endswith("embedding.weight")}
