"""Scoring a file, side by side in one run: ``textrnn score`` and the network's own forward.

    python tests/benchmarks/bench_scoring.py [TEXT] [--model MODEL] [--bytes N] [--rounds N]

One thread each, the first N bytes of TEXT (without one, this project's help page). The ways take
turns, a part of the text at a time; a part's figure is its least processor time of several rounds,
so that a busy machine disturbs all alike, and the parts are added up.

(a) ``textrnn score``: lines to scores as they are printed, tokenizing and all, int8 graphs;
(b) the engine's part of it alone, the ids at hand in batches;
(c) the network's forward in PyTorch, float32, on the same batches: the loss of a padded batch;
(d) the same without any padding: every row as long as the others, which no file of lines is.

``ratio`` is (c) / (a), ``unpadded`` (d) / (b), both a token that is scored.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import textrnn
from textrnn.cli.score import AT_ONCE, score_texts
from textrnn.data import IGNORE
from textrnn.generation import in_batches, pad_right
from textrnn.models.scoring import ROWS, SCORED_AT_ONCE
from textrnn.tasks import network_from_folder

Way = Callable[[], object]
HELP_PAGE = Path(__file__).parents[2] / "docs" / "help.md"


def main() -> None:
    """Measure all ways and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, nargs="?", default=HELP_PAGE)
    parser.add_argument("--model", default="stories-en")
    parser.add_argument("--bytes", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    text = given.text.read_bytes()[: given.bytes].decode(errors="ignore")
    figures = measure(given.model, [line for line in text.split("\n") if line], given.rounds)
    if given.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<44} {value:10,.2f}\n")


def measure(model: str, lines: list[str], rounds: int) -> dict[str, float]:
    """Microseconds a token of each way, and the ratios."""
    lm = textrnn.load(model, engine="onnx", threads=1)
    network = network_from_folder(lm.folder).eval()
    least: dict[tuple[str, int], float] = {}
    tokens, padded, parts = 0, 0, range(0, len(lines), AT_ONCE)
    for part in parts:
        texts = lines[part : part + AT_ONCE]
        rows = [[2, *lm.tokenizer.encode(one)] for one in texts]
        together = in_batches([len(row) for row in rows], SCORED_AT_ONCE, ROWS)
        batches = [pad_right([rows[i] for i in batch]) for batch in together]
        tokens += sum(len(row) - 1 for row in rows)
        padded += sum(ids[:, 1:].size for ids, _ in batches)
        ways = {
            "textrnn score": lambda texts=texts: score_texts(
                lm, iter(texts), io.StringIO(), as_json=False
            ),
            "engine": lambda batches=batches: [lm.engine.score(*batch) for batch in batches],
            "forward": lambda batches=batches: [forward(network, *batch) for batch in batches],
            "full": full(network, sum(len(row) - 1 for row in rows)),
        }
        for _ in range(rounds):
            for name, way in ways.items():
                begin = time.process_time()
                way()
                taken = time.process_time() - begin
                least[name, part] = min(least.get((name, part), taken), taken)
    cost = {
        name: 1e6 * sum(least[name, part] for part in parts) / tokens
        for name in ("textrnn score", "engine", "forward", "full")
    }
    return {
        "tokens": tokens,
        "padding, share of the batches": 1 - tokens / padded,
        "(a) textrnn score, us a token": cost["textrnn score"],
        "(b) its engine alone": cost["engine"],
        "(c) the network's forward, float32": cost["forward"],
        "(d) the same, without padding": cost["full"],
        "ratio": cost["forward"] / cost["textrnn score"],
        "unpadded": cost["full"] / cost["engine"],
    }


@torch.inference_mode()
def forward(network: Any, ids: Any, lengths: Any) -> float:
    """The loss of a padded batch, as it is computed in evaluation."""
    targets = np.where(np.arange(ids.shape[1]) < lengths[:, None], ids, IGNORE)[:, 1:]
    inputs = torch.from_numpy(ids[:, :-1].copy()), torch.from_numpy(targets)
    return float(network(*inputs, None).total)


def full(network: Any, tokens: int) -> Way:
    """The loss of as many tokens in 64 rows of one length."""
    length = max(1, tokens // 64)
    ids = np.random.default_rng(0).integers(4, network.head.vocab_size, (64, length + 1))
    return lambda: forward(network, ids, np.full(64, length + 1))


if __name__ == "__main__":
    main()
