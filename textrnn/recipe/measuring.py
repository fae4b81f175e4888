"""How fast a model trains on this machine, beside what the machine's matrix products allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from textrnn.errors import UsageError
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.models.measuring import least_seconds
from textrnn.recipe.run_folder import RECIPE
from textrnn.tasks import network_from_folder

__all__ = ["TrainingSpeed", "measure_training"]

SENTENCE = 16
"""Tokens of each side of a translator's pair."""


@dataclass(frozen=True)
class TrainingSpeed:
    """What was measured; every time is the least of several.

    Args:
        precision: of the products, ``"bf16"`` or ``"float32"``.
        threads: of the processor.
        batch_size: streams, or sentence pairs.
        bptt: tokens of each in a step; of each side of a pair.
        step_seconds: forward, backward and optimiser.
        tokens_per_second: read in training; of the targets, in a translator's.
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
        UsageError: it is neither a language model nor a translator.
        ModelFolderError: it is damaged.
    """
    folder = open_model_folder(find_model(model))
    if folder.task not in _STEPS:
        raise UsageError(
            f"{folder.path} is a model for {folder.task}: training is measured for "
            f"{' and '.join(_STEPS)}"
        )
    given = _training_section(folder)
    if folder.task == "translation":
        bptt = SENTENCE
        rows = max(1, int(given.get("batch_tokens", 1024)) // bptt)
    else:
        rows, bptt = int(given.get("batch_size", 32)), int(given.get("bptt", 64))
    precision = "bf16" if given.get("precision") == "bf16" else "float32"
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        network = network_from_folder(folder).train()
        arguments = _STEPS[folder.task](folder, rows, bptt)
        step = least_seconds(_Training(network, arguments, rows * bptt, precision), seconds)
        product = _Product(max(1, rows * bptt), _width(folder), precision)
        rate = product.operations / least_seconds(product, seconds / 4)
    finally:
        torch.set_num_threads(before)
    products = _products(folder.tensor_shapes())
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


def _products(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The numbers that a token is multiplied by: those of matrices, less what is only looked up.

    An embedding is multiplied by where it is the output layer too.
    """
    products = sum(prod(shape) for shape in shapes.values() if len(shape) == 2)
    tables = [name for name in shapes if name.endswith(".embedding.weight")]
    looked_up = tables if "head.weight" in shapes else sorted(tables)[1:]
    return products - sum(prod(shapes[name]) for name in looked_up)


def _window(folder: ModelFolder, rows: int, bptt: int) -> tuple[Any, ...]:
    """A language model's step: random ids of so many streams, those that follow, no state."""
    ids = _random(folder.vocab_size, rows, bptt + 1)
    return ids[:, :-1], ids[:, 1:].contiguous(), None


def _pairs(folder: ModelFolder, rows: int, length: int) -> tuple[Any, ...]:
    """A translator's step: so many pairs of random ids."""
    source = _random(int(folder.network["source_vocab_size"]), rows, length)
    target = _random(folder.vocab_size, rows, length + 1)
    lengths = torch.full((rows,), length)
    return source, lengths, target[:, :-1], target[:, 1:].contiguous()


_STEPS: dict[str, Callable[[ModelFolder, int, int], tuple[Any, ...]]] = {
    "language_modeling": _window,
    "translation": _pairs,
}


def _random(vocab_size: int, rows: int, length: int) -> torch.Tensor:
    return torch.randint(vocab_size, (rows, length), generator=torch.Generator().manual_seed(0))


class _Training:
    """One step of training on the same ids, again at every call."""

    def __init__(
        self, network: nn.Module, arguments: tuple[Any, ...], tokens: int, precision: str
    ) -> None:
        self._network, self._arguments, self._tokens = network, arguments, tokens
        self._optimizer = torch.optim.AdamW(network.parameters(), lr=0.0)
        self._mixed = precision == "bf16"

    def __call__(self) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mixed):
            loss = self._network(*self._arguments)
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
