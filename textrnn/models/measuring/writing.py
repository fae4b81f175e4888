"""How fast a language model answers on this machine, beside what the machine allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from textrnn.models.measuring.machine import BATCHES, OnMachine, least_seconds, timed
from textrnn.tokenizers import BOS

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["Speed", "measure_speed"]

PROMPT = "Once upon a time"
AT_ONCE = 32  # tokens in one measurement, all texts together, and four at least of each
LONG = 1_000_000  # tokens: a text goes on until the model ends it


@dataclass(frozen=True, kw_only=True)
class Speed(OnMachine):
    """What was measured; a step is one token of every text.

    Args:
        first_token_seconds: from a prompt of a few words to the first token, the model ready.
        tokens_per_second: by batch, all texts together, drawn at temperature 0.8 with top_p 0.95.
        step_seconds: by batch, the engine's share of one token of every text.
        read_share: of the rate of reading, reached by tokens of one text.
    """

    first_token_seconds: float
    tokens_per_second: dict[int, float]
    step_seconds: dict[int, float]
    read_share: float


def measure_speed(load: Callable[[], LanguageModel], seconds: float = 1.0) -> Speed:
    """Measure a language model.

    Args:
        load: opens it.
        seconds: how long to go on with each figure.
    """
    model, opened = timed(load)
    first = least_seconds(lambda: model.generate(PROMPT, max_new_tokens=1, seed=0), seconds / 4)
    tokens = {rows: rows / _token_seconds(model, rows, seconds) for rows in BATCHES}
    steps = {rows: _step_seconds(model, rows, seconds / 4) for rows in BATCHES}
    shapes = read_in_a_step(model.folder.tensor_shapes())
    facts = OnMachine.facts(model.engine, opened, shapes.values(), seconds / 4)
    return Speed(
        **facts,
        first_token_seconds=first,
        tokens_per_second=tokens,
        step_seconds=steps,
        read_share=facts["weight_bytes"] * tokens[1] / facts["read_bytes_per_second"],
    )


def _token_seconds(model: LanguageModel, rows: int, seconds: float) -> float:
    """Of one token of each of so many texts; what reading the prompt takes is left out."""
    pool, seeds = model.pool(rows), count()
    steps = max(4, AT_ONCE // rows)
    least, end, turns = float("inf"), time.perf_counter() + seconds, 0
    while turns < 3 or time.perf_counter() < end:
        while len(pool) < rows:
            pool.submit(PROMPT, seed=next(seeds), temperature=0.8, top_p=0.95, max_new_tokens=LONG)
        pool.step()  # reads the new prompts
        tokens, begin = 0, time.perf_counter()
        for _ in range(steps):
            tokens += len(pool)
            pool.step()
        if tokens:
            least = min(least, (time.perf_counter() - begin) / tokens)
        turns += 1
    return rows * least


def _step_seconds(model: LanguageModel, rows: int, seconds: float) -> float:
    engine, ids = model.engine, np.full(rows, BOS)
    _, state = engine.start(ids[:, np.newaxis], np.ones(rows, np.int64))

    return least_seconds(lambda: engine.step(ids, state), seconds)


def read_in_a_step(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The arrays that a step reads: of an embedding that is not the output layer, only one row.

    >>> read_in_a_step({"encoder.embedding.weight": (100, 16), "head.weight": (100, 32)})
    {'head.weight': (100, 32)}
    """
    table = "encoder.embedding.weight"
    tied = "head.weight" not in shapes and "head.softmax.head.weight" not in shapes
    return {name: shape for name, shape in shapes.items() if tied or name != table}
