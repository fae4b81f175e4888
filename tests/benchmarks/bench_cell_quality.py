"""How well each cell models text: at equal parameters, after equal time and after equal tokens.

    python tests/benchmarks/bench_cell_quality.py [FOLDER] [--minutes M] [--output DIR] [--json]
                                                  [--cells ...] [--hidden N] [--layers N]
                                                  [--rates R ...] [--pilot-steps N] [--every N]

Trains the recipe ``lm_tinyshakespeare_char`` once with each registered cell, and prints bits per
character of its validation text. FOLDER holds the text (train.txt, valid.txt); without it the text
comes from the hub. The recipe is as it stands but for these: ``--layers`` layers, as wide as gives
the network the parameters of an LSTM's of ``--hidden``; no weight drop, which not every cell has; a
learning rate that stays as it is, so that every point of a run may be compared (scores are of the
averaged weights, as the recipe's are).

Each cell has a learning rate of its own: that of ``--rates`` with which it is best after
``--pilot-steps``, or the next best where that diverges later. Then it is trained for ``--minutes``,
evaluations not counted, and scored every ``--every`` steps. ``at the end`` is after equal time; the
other figure is at the last evaluation that every cell came to. All seeds are the recipe's.

Runs lie in ``--output``, each under a name that says what it is: one that is there is not run
again, one that was interrupted goes on. Times are the wall clock's, so nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench_cells import count, width_for

from textrnn.errors import DivergedError, TextRNNError
from textrnn.nn.cells import FAMILY
from textrnn.recipe import load_recipe
from textrnn.recipe.run import train_events
from textrnn.recipe.run_folder import RunFolder
from textrnn.tasks.language_modeling import LanguageModelNetwork
from textrnn.tokenizers import load_tokenizer, vocab_path
from textrnn.training.events import Evaluated
from textrnn.training.report import read_metrics

Row = dict[str, Any]
RECIPE = "lm_tinyshakespeare_char"
VOCAB_SIZE = load_tokenizer(vocab_path("tinyshakespeare_char")).vocab_size


@dataclass(frozen=True)
class Point:
    """An evaluation: what had been read, how long that took, and bits per character."""

    tokens: int
    seconds: float
    bits: float


def overrides(options: argparse.Namespace, cell: str, width: int) -> dict[str, Any]:
    data = {} if options.folder is None else {"data.path": str(options.folder)}
    return data | {
        "encoder.cell": cell,
        "encoder.hidden_size": width,
        "encoder.layers": options.layers,
        "encoder.weight_drop": 0.0,
        "training.epochs": None,
        "training.minutes": options.minutes,
        "training.schedule.kind": "constant",
    }


def network(options: argparse.Namespace, cell: str, width: int) -> LanguageModelNetwork:
    recipe = load_recipe(RECIPE, overrides(options, cell, width))
    with torch.device("meta"):
        return LanguageModelNetwork(recipe.encoder, recipe.head, VOCAB_SIZE)


def widths(options: argparse.Namespace) -> dict[str, int]:
    """Each cell's, at which the whole network has the parameters of the LSTM's."""
    wanted = count(network(options, "lstm", options.hidden))
    return {cell: width_for(partial(network, options, cell), wanted) for cell in options.cells}


def curve(folder: RunFolder) -> list[Point]:
    """The evaluations of a run so far."""
    tokens, points = {}, []
    for line in read_metrics(folder.metrics):
        if "tokens" in line:
            tokens[line["step"]] = line["tokens"]
        elif "valid" in line:
            bits = line["valid"]["loss"] / math.log(2.0)
            points.append(Point(tokens[line["step"]], line["seconds"], bits))
    return points


def train(settings: Mapping[str, Any], folder: RunFolder) -> list[Point]:
    """The evaluations of a run, begun, gone on with, or done; none where it diverged.

    A pilot, which has a number of steps, stops without a model.
    """
    steps, diverged = settings.get("training.steps"), folder.path / "diverged"
    if not diverged.exists() and not any(
        ends(line, steps) for line in read_metrics(folder.metrics)
    ):
        print(folder.path, file=sys.stderr, flush=True)
        resume = folder.recipe.exists()
        try:
            for event in train_events(
                RECIPE, output=folder.path, overrides=settings, resume=resume
            ):
                if isinstance(event, Evaluated) and event.step == steps:
                    break
        except DivergedError:
            diverged.touch()
    return [] if diverged.exists() else curve(folder)


def ends(line: Mapping[str, Any], steps: int | None) -> bool:
    """Whether a line of metrics.jsonl is the last that counts."""
    return "finished" in line or ("valid" in line and line["step"] == steps)


def pilot(options: argparse.Namespace, cell: str, width: int, rate: float) -> float:
    """Bits per character after a short run at a learning rate; infinite where it diverges."""
    settings = overrides(options, cell, width) | {
        "training.minutes": None,
        "training.steps": options.pilot_steps,
        "training.evaluate_every": options.pilot_steps,
        "training.optimizer.learning_rate": rate,
    }
    name = f"{cell}-{options.layers}x{width}-rate-{rate:g}-steps-{options.pilot_steps}"
    points = train(settings, RunFolder(options.output / name))
    return points[-1].bits if points else math.inf


def run(options: argparse.Namespace, cell: str, width: int, rate: float) -> list[Point]:
    """The evaluations of the run that counts; none where it diverges."""
    settings = overrides(options, cell, width) | {
        "training.evaluate_every": options.every,
        "training.optimizer.learning_rate": rate,
    }
    name = f"{cell}-{options.layers}x{width}-rate-{rate:g}-minutes-{options.minutes:g}"
    return train(settings, RunFolder(options.output / name))


def measure(options: argparse.Namespace, cell: str, width: int) -> tuple[Row, list[Point]]:
    """A cell's row, and the evaluations of its run: at the best rate at which it does not diverge.

    Raises:
        DivergedError: it does at all of them.
    """
    pilots = {rate: pilot(options, cell, width, rate) for rate in options.rates}
    for rate in sorted(pilots, key=lambda rate: pilots[rate]):
        if points := run(options, cell, width, rate):
            break
    else:
        raise DivergedError(f"{cell} diverges at every rate: give lower --rates")
    last = points[-1]
    row = {
        "cell": cell,
        "width": width,
        "parameters": count(network(options, cell, width)),
        "learning_rate": rate,
        "pilots": [(rate, bits if math.isfinite(bits) else None) for rate, bits in pilots.items()],
        "tokens": last.tokens,
        "seconds": last.seconds,
        "tokens_per_second": last.tokens / last.seconds,
        "bits": last.bits,
    }
    return row, points


def main() -> None:
    options = arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        measured = [measure(options, *sized) for sized in widths(options).items()]
    except TextRNNError as error:
        sys.exit(f"bench_cell_quality: {error}")
    rows = [row for row, _ in measured]
    shared = set.intersection(*({point.tokens for point in points} for _, points in measured))
    for row, points in measured:
        at = next((point for point in points if point.tokens == max(shared, default=0)), None)
        row["at_equal_tokens"] = at and {"tokens": at.tokens, "bits": at.bits}
        row["curve"] = [(point.tokens, point.seconds, point.bits) for point in points]
    if options.json:
        print(json.dumps(rows))
        return
    print(
        f"{options.layers} layers, {options.minutes:g} minutes each, recipe {RECIPE}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    for row in rows:
        at = row["at_equal_tokens"]
        equal = f", {at['bits']:.3f} at {at['tokens']:,} tokens" if at else ""
        print(
            f"{row['cell']:10} {row['bits']:.3f} bits per character at the end{equal}   "
            f"{row['tokens_per_second']:7,.0f} tokens/s, width {row['width']:4}, "
            f"{row['parameters'] / 1e6:.2f} M parameters, rate {row['learning_rate']:g}"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of train.txt and valid.txt")
    parser.add_argument("--output", type=Path, default=Path("runs/cells"), metavar="DIR")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cells", nargs="+", default=list(FAMILY.names()), metavar="NAME")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--hidden", type=int, default=256, help="of the LSTM")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rates", nargs="+", type=float, default=[2e-3, 5e-3, 1e-2])
    parser.add_argument("--pilot-steps", type=int, default=200)
    parser.add_argument("--every", type=int, default=100, help="steps between evaluations")
    return parser.parse_args()


if __name__ == "__main__":
    main()
