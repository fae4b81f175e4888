"""A recipe that takes a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECIPE = """\
# A tiny model.
#
# Launch:  textrnn train tiny
# Reached: nothing yet,
#          in no time
#
# It is for tests.
task: language_modeling
tokenizer: {{kind: char}}
data: {{path: {folder}, train: train.txt, valid: valid.txt, documents: line}}
encoder: {{cell: gru, embedding_size: 6, hidden_size: 8, layers: 2}}
training: {{steps: 6, batch_size: 4, bptt: 8, evaluate_every: 4, evaluate_batch_size: 4}}
"""


@pytest.fixture
def tiny(toy_folder: Path, tmp_path: Path) -> Path:
    """The recipe's file."""
    path = tmp_path / "recipes" / "tiny.yaml"
    path.parent.mkdir()
    path.write_text(RECIPE.format(folder=toy_folder))
    return path


@pytest.fixture
def metrics() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads the lines of a run's metrics.jsonl."""

    def read(run: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    return read
