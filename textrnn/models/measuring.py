"""How fast a language model answers on this machine, beside what the machine allows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from textrnn.tokenizers import BOS

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder
    from textrnn.models.language_model import LanguageModel

__all__ = [
    "BATCHES",
    "Speed",
    "gemm_rate",
    "least_seconds",
    "measure_speed",
    "peak_bytes",
    "read_rate",
]

BATCHES = (1, 8, 64)
PROMPT = "Once upon a time"
AT_ONCE = 32  # tokens in one measurement, all texts together, and four at least of each
GEMM = (512, 1024, 1024)
BLOCK = 256  # weights to a scale, in 8 bits
LONG = 1_000_000  # tokens: a text goes on until the model ends it


@dataclass(frozen=True)
class Speed:
    """What was measured; every time is the least of several.

    Args:
        engine: what ran the model.
        precision: of its weights.
        open_seconds: from a folder on the disk to a model that is ready.
        first_token_seconds: from a prompt of a few words to the first token, the model ready.
        tokens_per_second: by batch, all texts together, drawn at temperature 0.8 with top_p 0.95.
        step_seconds: by batch, the engine's share of one token of every text.
        peak_bytes: of this process's memory, before the machine's own rates were measured.
        weight_bytes: what a step must read.
        read_bytes_per_second: this machine's rate, one thread, at that size.
        read_share: of that rate, reached by tokens of one text.
        gemm_flops: floating-point operations a second of a matrix product in float32 by numpy, on
            as many threads as it takes.
    """

    engine: str
    precision: str
    open_seconds: float
    first_token_seconds: float
    tokens_per_second: dict[int, float]
    step_seconds: dict[int, float]
    peak_bytes: int
    weight_bytes: int
    read_bytes_per_second: float
    read_share: float
    gemm_flops: float


def measure_speed(load: Callable[[], LanguageModel], seconds: float = 1.0) -> Speed:
    """Measure a model.

    Args:
        load: opens it.
        seconds: how long to go on with each figure.
    """
    begin = time.perf_counter()
    model = load()
    opened = time.perf_counter() - begin
    first = least_seconds(lambda: model.generate(PROMPT, max_new_tokens=1, seed=0), seconds / 4)
    tokens = {rows: rows / _token_seconds(model, rows, seconds) for rows in BATCHES}
    steps = {rows: _step_seconds(model, rows, seconds / 4) for rows in BATCHES}
    peak = peak_bytes()
    precision = getattr(model.engine, "precision", "float32")
    weights = _weight_bytes(model.folder, precision)
    rate = read_rate(weights, seconds / 4)
    return Speed(
        engine=model.engine.name,
        precision=precision,
        open_seconds=opened,
        first_token_seconds=first,
        tokens_per_second=tokens,
        step_seconds=steps,
        peak_bytes=peak,
        weight_bytes=weights,
        read_bytes_per_second=rate,
        read_share=weights * tokens[1] / rate,
        gemm_flops=gemm_rate(seconds / 4),
    )


def least_seconds(do: Callable[[], object], seconds: float) -> float:
    """The least time that ``do`` takes, tried again and again for so many seconds, thrice at least.

    The first time, which warms up, does not count.
    """
    do()
    least, end, count = float("inf"), time.perf_counter() + seconds, 0
    while count < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        do()
        least, count = min(least, time.perf_counter() - begin), count + 1
    return least


def read_rate(size: int, seconds: float) -> float:
    """Bytes a second that one thread reads from an array of ``size`` bytes, again and again."""
    numbers = np.ones(max(1, size // 8), np.uint64)
    floats = numbers.view(np.float32)
    with np.errstate(all="ignore"):
        ways = (lambda: numbers.sum(), lambda: float(floats.sum()))
        return numbers.nbytes / min(least_seconds(way, seconds / 2) for way in ways)


def gemm_rate(seconds: float) -> float:
    """Floating-point operations a second of a matrix product in float32 by numpy."""
    rows, inner, columns = GEMM
    left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    return 2.0 * prod(GEMM) / least_seconds(lambda: left @ right, seconds)


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


def _weight_bytes(folder: ModelFolder, precision: str) -> int:
    """What a step reads, in 8 bits a scale for each block too.

    Of an embedding that is not the output layer as well, it reads one row.
    """
    shapes = folder.tensor_shapes()
    table = shapes.get("encoder.embedding.weight", ())
    tied = "head.weight" not in shapes and "head.softmax.head.weight" not in shapes
    numbers = sum(map(prod, shapes.values())) - (0 if tied else prod(table))
    vectors = sum(prod(shape) for shape in shapes.values() if len(shape) < 2)
    return 4 * vectors + int((numbers - vectors) * (1 + 4 / BLOCK if precision == "int8" else 4))


def peak_bytes() -> int:
    """This process's memory at its highest; 0 where the system does not tell.

    Linux counts it in kilobytes, macOS in bytes.
    """
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
