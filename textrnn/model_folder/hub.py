"""Find a model: one that ships, a folder on this disk, or one on the Hugging Face hub."""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path

from textrnn.errors import ModelFolderError, UnknownNameError
from textrnn.model_folder.config import ALLOWED_FILES, CONFIG
from textrnn.model_folder.swap import recover

__all__ = ["find_model", "shipped_models"]

SHIPPED = Path(__file__).parent.parent / "pretrained"
MODEL_IN_RUN = "model"  # where the folder of a training run keeps its model folder
SECONDS_TO_ANSWER = 5.0
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def shipped_models() -> tuple[str, ...]:
    """The names of the models that ship with textrnn, sorted."""
    return tuple(sorted(file.parent.name for file in SHIPPED.glob(f"*/{CONFIG}")))


def find_model(name: str | Path) -> Path:
    """The folder of the model called ``name``.

    Args:
        name: a shipped name, the path of a model folder or of the run that made one, or a hub id
            ``ORG/NAME``, in this order. What is on this disk is never looked up on the hub, and
            neither is a ``Path``.

    Raises:
        UnknownNameError: none of the three; the message names the closest shipped one.
        ModelFolderError: the hub cannot be reached, or has no such model.
    """
    if not isinstance(name, str | PathLike):
        raise UnknownNameError("model", name, shipped_models())
    if str(name) in shipped_models():
        return SHIPPED / str(name)
    path = Path(name)
    recover(path)
    if os.path.lexists(path):
        return _of_run(path)
    if isinstance(name, str) and _HUB_ID.fullmatch(name):
        return _download(name)
    raise UnknownNameError("model", str(name), shipped_models())


def _of_run(path: Path) -> Path:
    """The model folder of a training run's folder; ``path`` itself where it is no such folder."""
    inside = path / MODEL_IN_RUN
    recover(inside)
    is_run = os.path.isfile(inside / CONFIG) and not os.path.exists(path / CONFIG)
    return inside if is_run else path


def _download(name: str) -> Path:
    """The model's snapshot in the hub's cache, fetched where it is not there yet."""
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

    try:  # snapshot_download would wait for ever for a hub that does not answer
        reached = HfApi().model_info(name, timeout=SECONDS_TO_ANSWER) is not None
    except RepositoryNotFoundError as error:
        why = "the hub has no such model that you may read (hf auth login)"
        raise ModelFolderError(f"{name}: there is no such folder, and {why}") from error
    except Exception:  # the hub's libraries raise errors of a dozen unrelated kinds
        reached = False
    wanted = [CONFIG, *ALLOWED_FILES]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=not reached))
    except LocalEntryNotFoundError as error:
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "the hub does not answer"
        raise ModelFolderError(
            f"{name}: there is no such folder, it is not in the hub's cache, and {why}"
        ) from error
    except Exception as error:
        lines = str(error).split("\n")
        raise ModelFolderError(f"{name}: cannot be fetched from the hub: {lines[0]}") from error
