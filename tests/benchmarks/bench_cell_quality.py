"""How well each cell models text: at equal parameters, after equal time and after equal tokens.

    python tests/benchmarks/bench_cell_quality.py [FOLDER] [--minutes M] [--output DIR] [--json]
                                                  [--cells ...] [--hidden N] [--layers N]
                                                  [--rate R]

Trains the recipe ``lm_cells`` with each registered cell, and prints bits per character of its
validation text. FOLDER holds the text (train.txt, valid.txt); without it the text comes from the
hub. The recipe is as it stands but for ``--layers`` and their width, which gives the network the
parameters of an LSTM's of ``--hidden``. The learning rate is the same for all cells, the recipe's
unless ``--rate`` is given, and falls to nothing over each run.

First each cell is trained for ``--minutes``, evaluations not counted; then each for as many steps
as the slowest of them came to. All seeds are the recipe's.

Runs lie in ``--output``, each under a name that says what it is: one that is there is not run
again, one that was interrupted goes on. Times are the wall clock's, so nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench_cells import count, width_for

from textrnn.errors import TextRNNError
from textrnn.nn.cells import FAMILY
from textrnn.recipe import load_recipe
from textrnn.recipe.run import train_events
from textrnn.recipe.run_folder import RunFolder
from textrnn.tasks.language_modeling import LanguageModelNetwork
from textrnn.tokenizers import load_tokenizer, vocab_path
from textrnn.training.events import Evaluated
from textrnn.training.report import read_metrics

Row = dict[str, Any]
RECIPE = "lm_cells"
VOCAB_SIZE = load_tokenizer(vocab_path("tinyshakespeare_char")).vocab_size


@dataclass(frozen=True)
class Run:
    """What a run came to: steps, tokens, seconds, and bits per character at its end."""

    steps: int
    tokens: int
    seconds: float
    bits: float


def overrides(options: argparse.Namespace, cell: str, width: int) -> dict[str, Any]:
    data = {} if options.folder is None else {"data.path": str(options.folder)}
    return data | {
        "encoder.cell": cell,
        "encoder.hidden_size": width,
        "encoder.layers": options.layers,
        "training.minutes": options.minutes,
        "training.optimizer.learning_rate": options.rate,
    }


def network(options: argparse.Namespace, cell: str, width: int) -> LanguageModelNetwork:
    recipe = load_recipe(RECIPE, overrides(options, cell, width))
    with torch.device("meta"):
        return LanguageModelNetwork(recipe.encoder, recipe.head, VOCAB_SIZE)


def widths(options: argparse.Namespace) -> dict[str, int]:
    """Each cell's, at which the whole network has the parameters of the LSTM's."""
    wanted = count(network(options, "lstm", options.hidden))
    return {cell: width_for(partial(network, options, cell), wanted) for cell in options.cells}


def train(options: argparse.Namespace, cell: str, width: int, steps: int | None = None) -> Run:
    """A run, begun, gone on with, or done: for so many minutes, or so many steps.

    One of so many steps stops at its evaluation, without a model.
    """
    settings, end = overrides(options, cell, width), f"minutes-{options.minutes:g}"
    if steps is not None:
        settings |= {"training.minutes": None, "training.steps": steps}
        end = f"steps-{steps}"
    name = f"{cell}-{options.layers}x{width}-rate-{options.rate:g}-{end}"
    folder = RunFolder(options.output / name)
    if not any("valid" in line for line in read_metrics(folder.metrics)):
        print(folder.path, file=sys.stderr, flush=True)
        resume = folder.recipe.exists()
        events = train_events(RECIPE, output=folder.path, overrides=settings, resume=resume)
        for event in events:
            if isinstance(event, Evaluated) and steps is not None:
                break
    return ended(folder)


def ended(folder: RunFolder) -> Run:
    """What the metrics of a run say of its end."""
    lines = list(read_metrics(folder.metrics))
    step = [line for line in lines if "tokens" in line][-1]
    scores = [line for line in lines if "valid" in line][-1]["valid"]
    return Run(step["step"], step["tokens"], step["seconds"], scores["loss"] / math.log(2.0))


def main() -> None:
    options = arguments()
    try:
        sizes = widths(options)
        timed = {cell: train(options, cell, width) for cell, width in sizes.items()}
        steps = min(run.steps for run in timed.values())
        equal = {
            cell: timed[cell] if timed[cell].steps == steps else train(options, cell, width, steps)
            for cell, width in sizes.items()
        }
    except TextRNNError as error:
        sys.exit(f"bench_cell_quality: {error}")
    rows = [row(options, cell, width, timed[cell], equal[cell]) for cell, width in sizes.items()]
    if options.json:
        print(json.dumps(rows))
        return
    print(
        f"{options.layers} layers, recipe {RECIPE}, rate {options.rate:g}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    for line in sorted(rows, key=lambda line: line["bits"]):
        print(
            f"{line['cell']:10} {line['bits']:.3f} bits per character after {options.minutes:g} "
            f"minutes ({line['tokens']:,} tokens), {line['equal_bits']:.3f} after "
            f"{line['equal_tokens']:,} tokens   {line['tokens_per_second']:7,.0f} tokens/s, "
            f"width {line['width']:4}, {line['parameters'] / 1e6:.2f} M parameters"
        )


def row(options: argparse.Namespace, cell: str, width: int, timed: Run, equal: Run) -> Row:
    return {
        "cell": cell,
        "width": width,
        "parameters": count(network(options, cell, width)),
        "tokens": timed.tokens,
        "seconds": timed.seconds,
        "tokens_per_second": timed.tokens / timed.seconds,
        "bits": timed.bits,
        "equal_tokens": equal.tokens,
        "equal_bits": equal.bits,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of train.txt and valid.txt")
    parser.add_argument("--output", type=Path, default=Path("runs/cells"), metavar="DIR")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cells", nargs="+", default=list(FAMILY.names()), metavar="NAME")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--hidden", type=int, default=256, help="of the LSTM")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=5e-3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
