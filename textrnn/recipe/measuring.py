"""How fast a model trains on this machine, beside what the machine's matrix products allow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.tasks import network_from_folder

__all__ = ["TrainingSpeed", "measure_training"]

RECIPE = "training/recipe.yaml"


@dataclass(frozen=True)
class TrainingSpeed:
    """What was measured; every time is the least of several.

    Args:
        precision: of the products, ``"bf16"`` or ``"float32"``.
        threads: of the processor.
        batch_size: streams.
        bptt: tokens of each in a step.
        step_seconds: forward, backward and optimiser.
        tokens_per_second: read in training.
        gemm_flops: floating-point operations a second of a matrix product of the recurrent layers'
            width, in that precision.
        gemm_share: of that rate, reached; six operations a parameter and token are counted.
    """

    precision: str
    threads: int
    batch_size: int
    bptt: int
    step_seconds: float
    tokens_per_second: float
    gemm_flops: float
    gemm_share: float


def measure_training(
    model: str | Path, *, threads: int | None = None, seconds: float = 3.0
) -> TrainingSpeed:
    """Train a copy of a model on random ids for a moment, with its own recipe's sizes.

    Args:
        model: a shipped name, a model folder or a hub id; its files stay as they are.
        threads: of the processor; None takes PyTorch's own number.
        seconds: how long, about.

    Raises:
        UnknownNameError: no such model.
        ModelFolderError: it is damaged, or of another task.
    """
    folder = open_model_folder(find_model(model), task="language_modeling")
    given = _training_section(folder)
    rows, bptt = int(given.get("batch_size", 32)), int(given.get("bptt", 64))
    precision = "bf16" if given.get("precision") == "bf16" else "float32"
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        step = _least(_Training(folder, rows, bptt, precision), seconds)
        product = _Product(max(1, rows * bptt), _width(folder), precision)
        rate = product.operations / _least(product, seconds / 4)
    finally:
        torch.set_num_threads(before)
    shapes = folder.tensor_shapes()
    weights = [shape for shape in shapes.values() if len(shape) == 2]
    products = sum(rows * columns for rows, columns in weights)
    if "head.weight" in shapes:
        products -= folder.vocab_size * shapes["encoder.embedding.weight"][1]
    return TrainingSpeed(
        precision=precision,
        threads=threads or before,
        batch_size=rows,
        bptt=bptt,
        step_seconds=step,
        tokens_per_second=rows * bptt / step,
        gemm_flops=rate,
        gemm_share=6.0 * products * rows * bptt / step / rate,
    )


def _training_section(folder: ModelFolder) -> dict[str, Any]:
    """Of the recipe that a trained folder keeps; empty where there is none."""
    if RECIPE not in folder.files:
        return {}
    recipe = yaml.safe_load(folder.file(RECIPE).read_text(encoding="utf-8"))
    section = recipe.get("training") if isinstance(recipe, dict) else None
    return section if isinstance(section, dict) else {}


def _width(folder: ModelFolder) -> int:
    return int(folder.network["encoder"]["hidden_size"])


class _Training:
    """One step of training on random ids, again at every call."""

    def __init__(self, folder: ModelFolder, rows: int, bptt: int, precision: str) -> None:
        self._network = network_from_folder(folder).train()
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=0.0)
        random = torch.Generator().manual_seed(0)
        self._ids = torch.randint(folder.vocab_size, (rows, bptt + 1), generator=random)
        self._mixed = precision == "bf16"
        self._tokens = rows * bptt

    def __call__(self) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mixed):
            loss = self._network(self._ids[:, :-1], self._ids[:, 1:].contiguous(), None)
        (loss.total / self._tokens).backward()
        self._optimizer.step()
        self._optimizer.zero_grad()


class _Product:
    """A product of the size of a layer's projection of a whole window, again at every call."""

    def __init__(self, rows: int, width: int, precision: str) -> None:
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        self._left, self._right = (
            torch.ones(rows, width, dtype=kind),
            torch.ones(width, 4 * width, dtype=kind),
        )
        self.operations = 2.0 * rows * width * 4 * width

    def __call__(self) -> None:
        with torch.inference_mode():
            torch.mm(self._left, self._right)


def _least(do: Any, seconds: float) -> float:
    """The least time of several; the first, which warms up, does not count."""
    do()
    least, end, count = float("inf"), time.perf_counter() + seconds, 0
    while count < 2 or time.perf_counter() < end:
        begin = time.perf_counter()
        do()
        least, count = min(least, time.perf_counter() - begin), count + 1
    return least
