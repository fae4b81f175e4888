"""``textrnn export`` as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from textrnn.model_folder import open_model_folder


def test_a_training_leaves_graphs_and_export_makes_them_again(
    run: Any, toy_model: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(toy_model, copied)
    before = open_model_folder(copied)
    assert "onnx/step.onnx" in before.files
    done = run("export", copied, "--precision", "float32")
    assert (done.code, done.err) == (0, "")
    rows = dict(line.split("  ", 1) for line in done.lines)
    assert rows["model"].strip() == str(copied)
    assert rows["precision"].strip() == "float32"
    assert rows["graphs"].strip().endswith(" MB")
    assert float(rows["greatest difference of a logit"]) < 1e-4
    assert rows["divergence from the network"].strip().endswith(" nats a token")
    after = open_model_folder(copied)
    assert set(after.files) == set(before.files) - {"onnx/steps.onnx"}  # which is in 8 bits only
    assert after.parameters_sha256 == before.parameters_sha256
    assert (copied / "onnx/weights.data").stat().st_size > 2 * (
        toy_model / "onnx/weights.data"
    ).stat().st_size


def test_export_elsewhere_as_json(run: Any, toy_model: Path, tmp_path: Path) -> None:
    done = run("export", toy_model, "--output", tmp_path / "new", "--json")
    record = json.loads(done.out)
    assert record["path"] == str(tmp_path / "new")
    assert record["precision"] == "int8"
    assert record["divergence"] < 0.02
    assert run("generate", "-m", record["path"], "--engine", "onnx", "-p", "the").code == 0


def test_export_refuses(run: Any, toy_model: Path, tmp_path: Path) -> None:
    done = run("export", toy_model, "--precision", "int4")
    assert (done.code, done.out) == (2, "")
    assert "no precision 'int4' (known: float32, int8)" in done.err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    done = run("export", toy_model, "--output", tmp_path / "full")
    assert (done.code, done.out) == (1, "")
    assert "is a folder of something else: choose another name" in done.err
