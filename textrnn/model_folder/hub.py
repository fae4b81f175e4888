"""Find a model by name: one that ships, a folder on this disk, or one on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from textrnn.errors import ModelFolderError, UnknownNameError
from textrnn.model_folder.config import CONFIG, WEIGHTS
from textrnn.model_folder.swap import recover

__all__ = ["find_model", "shipped_models"]

SHIPPED = Path(__file__).parent.parent / "pretrained"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_WANTED = [
    CONFIG,
    WEIGHTS,
    "tokenizer.*",
    "README.md",
    "LICENSE*",
    "NOTICE",
    "onnx/*.onnx",
    "onnx/*.json",
    "training/*",
]


def shipped_models() -> tuple[str, ...]:
    """The names of the models that ship with textrnn, sorted."""
    return tuple(sorted(file.parent.name for file in SHIPPED.glob(f"*/{CONFIG}")))


def find_model(name: str | Path) -> Path:
    """The folder of the model called ``name``.

    Args:
        name: a shipped name, the path of a folder, or a hub id ``ORG/NAME``. What exists on this disk is never
            looked up on the hub, and neither is a ``Path``.

    Raises:
        UnknownNameError: none of the three; the message names the closest shipped one.
        ModelFolderError: the hub cannot be reached or has no such model.
    """
    if str(name) in shipped_models():
        return SHIPPED / str(name)
    path = Path(name)
    recover(path)
    if path.exists():
        return path
    if isinstance(name, str) and _HUB_ID.fullmatch(name):
        return _download(name)
    raise UnknownNameError("model", str(name), shipped_models())


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED))
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{name}: {error}") from error
