"""``textrnn bench`` as it is typed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from textrnn.models.measuring.machine import BATCHES, least_seconds, read_rate, stored_bytes
from textrnn.models.measuring.translation import read_in_a_step

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


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_figures_of_translation(run: Any, toy_translator: Path, engine: str) -> None:
    done = run("bench", toy_translator, "--engine", engine, "--json", *QUICK)
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert (record["engine"], record["beam_size"]) == (engine, 5)
    sentences, tokens = record["sentences_per_second"], record["tokens_per_second"]
    assert set(sentences) == set(tokens) == set(map(str, BATCHES))
    assert all(1 <= tokens[rows] / sentences[rows] <= 18 for rows in tokens)
    assert min(v for v in record.values() if isinstance(v, int | float)) > 0
    assert record["read_share"] < 1


def test_figures_of_translation_as_a_table(run: Any, toy_translator: Path) -> None:
    done = run("bench", toy_translator, *QUICK)
    assert (done.code, done.err) == (0, "")
    heads = [line.split("  ")[0] for line in done.lines]
    assert heads == [
        "engine",
        "open the model",
        "first sentence",
        *(f"batch {rows}" for rows in BATCHES),
        "peak memory",
        "floor at batch 1",
        "share of it reached",
        "matrix products",
    ]


def test_a_translator_in_training(run: Any, toy_translator: Path) -> None:
    done = run("bench", toy_translator, "--train", "--json", *QUICK)
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert record["bptt"] == 16
    assert 0 < record["gemm_share"] < 1


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_figures_of_classification(run: Any, toy_classifier: Path, engine: str) -> None:
    done = run("bench", toy_classifier, "--engine", engine, "--json", *QUICK)
    assert (done.code, done.err) == (0, "")
    (record,) = done.records
    assert record["engine"] == engine
    assert set(record["texts_per_second"]) == set(map(str, BATCHES))
    assert min(v for v in record.values() if isinstance(v, int | float)) > 0
    assert record["gemm_share"] < 1


def test_figures_of_classification_as_a_table(run: Any, toy_classifier: Path) -> None:
    done = run("bench", toy_classifier, *QUICK)
    assert (done.code, done.err) == (0, "")
    heads = [line.split("  ")[0] for line in done.lines]
    assert heads == [
        "engine",
        "open the model",
        "first text",
        *(f"batch {rows}" for rows in BATCHES),
        "peak memory",
        "matrix products",
        "share of it reached",
    ]


def test_a_classifiers_training_is_refused(run: Any, toy_classifier: Path) -> None:
    done = run("bench", toy_classifier, "--train")
    assert (done.code, done.out) == (2, "")
    assert "is a model for classification: training is measured for language_model" in done.err


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


def test_what_a_step_of_a_decoder_reads() -> None:
    def step_bytes(shapes: dict[str, tuple[int, ...]], precision: str) -> int:
        return stored_bytes(read_in_a_step(shapes).values(), precision)

    table, own = {"encoder.embedding.weight": (9, 4)}, {"decoder.embedding.weight": (7, 4)}
    layer = {"decoder.layers.0.weight_hidden": (12, 4), "head.bias": (7,)}
    keys = {"decoder.attention.key_projection.weight": (4, 8), "bridge.weight": (4, 8)}
    rest = layer | keys
    assert step_bytes(table | rest, "float32") == 4 * (48 + 7 + 36)
    assert step_bytes(table | own | rest, "float32") == 4 * (48 + 7 + 28)
    apart = table | own | rest | {"head.weight": (7, 5)}
    assert step_bytes(apart, "float32") == 4 * (48 + 7 + 35)
    assert step_bytes(apart, "int8") == 4 * 7 + int((48 + 35) * (1 + 4 / 256))
