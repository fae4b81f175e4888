"""Checkpoints: all that a run needs to go on to the same bits, in safetensors and JSON.

    step-00001200/
        model.safetensors  optimizer.safetensors  average.safetensors  best.safetensors
        rank-0.safetensors     the carried state and the random generators of each process
        progress.json          a folder without it is no checkpoint

The folder is written under another name and renamed, so that a kill leaves the one before.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from textrnn.errors import TrainingError, UsageError
from textrnn.nn.encoder import State
from textrnn.training.averaging import WeightAverage
from textrnn.training.progress import Progress

if TYPE_CHECKING:
    from textrnn.training.loop import Trainer

__all__ = ["Checkpoint", "latest_checkpoint", "load_run", "save_run"]

PROGRESS = "progress.json"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder."""

    path: Path

    def progress(self) -> dict[str, Any]:
        """What was done.

        Raises:
            TrainingError: the file is damaged.
        """
        try:
            progress: dict[str, Any] = json.loads((self.path / PROGRESS).read_text())
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"checkpoint {self.path} is damaged ({error}): delete it to start anew"
            ) from error
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
            raise TrainingError(
                f"checkpoint {path} is damaged ({error}): delete the folder to start anew"
            ) from error


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in a folder of them, or None."""
    found = sorted(path.parent for path in folder.glob(f"step-*[0-9]/{PROGRESS}"))
    return Checkpoint(found[-1]) if found else None


def save_run(run: Trainer, folder: Path) -> Path:
    """Write a run's checkpoint, and delete those before it.

    Raises:
        TrainingError: the disk refuses it; the checkpoint before stands.
    """
    path = folder / f"step-{run.progress.step:08d}"
    staging = folder / f"{path.name}.new"
    main = run.accelerator.is_main_process
    try:
        staging.mkdir(parents=True, exist_ok=True)
        _write(staging, f"rank-{run.accelerator.process_index}", _rank_tensors(run.state))
        if main:
            _write(staging, "model", dict(run.network.named_parameters()))
            _write(staging, "optimizer", _optimizer_tensors(run.optimizer))
            _write(staging, "best", run.best)
            if run.average is not None:
                named = {str(index): value for index, value in enumerate(run.average.values)}
                _write(staging, "average", named)
            updates = run.average.updates if run.average is not None else 0
            saved = asdict(run.progress) | {"average_updates": updates}
            with (staging / PROGRESS).open("w") as file:
                file.write(json.dumps(saved, indent=1))
                file.flush()
                os.fsync(file.fileno())
        run.accelerator.wait_for_everyone()
        if main:
            _put_in_place(staging, path)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        stands = "the one before it stands" if latest_checkpoint(folder) else "none was kept"
        raise TrainingError(
            f"cannot write checkpoint {path}: {error.strerror or error}; {stands}"
        ) from error
    run.accelerator.wait_for_everyone()
    return path


def _put_in_place(staging: Path, path: Path) -> None:
    if path.exists():  # the same step again, as at a run's end: whenever a kill comes, one is whole
        aside = path.with_name(f"{path.name}.0")
        shutil.rmtree(aside, ignore_errors=True)
        path.replace(aside)
    staging.replace(path)
    for other in path.parent.iterdir():
        if other != path:
            shutil.rmtree(other, ignore_errors=True)


def load_run(run: Trainer, checkpoint: Checkpoint) -> None:
    """Bring a run to where the checkpoint was written, random generators and all.

    Raises:
        TrainingError: a file is damaged, or was written by another number of processes.
        UsageError: the run was begun with other data.
    """
    ranks = len(list(checkpoint.path.glob("rank-*.safetensors")))
    if ranks != run.accelerator.num_processes:
        raise TrainingError(
            f"checkpoint {checkpoint.path} was written by {ranks} processes, these are "
            f"{run.accelerator.num_processes}: start as many"
        )
    try:
        _restore_run(run, checkpoint)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # something is not there
        raise TrainingError(
            f"checkpoint {checkpoint.path} is damaged ({' '.join(repr(error).split())}): delete it "
            "to start anew"
        ) from error


def _restore_run(run: Trainer, checkpoint: Checkpoint) -> None:
    saved = checkpoint.progress()
    data: dict[str, int] = saved.get("data", {})  # earlier versions kept none
    if changed := [name for name, now in run.progress.data.items() if data.get(name, now) != now]:
        raise UsageError(
            f"cannot resume from {checkpoint.path}: what {' and '.join(changed)} is read from has "
            "changed since the run was begun; put it back, or begin a run in another folder"
        )
    updates = saved.pop("average_updates")
    kept = {"criteria": tuple(saved["criteria"]), "data": run.progress.data}
    run.progress = Progress(**saved | kept)
    values = checkpoint.read("model")
    with torch.no_grad():
        for name, parameter in run.network.named_parameters():
            parameter.copy_(values[name])
    _restore_optimizer(run.optimizer, checkpoint.read("optimizer"))
    run.best = checkpoint.read("best")
    averaged = checkpoint.read("average")
    if averaged:
        run.average = run.average or WeightAverage(run.parameters, None)
        run.average.updates = updates
        for index, value in enumerate(run.average.values):
            value.copy_(averaged[str(index)])
    run.state = _read_rank(checkpoint, run.accelerator.process_index, run.accelerator.device)


def _rank_tensors(state: State | None) -> dict[str, Tensor]:
    """A process's own part: its carried state and its random generators."""
    tensors = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for layer, cell in enumerate(state or ()):
        tensors |= {f"state.{layer}.{part}": value for part, value in enumerate(cell)}
    return tensors


def _read_rank(checkpoint: Checkpoint, rank: int, device: torch.device) -> State | None:
    """Set the random generators, and return the carried state."""
    tensors = checkpoint.read(f"rank-{rank}")
    torch.set_rng_state(tensors.pop("random.cpu"))
    if (cuda := tensors.pop("random.cuda", None)) is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(cuda)
    layers: dict[int, dict[int, Tensor]] = {}
    for name, value in tensors.items():
        _, layer, part = name.split(".")
        layers.setdefault(int(layer), {})[int(part)] = value.to(device)
    state = tuple(tuple(cell[part] for part in sorted(cell)) for _, cell in sorted(layers.items()))
    return state or None


def _write(folder: Path, group: str, tensors: Mapping[str, Tensor]) -> None:
    path = folder / f"{group}.safetensors"
    try:
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, path)
    except SafetensorError as error:
        raise OSError(f"{path.name}: {error}") from error
    with path.open("ab") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors: ``INDEX.NAME`` for each parameter that has one."""
    saved = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in saved.items()
        for name, value in values.items()
        if value is not None
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, field = name.split(".")
        state.setdefault(int(index), {})[field] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
