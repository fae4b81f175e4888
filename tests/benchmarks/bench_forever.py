"""One very long text: memory and the time of a token, late beside early.

    python tests/benchmarks/bench_forever.py [MODEL] [--tokens N]

Writes on at temperature 0.8 with top_p 0.95 and a repetition penalty, so that the history counts;
a text that the model ends goes on from EOS. Times are medians over a thousand tokens, the
processor's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import textrnn
from textrnn.tokenizers import EOS

SPAN = 1_000


def main() -> None:
    """Write a text and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="stories-en")
    parser.add_argument("--tokens", type=int, default=100_000)
    given = parser.parse_args()
    model = textrnn.load(given.model, threads=1)
    pieces = model.stream(
        "Once upon a time",
        max_new_tokens=given.tokens + SPAN,
        ban=[[EOS]],
        temperature=0.8,
        top_p=0.95,
        repetition_penalty=1.1,
        seed=1,
    )
    times: list[float] = []
    seen: dict[int, tuple[float, int]] = {}
    begin, count = time.process_time(), 0
    for count, _ in enumerate(pieces, 1):
        now = time.process_time()
        times.append(now - begin)
        begin = now
        del times[:-SPAN]
        if count in (2 * SPAN, 5 * SPAN, given.tokens):
            seen[count] = statistics.median(times), resident()
    for count, (seconds, memory) in seen.items():
        sys.stdout.write(f"token {count:9,}: {1e6 * seconds:6.0f} us, {memory / 1024:8,.1f} MB\n")
    grown = (seen[given.tokens][1] - seen[2 * SPAN][1]) / 1024
    sys.stdout.write(f"memory grew by {grown:.2f} MB from token {2 * SPAN:,} on\n")


def resident() -> int:
    """Kilobytes of memory that this process has now (Linux)."""
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0])


if __name__ == "__main__":
    main()
