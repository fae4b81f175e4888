"""Checkpoints: a run that goes on from one ends with the same bits."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from textrnn.errors import TrainingError
from textrnn.training import CheckpointSaved, Finished, Started, StepDone, checkpoint
from textrnn.training.checkpoint import latest_checkpoint

Begin = Any  # of conftest.py
KINDS: dict[str, dict[str, Any]] = {
    "adamw": {},
    "sgd": {"optimizer": {"kind": "sgd", "learning_rate": 0.1}},
    "momentum": {"optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}},
    "average": {"average": 0.8},
    "nt_asgd": {
        "optimizer": {"kind": "nt_asgd", "learning_rate": 3.0, "patience": 1},
        "clip_norm": None,
        "evaluate_every": 2,
    },
    "one cycle": {"schedule": {"kind": "one_cycle", "warmup_steps": 2}},
    "plateau": {"schedule": {"kind": "plateau", "patience": 0}, "evaluate_every": 2},
    "unfreezing": {"unfreeze": {"every": 0.5}},
    "accumulation": {"accumulation": 2},
    "epochs": {"steps": None, "epochs": 1.5},
    "bf16": {"precision": "bf16"},
    "variable bptt": {"variable_bptt": {"short": 0.5, "deviation": 2.0}, "evaluate_every": 2},
}
DROPOUTS = {"dropout": 0.3, "weight_drop": 0.2, "embedding_dropout": 0.1}
STEPS = 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_to_the_same_bits(kind: str, begin: Begin, tmp_path: Path) -> None:
    """From checkpoints in an epoch, at its end and beyond it."""
    given = {"steps": STEPS, "encoder": DROPOUTS, "checkpoint_minutes": 0} | KINDS[kind]
    whole = begin(**given, checkpoints=tmp_path / "whole")
    kept: list[Path] = []

    def keep() -> None:
        if isinstance(whole.events[-1], CheckpointSaved):
            kept.append(tmp_path / f"kept-{len(kept)}")
            shutil.copytree(tmp_path / "whole", kept[-1])

    whole.go(after=keep)
    steps = [event.step for event in whole.of(StepDone)]
    assert len(kept) >= len(steps)
    for folder in kept if kind == "adamw" else (kept[2], kept[-3]):
        again = begin(**given | {"checkpoint_minutes": 1}, checkpoints=folder).go(resume=True)
        begun = again.of(Started)[0].step
        assert [event.step for event in again.of(StepDone)] == steps[begun:]
        assert [event.loss for event in again.of(StepDone)] == [
            event.loss for event in whole.of(StepDone)
        ][begun:]
        for name, value in again.weights().items():
            assert torch.equal(value, whole.weights()[name]), (folder, name)
        assert again.of(Finished)[0].best == whole.of(Finished)[0].best


def test_without_a_checkpoint_it_begins_anew(begin: Begin, tmp_path: Path) -> None:
    run = begin(checkpoints=tmp_path / "none").go(resume=True)
    assert run.of(Started)[0].step == 0


def test_only_the_newest_is_kept(begin: Begin, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    begin(steps=3, checkpoint_minutes=0, checkpoints=folder).go()
    assert [path.name for path in folder.iterdir()] == ["step-00000003"]
    assert sorted(path.name for path in (folder / "step-00000003").iterdir()) == [
        "best.safetensors",
        "model.safetensors",
        "optimizer.safetensors",
        "progress.json",
        "rank-0.safetensors",
    ]


def test_what_a_kill_left_half_written_is_no_checkpoint(begin: Begin, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    begin(steps=2, checkpoint_minutes=0, checkpoints=folder).go()
    shutil.copytree(folder / "step-00000002", folder / "step-00000005.new")
    shutil.copytree(folder / "step-00000002", folder / "step-00000007")
    (folder / "step-00000007" / "progress.json").unlink()
    found = latest_checkpoint(folder)
    assert found is not None
    assert found.path == folder / "step-00000002"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (SafetensorError("I/O error: No space left on device"), "optimizer.safetensors: I/O error"),
    ],
)
def test_a_full_disk_leaves_the_checkpoint_before(
    error: Exception, reason: str, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoints"
    run = begin(steps=4, checkpoint_minutes=0, checkpoints=folder)
    save_file = checkpoint.save_file

    def full(tensors: Any, path: Path) -> None:
        if path.name == "optimizer.safetensors" and run.trainer.progress.step == 3:
            path.write_bytes(b"half of")
            raise error
        save_file(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(
        TrainingError,
        match=rf"cannot write checkpoint .*/step-00000003: {reason}.*; the one before it stands",
    ):
        run.go()
    assert [path.name for path in folder.iterdir()] == ["step-00000002"]
    monkeypatch.undo()
    again = begin(steps=4, checkpoint_minutes=0, checkpoints=folder).go(resume=True)
    assert [event.step for event in again.of(StepDone)] == [3, 4]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def garbage(path: Path) -> None:
    path.write_bytes(b"{not json at all")


def without_a_key(path: Path) -> None:
    saved = json.loads(path.read_text())
    del saved["average_updates"]
    path.write_text(json.dumps(saved))


def with_a_foreign_key(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"mood": "good"}))


DAMAGE: list[tuple[str, Callable[[Path], None], str]] = [
    ("model.safetensors", cut, "model.safetensors is damaged .*delete the folder to start anew"),
    ("model.safetensors", Path.unlink, "is damaged .*encoder.embedding.weight.*: delete it to st"),
    ("optimizer.safetensors", garbage, "optimizer.safetensors is damaged"),
    ("rank-0.safetensors", cut, "rank-0.safetensors is damaged"),
    ("rank-0.safetensors", Path.unlink, "was written by 0 processes, these are 1: start as many"),
    ("best.safetensors", cut, "best.safetensors is damaged"),
    ("progress.json", garbage, "step-00000002 is damaged .*: delete it to start anew"),
    ("progress.json", without_a_key, "step-00000002 is damaged .*average_updates"),
    ("progress.json", with_a_foreign_key, "step-00000002 is damaged .*mood"),
]


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGE)
def test_a_damaged_checkpoint_says_what_to_do(
    name: str, damage: Callable[[Path], None], message: str, begin: Begin, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoints"
    begin(steps=2, checkpoint_minutes=0, checkpoints=folder).go()
    damage(folder / "step-00000002" / name)
    with pytest.raises(TrainingError, match=message):
        begin(steps=4, checkpoints=folder).go(resume=True)


def test_a_run_of_an_earlier_version_learns_which_data_it_has(begin: Begin, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    begin(steps=2, checkpoint_minutes=0, checkpoints=folder).go()
    progress = folder / "step-00000002" / "progress.json"
    saved = json.loads(progress.read_text())
    del saved["data"]
    progress.write_text(json.dumps(saved))
    run = begin(steps=4, checkpoint_minutes=0, checkpoints=folder)
    run.trainer.progress.data = {"train": 5}
    run.go(resume=True)
    kept = json.loads((folder / "step-00000004" / "progress.json").read_text())
    assert kept["data"] == {"train": 5}


def test_another_networks_checkpoint_is_refused(begin: Begin, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    begin(steps=2, checkpoint_minutes=0, checkpoints=folder).go()
    for other in ({"hidden_size": 9}, {"layers": 3}, {"cell": "gru"}):
        with pytest.raises(TrainingError, match="step-00000002 is damaged"):
            begin(steps=4, encoder=other, checkpoints=folder).go(resume=True)


def test_another_number_of_processes_is_refused(begin: Begin, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    begin(steps=2, checkpoint_minutes=0, checkpoints=folder).go()
    newest = folder / "step-00000002"
    shutil.copy(newest / "rank-0.safetensors", newest / "rank-1.safetensors")
    with pytest.raises(TrainingError, match="was written by 2 processes, these are 1: start as ma"):
        begin(steps=4, checkpoints=folder).go(resume=True)
