"""Many requests in a pool, beside one alone: tokens a second in all, and memory a request.

    python tests/benchmarks/bench_pool.py [MODEL] [--threads N] [--seconds X]

So many requests at a time are kept running, each with a seed of its own, at temperature 0.8 with
top_p 0.95 and greedily. Time is the processor's, so that others on the machine do not count; the
least of the steps counts. The engine's share is that of its step alone with as many rows.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from typing import Any

import numpy as np

import textrnn

REQUESTS = (1, 8, 64, 256)
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "sampled": {"temperature": 0.8, "top_p": 0.95},
}


def main() -> None:
    """Measure all numbers of requests and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="stories-en")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    given = parser.parse_args()
    model = textrnn.load(given.model, engine="onnx", threads=given.threads)
    for name, options in WAYS.items():
        alone = 0.0
        for count in REQUESTS:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seconds = pooled(model, count, given.seconds, options)
            memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / count
            step = engine_step(model.engine, count, given.seconds / 4)
            rate, alone = count / seconds, alone or count / seconds
            sys.stdout.write(
                f"{name:<8} {count:4} requests {rate:8,.0f} tokens/s {rate / alone:5.2f}x one's, "
                f"{1e6 * seconds / count:6.1f} us a token (the engine's step: "
                f"{1e6 * step / count:6.1f}), {memory:6,.0f} KB a request at most\n"
            )


def pooled(model: Any, count: int, seconds: float, options: dict[str, Any]) -> float:
    """The least time of a step in which every one of so many requests gets a token."""
    pool = model.pool(count)
    end, least, seed = time.perf_counter() + seconds, float("inf"), 0
    while time.perf_counter() < end:
        while len(pool) < count:
            pool.submit("Once upon a time", max_new_tokens=64, seed=seed, **options)
            seed += 1
        begin = time.process_time()
        ended = pool.step()
        if not ended:
            least = min(least, time.process_time() - begin)
    return least


def engine_step(engine: Any, count: int, seconds: float) -> float:
    """The least time of the engine's step."""
    _, state = engine.start(np.full((count, 1), 2), np.ones(count, np.int64))
    end, least = time.perf_counter() + seconds, float("inf")
    while time.perf_counter() < end:
        begin = time.process_time()
        engine.step(np.arange(count) + 10, state)
        least = min(least, time.process_time() - begin)
    return least


if __name__ == "__main__":
    main()
