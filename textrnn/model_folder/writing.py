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
    SOURCE,
    STORAGES,
    WEIGHTS,
    check_config,
    check_file_name,
)
from textrnn.model_folder.folder import ModelFolder
from textrnn.model_folder.reading import files_in, open_model_folder
from textrnn.model_folder.strict_json import parse_object, shown
from textrnn.model_folder.swap import put_in_place, recover, temporary_sibling
from textrnn.model_folder.weights import encode_weights

if TYPE_CHECKING:
    import numpy as np

    from textrnn.tokenizers import Tokenizer

__all__ = ["FolderContents", "write_model_folder"]

_FILLED_IN = ("format_version", "textrnn_version", "files", "parameters_sha256")


@dataclass(frozen=True)
class FolderContents:
    """What goes into a model folder.

    Attributes:
        config: ``task``, ``network`` and, where there are any, ``storage`` (``"float32"`` unless
            said), ``languages``, ``labels``, ``calibration``, ``generation``, ``summary``,
            ``reached``, ``documents``. The tokenizer's kind, vocab_size, hashes and versions are
            filled in.
        tensors: the parameters by name, cast to the storage when they are written.
        tokenizer: saved beside them.
        card: the text of README.md.
        extra: further files by relative name, as bytes or as a file to copy, for example
            ``{"training/metrics.jsonl": b"...", "onnx/step.onnx": Path("step.onnx")}``.
        source_tokenizer: a translator's second tokenizer, where source and target have one each.
    """

    config: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    tokenizer: Tokenizer
    card: str
    extra: Mapping[str, bytes | Path] = field(default_factory=dict)
    source_tokenizer: Tokenizer | None = None


def write_model_folder(path: str | Path, contents: FolderContents) -> ModelFolder:
    """Write ``contents`` to the folder ``path``, and open it.

    The folder is built beside ``path``, checked, flushed to the disk and renamed, so that a kill or
    a full disk leaves what was there before. A model folder or an empty folder is replaced;
    anything else is refused.

    Raises:
        ModelFolderError: something else is at ``path``, the contents have no place in a model
            folder, or the disk refuses them.
    """
    path = Path(path).resolve()
    try:
        recover(path)
        _check_replaceable(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_sibling(path) as new:
            _fill(new, contents)
            open_model_folder(new)
            put_in_place(new, path)
    except ValueError as error:
        raise ModelFolderError(f"{path}: cannot be written: {error}") from error
    except OSError as error:
        raise ModelFolderError(
            f"{path}: cannot be written ({error.strerror}); what was there before is still there"
        ) from error
    return open_model_folder(path)


def _check_replaceable(path: Path) -> None:
    """A model folder may be replaced, a damaged one too, but nothing that holds anything else."""
    if not path.exists():
        return
    if not path.is_dir():
        raise ValueError("it is a file: choose another name")
    names = files_in(path)
    if not names:
        return
    if not _has_config(path):
        raise ValueError("it is a folder of something else: choose another name, or empty it")
    for name in names:
        if name == CONFIG:
            continue
        try:
            check_file_name(name)
        except ValueError as error:
            raise ValueError(f"{error}: move it elsewhere, or choose another name") from None


def _has_config(path: Path) -> bool:
    try:
        return "format_version" in parse_object((path / CONFIG).read_bytes())
    except (FileNotFoundError, ValueError):
        return False


def _fill(folder: Path, contents: FolderContents) -> None:
    config = _config(contents)
    contents.tokenizer.save(folder)
    if contents.source_tokenizer is not None:
        contents.source_tokenizer.save(folder / SOURCE)
    (folder / WEIGHTS).write_bytes(encode_weights(contents.tensors, config["storage"]))
    (folder / "README.md").write_text(contents.card, encoding="utf-8")
    for name, source in contents.extra.items():
        _add(folder, name, source)
    config["files"] = {name: _entry(folder / name) for name in files_in(folder)}
    config["parameters_sha256"] = config["files"][WEIGHTS]["sha256"]
    check_config(config)
    text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")


def _config(contents: FolderContents) -> dict[str, Any]:
    """What can be said before the files are written, in an order that people can read."""
    given, tokenizer = contents.config, contents.tokenizer
    for key in _FILLED_IN:
        if key in given:
            raise ValueError(f"config holds {key!r}, which is filled in")
    known = {"tokenizer": tokenizer.kind, "vocab_size": tokenizer.vocab_size}
    for key, value in known.items():
        if given.get(key, value) != value:
            raise ValueError(f"config says {key} {given[key]!r}, but the tokenizer says {value!r}")
    start = {
        "format_version": FORMAT_VERSION,
        "textrnn_version": __version__,
        "storage": "float32",
    }
    config = {**start, **given, **known}
    if config["storage"] not in STORAGES:
        raise ValueError(f"storage is {shown(config['storage'])}, not 'float32' or 'float16'")
    return config


def _add(folder: Path, name: str, source: bytes | Path) -> None:
    check_file_name(name)
    file = folder / name
    if file.exists():
        raise ValueError(f"extra holds {name!r}, which is written anyway")
    file.parent.mkdir(exist_ok=True)
    if isinstance(source, bytes):
        file.write_bytes(source)
    else:
        shutil.copyfile(source, file)


def _entry(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"sha256": digest, "bytes": file.stat().st_size}
