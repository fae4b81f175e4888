"""Small model folders to write, and to spoil."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textrnn.model_folder import FolderContents, ModelFolder, write_model_folder
from textrnn.tokenizers import FAMILY

CONFIG = {"task": "language_modeling", "network": {"encoder": {"hidden_size": 3}}}


@pytest.fixture
def contents() -> Callable[..., FolderContents]:
    """Contents of a small model folder, some of them changed."""

    def make(**changes: Any) -> FolderContents:
        values: dict[str, Any] = {
            "config": CONFIG,
            "tensors": {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2)},
            "tokenizer": FAMILY.get("byte")(),
            "card": "# A card\n",
        }
        return FolderContents(**values | changes)

    return make


@pytest.fixture
def folder(tmp_path: Path, contents: Callable[..., FolderContents]) -> ModelFolder:
    """A model folder that has every kind of file."""
    extra: dict[str, bytes | Path] = {
        "training/metrics.jsonl": b"{}\n",
        "onnx/step.onnx": b"a graph",
        "LICENSE": b"free\n",
    }
    config = CONFIG | {"generation": {"temperature": 0.8}, "labels": ["a", "b"]}
    return write_model_folder(tmp_path / "model", contents(config=config, extra=extra))


@pytest.fixture
def edit(folder: ModelFolder) -> Callable[..., None]:
    """Change the config's top-level keys, or ``files``; ``None`` takes one away."""

    def change(files: dict[str, Any] | None = None, **keys: Any) -> None:
        path = folder.path / "config.json"
        config = json.loads(path.read_text())
        for part, changes in ((config, keys), (config["files"], files or {})):
            for key, value in changes.items():
                if value is None:
                    del part[key]
                else:
                    part[key] = value
        path.write_text(json.dumps(config))

    return change


@pytest.fixture
def reseal(folder: ModelFolder, edit: Callable[..., None]) -> Callable[[str, bytes], None]:
    """Put other bytes into a file, and its size and hash into the config."""

    def put(name: str, data: bytes) -> None:
        (folder.path / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        keys = {"parameters_sha256": digest} if name == "model.safetensors" else {}
        edit(files={name: {"sha256": digest, "bytes": len(data)}}, **keys)

    return put
