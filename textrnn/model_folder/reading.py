"""Open a model folder: every name, size and header is checked at once, every hash when its file is first read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from textrnn.errors import ModelFolderError, TextRNNError
from textrnn.model_folder.config import (
    CONFIG,
    MAX_CONFIG_BYTES,
    WEIGHTS,
    check_file_name,
    parse_config,
)
from textrnn.model_folder.strict_json import shown
from textrnn.model_folder.swap import recover
from textrnn.model_folder.weights import Layout, read_layout, split_weights

if TYPE_CHECKING:
    import numpy as np

    from textrnn.tokenizers import Tokenizer

__all__ = ["ModelFolder", "open_model_folder"]


@dataclass(frozen=True)
class ModelFolder:
    """A model folder whose names, sizes and headers have been checked; :func:`open_model_folder` makes it.

    Attributes:
        path: where it lies.
        config: its config.json, checked.
    """

    path: Path
    config: Mapping[str, Any]
    _layout: Layout = field(repr=False)
    _verified: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def task(self) -> str:
        """What the model was trained for, for example ``"language_modeling"``."""
        return cast(str, self.config["task"])

    @property
    def vocab_size(self) -> int:
        """V, the number of ids."""
        return cast(int, self.config["vocab_size"])

    @property
    def network(self) -> dict[str, Any]:
        """The sizes and kinds of the network's parts."""
        return cast(dict[str, Any], self.config["network"])

    @property
    def generation(self) -> dict[str, Any]:
        """The recommended generation settings; empty where there are none."""
        return cast(dict[str, Any], self.config.get("generation", {}))

    @property
    def parameters_sha256(self) -> str:
        """The sha256 of model.safetensors, which graphs made from it repeat."""
        return cast(str, self.config["parameters_sha256"])

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, from the header alone."""
        return {name: span.shape for name, span in self._layout.spans.items()}

    def tensors(self) -> dict[str, np.ndarray]:
        """Every parameter as float32.

        Raises:
            ModelFolderError: the file is not the one that was written.
        """
        import numpy as np

        path = self.path / WEIGHTS
        try:
            data = np.fromfile(path, np.uint8)
        except OSError as error:
            _refuse(path, f"cannot be read ({error.strerror})")
        if data.size != self.config["files"][WEIGHTS]["bytes"]:
            _refuse(path, "has changed since the folder was opened")
        if WEIGHTS not in self._verified:
            self._compare(WEIGHTS, hashlib.sha256(data).hexdigest())
        return split_weights(data, self._layout)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer.

        Raises:
            ModelFolderError: a tokenizer file is missing, altered, or does not fit the model.
        """
        from textrnn.tokenizers import load_tokenizer

        for name in self.files():
            if name.startswith("tokenizer."):
                self.file(name)
        try:
            tokenizer = load_tokenizer(self.path)
        except TextRNNError as error:
            raise ModelFolderError(f"{self.path}: {error}") from error
        if (tokenizer.kind, tokenizer.vocab_size) != (self.config["tokenizer"], self.vocab_size):
            _refuse(
                self.path,
                f"its tokenizer ({shown(tokenizer.kind)}, {tokenizer.vocab_size} ids) is not the one that "
                f"{CONFIG} names ({shown(self.config['tokenizer'])}, {self.vocab_size} ids)",
            )
        return tokenizer

    def card(self) -> str:
        """The model card, README.md; empty where there is none.

        Raises:
            ModelFolderError: it is not the one that was written, or not UTF-8 text.
        """
        if "README.md" not in self.config["files"]:
            return ""
        path = self.file("README.md")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            _refuse(path, "is not UTF-8 text")

    def files(self) -> tuple[str, ...]:
        """The relative names of all files but config.json, sorted."""
        return tuple(sorted(self.config["files"]))

    def file(self, name: str) -> Path:
        """The path of one file, hashed the first time it is asked for.

        Args:
            name: a relative name from :meth:`files`, for example ``"onnx/step.onnx"``.

        Raises:
            ModelFolderError: there is no such file, or it is not the one that was written.
        """
        path = self.path / name
        if name not in self.config["files"]:
            _refuse(self.path, f"holds no file {shown(name)}")
        if name not in self._verified:
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                _refuse(path, f"cannot be read ({error.strerror})")
            self._compare(name, digest)
        return path

    def verify(self) -> None:
        """Hash every file now.

        Raises:
            ModelFolderError: one of them is not the one that was written.
        """
        for name in self.files():
            self.file(name)

    def _compare(self, name: str, digest: str) -> None:
        if digest != self.config["files"][name]["sha256"]:
            _refuse(
                self.path / name,
                f"is damaged: its sha256 is not the one in {CONFIG}; fetch or train it again",
            )
        self._verified.add(name)


def open_model_folder(path: str | Path, *, task: str | None = None) -> ModelFolder:
    """Open and check the model folder at ``path``.

    Args:
        path: the folder.
        task: what the model must have been trained for; None takes any.

    Raises:
        ModelFolderError: no such folder, another task, or one file is missing, unexpected, altered or hostile;
            the message names the file and what is wrong with it.
    """
    path = Path(path)
    try:
        recover(path)
        if not path.is_dir():
            _refuse(path, "is not a folder" if path.exists() else "does not exist")
        config = _read_config(path)
        if task is not None and config["task"] != task:
            _refuse(path, f"is a model for {shown(config['task'])}, not for {task!r}")
        _check_tree(path, config["files"])
        try:
            layout = read_layout(path / WEIGHTS, config["storage"])
        except ValueError as error:
            _refuse(path / WEIGHTS, f"is damaged: {error}")
    except OSError as error:
        raise ModelFolderError(
            f"{error.filename or path}: cannot be read ({error.strerror})"
        ) from error
    return ModelFolder(path, config, layout)


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG
    if not os.path.lexists(file):
        _refuse(path, f"is not a model folder: it has no {CONFIG}")
    size = _size(path, CONFIG)
    if size > MAX_CONFIG_BYTES:
        _refuse(file, f"has {size} bytes, more than {MAX_CONFIG_BYTES}")
    try:
        return parse_config(file.read_bytes())
    except ValueError as error:
        _refuse(file, str(error))


def _check_tree(path: Path, files: Mapping[str, Any]) -> None:
    """Every listed file is there with its size, and nothing else is but hidden files, which are never read."""
    for place, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name[0] != "."]
        for name in (*folders, *names):
            file = Path(place, name)
            relative = file.relative_to(path).as_posix()
            if name in folders and file.is_symlink():
                _refuse(file, "is a link: a model folder holds its own files")
            if name in folders or name[0] == "." or relative in files or relative == CONFIG:
                continue
            try:
                check_file_name(relative)
            except ValueError as error:
                _refuse(path, str(error).removeprefix("files: "))
            _refuse(file, f"is not listed in {CONFIG}")
    for name, entry in files.items():
        size = _size(path, name)
        if size != entry["bytes"]:
            _refuse(
                path / name,
                f"has {size} bytes, not the {shown(entry['bytes'])} that {CONFIG} gives",
            )


def _size(path: Path, name: str) -> int:
    """The size of a plain file that lies in the folder, or in the hub cache that the folder belongs to."""
    file = path / name
    if not os.path.lexists(file):
        _refuse(file, f"is missing: {CONFIG} lists it")
    if file.is_symlink() and not file.resolve().is_relative_to(_own_ground(path)):
        _refuse(file, "is a link: a model folder holds its own files")
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        _refuse(file, "is not a plain file")
    return status.st_size


def _own_ground(path: Path) -> Path:
    """Where links may lead: the hub keeps ``models--ORG--NAME/snapshots/REVISION`` as links into its ``blobs``."""
    real = path.resolve()
    in_hub = real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--")
    return real.parent.parent / "blobs" if in_hub else real


def _refuse(path: Path, why: str) -> NoReturn:
    raise ModelFolderError(f"{path}: {why}")
