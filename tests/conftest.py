"""What tests of several parts share: a little text, and a small model trained on it."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # tests ask no network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small steps are quickest on one thread
os.environ.setdefault("MPLBACKEND", "Agg")

import json
import random
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

settings.register_profile("no deadline", deadline=None)  # a first call imports, a machine is busy
settings.load_profile("no deadline")

RECIPE = """\
# A character model of a toy language, for tests.
task: language_modeling
tokenizer: {{kind: char}}
data: {{path: {folder}, train: train.txt, valid: valid.txt, documents: line}}
encoder: {{cell: lstm, embedding_size: 16, hidden_size: 32}}
training: {{steps: 60, batch_size: 8, bptt: 16, optimizer: {{learning_rate: 1e-2}}}}
"""


def toy_text(sentences: int, seed: int) -> str:
    """Sentences such as "the king sang.", one a line."""
    choose = random.Random(seed).choice
    words = (("the", "a"), ("cat", "dog", "king"), ("sat", "ran", "sang"))
    return "".join(" ".join(map(choose, words)) + ".\n" for _ in range(sentences))


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.txt, valid.txt and recipe.yaml."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "train.txt").write_text(toy_text(400, seed=1))
    (folder / "valid.txt").write_text(toy_text(40, seed=2))
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
    return folder


@pytest.fixture(scope="session")
def toy_run(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run of the recipe."""
    from textrnn.recipe import train

    run = tmp_path_factory.mktemp("runs") / "toy"
    train(toy_folder / "recipe.yaml", output=run)
    return run


@pytest.fixture(scope="session")
def toy_model(toy_run: Path) -> Path:
    """A character language model that has learnt a little; not to be changed."""
    return toy_run / "model"


@pytest.fixture
def translator(toy_model: Path, tmp_path: Path) -> Path:
    """A folder that says it is a model for another task."""
    folder = tmp_path / "translator"
    shutil.copytree(toy_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task": "translation"}))
    return folder
