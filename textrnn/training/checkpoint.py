"""Checkpoints: everything a run needs to go on to the same bits, in safetensors and JSON, written atomically.

    step-00001200/
        model.safetensors  optimizer.safetensors  average.safetensors  best.safetensors
        rank-0.safetensors     the carried state and the random generators of each process
        progress.json          written last; a folder without it is no checkpoint
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from textrnn.errors import TrainingError
from textrnn.nn.encoder import State

__all__ = ["Checkpoint", "latest_checkpoint", "optimizer_tensors", "restore_optimizer"]

PROGRESS = "progress.json"


class Checkpoint:
    """A checkpoint folder: named groups of tensors, and what a run has done.

    Args:
        path: the folder, existing or to be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_rank(self, rank: int, state: State | None) -> None:
        """A process's own part: its carried state and its random generators."""
        tensors = {"random.cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        for layer, cell in enumerate(state or ()):
            tensors |= {f"state.{layer}.{part}": value for part, value in enumerate(cell)}
        self._write(f"rank-{rank}", tensors)

    def read_rank(self, rank: int, device: torch.device) -> State | None:
        """Set the random generators, and return the carried state."""
        tensors = self.read(f"rank-{rank}")
        torch.set_rng_state(tensors.pop("random.cpu"))
        if (cuda := tensors.pop("random.cuda", None)) is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(cuda)
        layers: dict[int, dict[int, Tensor]] = {}
        for name, value in tensors.items():
            _, layer, part = name.split(".")
            layers.setdefault(int(layer), {})[int(part)] = value.to(device)
        state = tuple(tuple(cell[part] for part in sorted(cell)) for _, cell in sorted(layers.items()))
        return state or None

    def write(self, groups: Mapping[str, Mapping[str, Tensor]], progress: Mapping[str, Any]) -> None:
        """Write the groups, then the progress, then give the folder its name."""
        for name, tensors in groups.items():
            self._write(name, tensors)
        staging = self._staging()
        with (staging / PROGRESS).open("w") as file:
            json.dump(dict(progress), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if self.path.exists():
            shutil.rmtree(self.path)
        staging.replace(self.path)
        for other in self.path.parent.iterdir():
            if other != self.path:
                shutil.rmtree(other, ignore_errors=True)

    def progress(self) -> dict[str, Any]:
        """What was done.

        Raises:
            TrainingError: the file is damaged.
        """
        try:
            progress: dict[str, Any] = json.loads((self.path / PROGRESS).read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(f"checkpoint {self.path} is damaged ({error}): delete it to start anew") from error
        return progress

    def read(self, group: str) -> dict[str, Tensor]:
        """The tensors of a group; none where it was not written.

        Raises:
            TrainingError: the file is damaged.
        """
        path = self.path / f"{group}.safetensors"
        if not path.exists():
            return {}
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"checkpoint {path} is damaged ({error}): delete the folder to start anew") from error

    def _staging(self) -> Path:
        staging = self.path.with_name(f"{self.path.name}.new")
        staging.mkdir(parents=True, exist_ok=True)
        return staging

    def _write(self, group: str, tensors: Mapping[str, Tensor]) -> None:
        path = self._staging() / f"{group}.safetensors"
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, path)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in a folder of them, or None."""
    found = sorted(path.parent for path in folder.glob(f"step-*[0-9]/{PROGRESS}"))
    return Checkpoint(found[-1]) if found else None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors: ``INDEX.NAME`` for each parameter that has one."""
    saved = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in saved.items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The reverse of :func:`optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, field = name.split(".")
        state.setdefault(int(index), {})[field] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
