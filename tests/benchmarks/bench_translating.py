"""How fast a translator decodes a file, where the time goes, and what a threshold saves and costs.

    python tests/benchmarks/bench_translating.py MODEL SOURCES [--references FILE] [--sentences N]
        [--beam-size K] [--thresholds X ...] [--rounds N] [--engine NAME] [--json]

One thread, the first N lines. Times are the process's own, the least of several rounds, from text
to text: ``engine`` is the part that the model's graphs take, ``search`` that of the beam search,
``rest`` tokenizing, batches and joining. ``alone`` translates the first fifty lines one by one.
Each threshold (``--beam-threshold``) is a row of its own, with sacrebleu's BLEU where references
are given; ``inf`` gives nothing up.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from textrnn.metrics import score_translations
from textrnn.model_folder import find_model, open_model_folder
from textrnn.models import Translator
from textrnn.models.translating import decoding, searching

ALONE = 50


class Timed:
    """An engine that measures itself."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.seconds, self.rows = 0.0, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._engine, name)
        return self._measured(name, found) if name in MEASURED else found

    def _measured(self, name: str, function: Any) -> Any:
        def run(*given: Any) -> Any:
            begin = time.process_time()
            result = function(*given)
            self.seconds += time.process_time() - begin
            self.rows += len(given[0]) if name.startswith("step") else 0
            return result

        return run


MEASURED = ("start", "step", "step_on_device", "reorder", "attention")


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("sources", type=Path)
    parser.add_argument("--references", type=Path)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--thresholds", type=float, nargs="*", default=[math.inf, 4.0, 2.5, 1.5])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = open_model_folder(find_model(given.model), task="translation")
    model = Translator.open(folder, engine=given.engine, threads=1)
    timed = Timed(model.engine)
    model = Translator(folder, timed, model.source_tokenizer, model.tokenizer)  # type: ignore[arg-type]
    lines = given.sources.read_text(encoding="utf-8").splitlines()[: given.sentences]
    references = given.references and given.references.read_text(encoding="utf-8").splitlines()
    rows = [
        measure(model, timed, lines, references, beam_size=size, threshold=threshold, given=given)
        for size, threshold in [(1, math.inf), *((given.beam_size, x) for x in given.thresholds)]
    ]
    if given.json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    sys.stdout.write("  ".join(f"{name:>12}" for name in rows[0]) + "\n")
    for row in rows:
        sys.stdout.write("  ".join(f"{value:12,.4g}" for value in row.values()) + "\n")


def measure(
    model: Translator,
    timed: Timed,
    lines: list[str],
    references: list[str] | None,
    *,
    beam_size: int,
    threshold: float,
    given: Any,
) -> dict[str, float]:
    """The figures of one way to search."""
    options: Any = {"beam_size": beam_size, "beam_threshold": threshold}
    best = (math.inf, 0.0, 0.0)
    for _ in range(given.rounds):
        timed.seconds, timed.rows, searched = 0.0, 0, Searched()
        begin = time.process_time()
        with searched:
            done = model.translate(lines, **options)
        total = time.process_time() - begin
        best = min(best, (total, timed.seconds, searched.seconds - timed.seconds))
    rows, total = timed.rows, best[0]
    alone = min(one_by_one(model, lines[:ALONE], options) for _ in range(given.rounds))
    figures = {
        "beam": beam_size,
        "threshold": threshold,
        "sentences/s": len(lines) / total,
        "alone": min(ALONE, len(lines)) / alone,
        "engine": best[1] / total,
        "search": best[2] / total,
        "rest": (total - best[1] - best[2]) / total,
        "rows each": rows / len(lines),
        "us a row": 1e6 * total / max(rows, 1),
        "mean score": sum(one.score for one in done if one.n_best) / len(lines),
    }
    if references:
        scores = score_translations([one.text for one in done], [references[: len(lines)]])
        figures["BLEU"] = scores["BLEU"].value
    return figures


def one_by_one(model: Translator, lines: list[str], options: Any) -> float:
    """Seconds to translate lines, each alone."""
    begin = time.process_time()
    for line in lines:
        model.translate(line, **options)
    return time.process_time() - begin


class Searched:
    """Measures the beam search, engine included, while it is entered."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._search = searching.search

    def __enter__(self) -> None:
        decoding.search = self._run  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        decoding.search = self._search

    def _run(self, *given: Any) -> Any:
        begin = time.process_time()
        found = self._search(*given)
        self.seconds += time.process_time() - begin
        return found


if __name__ == "__main__":
    main()
