"""Write a model folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn import __version__
from textrnn.errors import ModelFolderError
from textrnn.model_folder.config import (
    CONFIG,
    FORMAT_VERSION,
    STORAGES,
    WEIGHTS,
    check_config,
    check_file_name,
)
from textrnn.model_folder.reading import ModelFolder, open_model_folder
from textrnn.model_folder.strict_json import parse_object, shown
from textrnn.model_folder.swap import new_sibling, put_in_place, recover, sync_tree
from textrnn.model_folder.weights import save_weights

if TYPE_CHECKING:
    import numpy as np

    from textrnn.tokenizers import Tokenizer

__all__ = ["FolderContents", "write_model_folder"]

_WRITTEN_HERE = ("format_version", "files", "parameters_sha256", "textrnn_version")


@dataclass(frozen=True)
class FolderContents:
    """What goes into a model folder.

    Attributes:
        config: task, network and, where there are any, storage ("float32"), languages, labels, generation,
            summary, reached, recipe. Tokenizer kind, vocab_size, hashes and versions are filled in.
        tensors: the parameters by name; cast to the storage.
        tokenizer: saved beside them.
        card: the text of README.md.
        extra: further files by relative name, as bytes or as a file to copy, for example
            ``{"training/metrics.jsonl": b"...", "onnx/step.onnx": Path(...)}``.
    """

    config: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    tokenizer: Tokenizer
    card: str
    extra: Mapping[str, bytes | Path] = field(default_factory=dict)


def write_model_folder(path: str | Path, contents: FolderContents) -> ModelFolder:
    """Write ``contents`` to the folder ``path``, and open it.

    The folder is built beside ``path``, checked, flushed to the disk and renamed, so a kill or a full disk leaves
    what was there before. A model folder or an empty folder is replaced; anything else is refused.

    Raises:
        ModelFolderError: ``path`` is something else than a model folder, the contents are not allowed in one, or
            the disk refuses.
    """
    path = Path(path).resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        recover(path)
        _check_replaceable(path)
        new = new_sibling(path)
        try:
            _fill(new, contents)
            open_model_folder(new)
            sync_tree(new)
            put_in_place(new, path)
        except ModelFolderError as error:
            raise ModelFolderError(str(error).replace(str(new), str(path))) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except ValueError as error:
        raise ModelFolderError(f"{path}: cannot be written: {error}") from error
    except OSError as error:
        raise ModelFolderError(
            f"{path}: cannot be written ({error.strerror}); what was there before is untouched"
        ) from error
    return open_model_folder(path)


def _fill(folder: Path, contents: FolderContents) -> None:
    config = _config(contents)
    contents.tokenizer.save(folder)
    save_weights(contents.tensors, folder / WEIGHTS, config["storage"])
    (folder / "README.md").write_text(contents.card, encoding="utf-8")
    for name, source in contents.extra.items():
        check_file_name(name)
        file = folder / name
        if file.exists():
            raise ValueError(f"extra holds {name!r}, which is written anyway")
        file.parent.mkdir(exist_ok=True)
        if isinstance(source, bytes):
            file.write_bytes(source)
        else:
            shutil.copyfile(source, file)
    config["files"] = {
        file.relative_to(folder).as_posix(): _entry(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    config["parameters_sha256"] = config["files"][WEIGHTS]["sha256"]
    check_config(config)
    text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")


def _config(contents: FolderContents) -> dict[str, Any]:
    """The config so far, in the order in which it is read by people."""
    for key in _WRITTEN_HERE:
        if key in contents.config:
            raise ValueError(f"config holds {key!r}, which is filled in here")
    known = {"tokenizer": contents.tokenizer.kind, "vocab_size": contents.tokenizer.vocab_size}
    for key, value in known.items():
        if contents.config.get(key, value) != value:
            raise ValueError(
                f"config gives {key} {shown(contents.config[key])}, but the tokenizer {shown(value)}"
            )
    config = {
        "format_version": FORMAT_VERSION,
        "textrnn_version": __version__,
        "storage": "float32",
        **contents.config,
        **known,
    }
    if config["storage"] not in STORAGES:
        raise ValueError(
            f"storage is {shown(config['storage'])}, not {' or '.join(map(repr, STORAGES))}"
        )
    return config


def _entry(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"sha256": digest, "bytes": file.stat().st_size}


def _check_replaceable(path: Path) -> None:
    """A damaged model folder may be replaced; a folder with anything else in it may not."""
    if not path.exists():
        return
    if not path.is_dir():
        raise ValueError("it is a file, not a model folder: choose another name")
    names = [file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()]
    if not names:
        return
    try:
        known = "format_version" in parse_object((path / CONFIG).read_bytes())
    except (ValueError, FileNotFoundError):
        known = False
    if not known:
        raise ValueError("it is a folder of something else: choose another name, or empty it first")
    for name in names:
        if name != CONFIG:
            check_file_name(name)
