"""Open a model folder: names, sizes and headers are checked at once, hashes at the first read."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textrnn.errors import ModelFolderError
from textrnn.model_folder.config import (
    CONFIG,
    MAX_CONFIG_BYTES,
    WEIGHTS,
    check_file_name,
    parse_config,
)
from textrnn.model_folder.folder import ModelFolder, refuse
from textrnn.model_folder.strict_json import shown
from textrnn.model_folder.swap import recover
from textrnn.model_folder.weights import read_layout

__all__ = ["files_in", "open_model_folder"]


_GRAPHS = "onnx/"


def open_model_folder(
    path: str | Path, *, task: str | None = None, graphs: bool = True
) -> ModelFolder:
    """Open and check the model folder at ``path``.

    Args:
        path: the folder.
        task: what the model must have been trained for; None takes any.
        graphs: look at them, too; they can be made again from all else.

    Raises:
        ModelFolderError: no such folder, another task, or a file that is missing, unexpected,
            altered or hostile; the message names the file and what is wrong with it.
    """
    path = Path(path)
    try:
        recover(path)
        if not path.is_dir():
            refuse(path, "is not a folder" if path.exists() else "does not exist")
        config = _read_config(path)
        if task is not None and config["task"] != task:
            refuse(path, f"is a model for {shown(config['task'])}, not for {task!r}")
        _check_files(path, config["files"], graphs=graphs)
        layout = read_layout(path / WEIGHTS, config["storage"])
    except ValueError as error:
        raise ModelFolderError(f"{path / WEIGHTS}: is damaged: {error}") from error
    except OSError as error:
        where = error.filename or path
        raise ModelFolderError(f"{where}: cannot be read ({error.strerror})") from error
    return ModelFolder(path, config, layout)


def files_in(path: Path) -> list[str]:
    """The relative names of all that is in a folder and its folders; a link is named, not followed.

    Raises:
        OSError: a folder cannot be listed.
    """
    names = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                names += [f"{entry.name}/{name}" for name in files_in(Path(entry))]
            else:
                names.append(entry.name)
    return sorted(names)


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG
    if not os.path.lexists(file):
        refuse(path, f"is not a model folder: it has no {CONFIG}")
    size = _size(path, CONFIG)
    if size > MAX_CONFIG_BYTES:
        refuse(file, f"has {size} bytes, more than {MAX_CONFIG_BYTES}")
    try:
        return parse_config(file.read_bytes())
    except ValueError as error:
        refuse(file, str(error))


def _check_files(path: Path, files: Mapping[str, Any], *, graphs: bool) -> None:
    """What is listed is there, of the listed size; what is not listed is not there, or hidden."""
    for name in files_in(path):
        if name not in files and name != CONFIG and not name.startswith("."):
            try:
                check_file_name(name)
            except ValueError as error:
                refuse(path, str(error))
            refuse(path, f"{shown(name)} is not listed in {CONFIG}")
    for name, entry in files.items():
        if name.startswith(_GRAPHS):
            if graphs:
                _check_file(path, name, entry, f"; make it again by: textrnn export {path}")
        else:
            _check_file(path, name, entry)


def _check_file(path: Path, name: str, entry: Mapping[str, Any], remedy: str = "") -> None:
    size = _size(path, name, remedy)
    if size != entry["bytes"]:
        refuse(path / name, f"has {size} bytes, not the {entry['bytes']} of {CONFIG}{remedy}")


def _size(path: Path, name: str, remedy: str = "") -> int:
    """The size of a plain file that lies in the folder, or in the hub cache it belongs to."""
    file = path / name
    if not os.path.lexists(file):
        refuse(file, f"is missing, but {CONFIG} lists it{remedy}")
    if not file.resolve().is_relative_to(_own_ground(path)):
        refuse(file, "is a link out of the folder, which is never followed")
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        refuse(file, "is not a plain file")
    return status.st_size


def _own_ground(path: Path) -> Path:
    """Where links may lead: the hub's cache has ``snapshots/REVISION`` full of them, to ``blobs``.

    Both lie in a folder ``models--ORG--NAME``.
    """
    real = path.resolve()
    repository = real.parent.parent
    in_hub = real.parent.name == "snapshots" and repository.name.startswith("models--")
    return repository if in_hub else real
