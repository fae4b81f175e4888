"""``textrnn models`` as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from textrnn.model_folder import hub, open_model_folder


@pytest.fixture
def shipped(tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped models that holds one, with a summary."""
    shutil.copytree(toy_model, tmp_path / "shipped" / "toy-en")
    path = tmp_path / "shipped" / "toy-en" / "config.json"
    config = json.loads(path.read_text()) | {"summary": "Toys.", "reached": "1.0 bits\x1b[2J"}
    path.write_text(json.dumps(config))
    monkeypatch.setattr(hub, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_list(run: Any, shipped: Path) -> None:
    done = run("models", "list")
    assert (done.code, done.err) == (0, "")
    assert done.out == "toy-en  Toys.  1.0 bits\ufffd[2J\n"


def test_list_as_json(run: Any, shipped: Path) -> None:
    assert run("models", "list", "--json").records == [
        {"name": "toy-en", "summary": "Toys.", "reached": "1.0 bits\x1b[2J"}
    ]


@pytest.mark.usefixtures("shipped")
def test_a_list_of_models_without_a_word_about_them(run: Any, shipped: Path) -> None:
    path = shipped / "toy-en" / "config.json"
    config = json.loads(path.read_text())
    del config["summary"], config["reached"]
    path.write_text(json.dumps(config))
    assert run("models", "list").out == "toy-en\n"
    assert run("models", "info", "toy-en", "--json").records[0]["summary"] == ""


def test_list_where_none_ship(run: Any, shipped: Path) -> None:
    shutil.rmtree(shipped)
    done = run("models", "list")
    assert (done.code, done.out) == (0, "")
    assert "no models ship with this build: give a model folder, or a hub id ORG/NAME" in done.err
    assert run("models", "list", "--json", "--quiet").err == ""


def test_list_with_a_damaged_one(run: Any, shipped: Path) -> None:
    (shipped / "toy-en" / "config.json").write_text("{}")
    done = run("models", "list")
    assert (done.code, done.out) == (1, "")
    assert "toy-en/config.json: it has no format_version" in done.err


def test_info(run: Any, toy_model: Path) -> None:
    done = run("models", "info", toy_model)
    assert (done.code, done.err) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in done.lines[:6] if " " in line.strip())
    assert facts["path"] == str(toy_model)
    assert facts["task"] == "language_modeling"
    assert "model.safetensors" in done.out
    assert done.out.endswith(open_model_folder(toy_model).card())


def test_info_as_json(run: Any, toy_model: Path) -> None:
    (facts,) = run("models", "info", toy_model, "--json").records
    folder = open_model_folder(toy_model)
    shapes = folder.tensor_shapes()
    assert facts["parameters"] == sum(t.size for t in folder.tensors().values())
    assert facts["bytes"] == sum(facts["files"].values())
    assert set(facts["files"]) == set(folder.files)
    assert facts["network"] == folder.network
    assert facts["card"] == folder.card()
    assert len(shapes) > 3


def test_info_of_a_list(run: Any, toy_model: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_model, tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": ["bad", "good"]}))
    assert "\nlabels " in run("models", "info", tmp_path / "model").out
    assert "bad, good" in run("models", "info", tmp_path / "model").out


def test_info_checks_every_file(run: Any, toy_model: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_model, tmp_path / "model")
    card = tmp_path / "model" / "README.md"
    card.write_text(card.read_text().swapcase())
    done = run("models", "info", tmp_path / "model")
    assert (done.code, done.out) == (1, "")
    assert "README.md: is damaged: its sha256 is not the one in config.json" in done.err


def test_info_of_the_default_model(run: Any, shipped: Path) -> None:
    done = run("models", "info")
    assert done.code == 2
    assert "no model 'stories-en' (known: toy-en)" in done.err


def test_info_reads_as_words(run: Any, toy_model: Path) -> None:
    out = run("models", "info", toy_model).out
    for part in ("bidirectional no", "tied yes", "output_size none", "cutoffs none"):
        assert part in out
    assert "\nsummary            none\n" in out
