"""Model folders whose graphs are missing, stale or damaged, and machines that lack something."""

from __future__ import annotations

import errno
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from textrnn.model_folder import ModelFolder, open_model_folder

WRITE = ("generate", "-p", "the", "--max-new-tokens", "3", "--temperature", "0")


@pytest.fixture
def copied(toy_model: Path, tmp_path: Path) -> Path:
    """A model folder that may be spoilt."""
    shutil.copytree(toy_model, tmp_path / "copy")
    return tmp_path / "copy"


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def without_graphs(folder: Path) -> None:
    files = json.loads((folder / "config.json").read_text())["files"]
    change_config(folder, files={n: f for n, f in files.items() if not n.startswith("onnx/")})
    shutil.rmtree(folder / "onnx")


def with_other_parameters(folder: Path) -> None:
    """The graphs stay; the parameters are others, whole and well described."""
    from textrnn.model_folder import FolderContents, write_model_folder

    before: ModelFolder = open_model_folder(folder)
    tensors = {name: array * 1.01 for name, array in before.tensors().items()}
    kept = ("task", "network", "storage", "generation", "documents")
    config = {key: before.config[key] for key in kept if key in before.config}
    extra = {n: before.file(n).read_bytes() for n in before.files if n.startswith("onnx/")}
    contents = FolderContents(config, tensors, before.tokenizer(), "# Changed\n", extra)
    write_model_folder(folder.parent / "other", contents)
    shutil.rmtree(folder)
    (folder.parent / "other").rename(folder)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_graphs, "the folder has no onnx/step.onnx"),
        (with_other_parameters, "its graphs were made from other parameters"),
    ],
)
def test_torch_runs_what_has_no_graphs_and_says_how_to_get_them(
    run: Any, copied: Path, spoil: Any, reason: str
) -> None:
    spoil(copied)
    hint = f"{reason}: make its graphs by: textrnn export {copied}"
    done = run(*WRITE, "-m", copied)
    assert (done.code, done.out != "") == (0, True)
    assert f"torch runs this model, not onnx: {hint}" in done.err
    done = run(*WRITE, "-m", copied, "--engine", "onnx")
    assert (done.code, done.out) == (1, "")
    assert hint in done.err
    assert run("export", copied).code == 0
    assert run(*WRITE, "-m", copied, "--engine", "onnx").code == 0


@pytest.mark.parametrize("engine", ["auto", "onnx"])
@pytest.mark.parametrize(
    "name", ["step.onnx", "steps.onnx", "read.onnx", "head.onnx", "weights.data"]
)
def test_a_file_cut_short_is_named(run: Any, copied: Path, name: str, engine: str) -> None:
    path = copied / "onnx" / name
    path.write_bytes(path.read_bytes()[:-9])
    done = run(*WRITE, "-m", copied, "--engine", engine)
    assert (done.code, done.out) == (1, "")
    assert f"onnx/{name}: has {path.stat().st_size} bytes, not the" in done.err.replace("\n", " ")


def test_without_onnxruntime(run: Any, toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = run(*WRITE, "-m", toy_model)
    assert (done.code, done.out != "") == (0, True)
    assert "not onnx: it needs onnxruntime: pip install onnxruntime" in done.err
    done = run(*WRITE, "-m", toy_model, "--engine", "onnx")
    assert (done.code, done.out) == (1, "")
    assert "onnx: it needs onnxruntime: pip install onnxruntime" in done.err


@pytest.mark.parametrize("threads", [0, 10_000])
@pytest.mark.parametrize("command", ["generate", "score", "evaluate", "bench"])
def test_threads_that_the_machine_has_not(
    run: Any, toy_model: Path, command: str, threads: int
) -> None:
    words: tuple[Any, ...] = {
        "generate": (*WRITE, "-m", toy_model),
        "score": ("score", "the cat sat.", "-m", toy_model),
        "evaluate": ("evaluate", "-m", toy_model, "--data", toy_model / "config.json"),
        "bench": ("bench", toy_model, "--seconds", "0.01"),
    }[command]
    done = run(*words, "--threads", threads)
    assert (done.code, done.out) == (2, "")
    too_few = "Invalid value for '--threads': Input should be greater than or equal to 1"
    too_many = f"threads is {threads}: give a whole number from 1 to"
    assert (too_many if threads else too_few) in done.err


@pytest.mark.parametrize("place", ["pathlib.Path.write_bytes", "textrnn.model_folder.writing._add"])
def test_a_full_disk_while_exporting(
    run: Any, copied: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        done = run("export", copied)
    assert (done.code, done.out) == (1, "")
    assert "No space left on device" in done.err
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before
    assert run(*WRITE, "-m", copied, "--engine", "onnx").code == 0
