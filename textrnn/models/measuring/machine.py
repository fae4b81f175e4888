"""What this machine allows, and how times are taken on it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import numpy as np

from textrnn.tokenizers import Tokenizer

__all__ = [
    "BATCHES",
    "OnMachine",
    "gemm_rate",
    "least_seconds",
    "peak_bytes",
    "random_texts",
    "read_rate",
    "stored_bytes",
    "timed",
]

BATCHES = (1, 8, 64)
Shapes = Iterable[tuple[int, ...]]
T = TypeVar("T")
GEMM = (512, 1024, 1024)
BLOCK = 256  # weights to a scale, in 8 bits


@dataclass(frozen=True, kw_only=True)
class OnMachine:
    """What is measured of any model; every time is the least of several.

    Args:
        engine: what ran the model.
        precision: of its weights.
        open_seconds: from a folder on the disk to a model that is ready.
        peak_bytes: of this process's memory, before the machine's own rates were measured.
        weight_bytes: what a step must read.
        read_bytes_per_second: this machine's rate, one thread, at that size.
        gemm_flops: floating-point operations a second of a matrix product in float32 by numpy, on
            as many threads as it takes.
    """

    engine: str
    precision: str
    open_seconds: float
    peak_bytes: int
    weight_bytes: int
    read_bytes_per_second: float
    gemm_flops: float

    @staticmethod
    def facts(engine: Any, opened: float, shapes: Shapes, seconds: float) -> dict[str, Any]:
        """The fields above, of a model that has been measured otherwise.

        Args:
            engine: the model's.
            opened: the seconds that opening it took.
            shapes: of the arrays that a step reads.
            seconds: how long to go on with each of the machine's rates.
        """
        peak = peak_bytes()
        precision = getattr(engine, "precision", "float32")
        weights = stored_bytes(shapes, precision)
        return {
            "engine": engine.name,
            "precision": precision,
            "open_seconds": opened,
            "peak_bytes": peak,
            "weight_bytes": weights,
            "read_bytes_per_second": read_rate(weights, seconds),
            "gemm_flops": gemm_rate(seconds),
        }


def stored_bytes(shapes: Shapes, precision: str) -> int:
    """What arrays of such shapes take, in 8 bits a scale for each block of a matrix too.

    >>> stored_bytes([(64, 16), (64,)], "float32"), stored_bytes([(64, 16), (64,)], "int8")
    (4352, 1296)
    """
    sizes = [(prod(shape), len(shape)) for shape in shapes]
    vectors = sum(size for size, axes in sizes if axes < 2)
    matrices = sum(size for size, axes in sizes if axes >= 2)
    return 4 * vectors + int(matrices * (1 + 4 / BLOCK if precision == "int8" else 4))


def timed(do: Callable[[], T]) -> tuple[T, float]:
    """What ``do`` gives, and the seconds that it takes this once."""
    begin = time.perf_counter()
    result = do()
    return result, time.perf_counter() - begin


def least_seconds(do: Callable[[], object], seconds: float) -> float:
    """The least time that ``do`` takes, tried again and again for so many seconds, thrice at least.

    The first time, which warms up, does not count.
    """
    do()
    least, end, count = float("inf"), time.perf_counter() + seconds, 0
    while count < 3 or time.perf_counter() < end:
        least, count = min(least, timed(do)[1]), count + 1
    return least


def random_texts(tokenizer: Tokenizer, count: int, tokens: int) -> list[str]:
    """Texts of random words of the vocabulary; of random pieces where it has no words."""
    every = range(4, tokenizer.vocab_size)
    contents = (tokenizer.to_bytes((id,)).decode(errors="replace").strip() for id in every)
    words = [id for id, content in zip(every, contents, strict=True) if content.isalpha()]
    drawn = np.random.default_rng(0).choice(words or every, (count, tokens))
    return [tokenizer.decode(ids) for ids in drawn.tolist()]


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
