"""``textrnn bench`` as it is typed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from textrnn.models.measuring import BATCHES, least_seconds, read_rate

QUICK = ("--seconds", "0.01", "--threads", "1")


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_figures_of_generation(run: Any, toy_model: Path, engine: str) -> None:
    done = run("bench", toy_model, "--engine", engine, "--json", *QUICK)
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert record["engine"] == engine
    assert record["precision"] == ("int8" if engine == "onnx" else "float32")
    assert set(record["tokens_per_second"]) == set(record["step_seconds"]) == set(map(str, BATCHES))
    plain = {k: v for k, v in record.items() if isinstance(v, int | float)}
    assert min(plain.values()) > 0
    assert 0 < record["read_share"] < 1
    parameters = 36_000 // (1 if engine == "torch" else 4)
    assert record["weight_bytes"] < 4 * parameters


def test_figures_as_a_table(run: Any, toy_model: Path) -> None:
    done = run("bench", toy_model, *QUICK)
    assert (done.code, done.err) == (0, "")
    heads = [line.split("  ")[0] for line in done.lines]
    assert heads == [
        "engine",
        "open the model",
        "first token",
        *(f"batch {rows}" for rows in BATCHES),
        "peak memory",
        "floor at batch 1",
        "share of it reached",
        "matrix products",
    ]
    assert "onnx, int8 weights" in done.out


@pytest.mark.parametrize("recipe", ["kept", "missing"])
def test_figures_of_training(run: Any, toy_model: Path, tmp_path: Path, recipe: str) -> None:
    model = toy_model
    if recipe == "missing":
        import json

        model = tmp_path / "model"
        shutil.copytree(toy_model, model)
        (model / "training" / "recipe.yaml").unlink()
        config = json.loads((model / "config.json").read_text())
        del config["files"]["training/recipe.yaml"]
        (model / "config.json").write_text(json.dumps(config))
    before = torch.get_num_threads()
    done = run("bench", model, "--train", "--json", *QUICK)
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert (record["batch_size"], record["bptt"]) == ((8, 16) if recipe == "kept" else (32, 64))
    assert min(v for v in record.values() if isinstance(v, int | float)) > 0
    assert torch.get_num_threads() == before
    table = run("bench", model, "--train", *QUICK)
    heads = [line.split("  ")[0] for line in table.lines]
    assert heads == ["training", "step", "matrix products", "share of it reached"]


@pytest.mark.parametrize("option", [("--engine", "torch"), ("--device", "cpu")])
def test_options_that_do_not_apply_to_training(
    run: Any, toy_model: Path, option: tuple[str, str]
) -> None:
    done = run("bench", toy_model, "--train", *option)
    assert (done.code, done.out) == (2, "")
    assert f"{option[0]} does not apply to --train, which runs PyTorch on the CPU" in done.err


def test_the_least_time_is_of_three_at_least() -> None:
    calls: list[None] = []
    assert least_seconds(lambda: calls.append(None), 0.0) >= 0
    assert len(calls) == 4


def test_the_rate_of_reading_is_one() -> None:
    assert 1e8 < read_rate(1 << 20, 0.02) < 1e13
