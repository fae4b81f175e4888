"""A model folder that has been opened: its settings, tensors, tokenizer, card and files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from textrnn.errors import ModelFolderError, TextRNNError, UsageError
from textrnn.model_folder.config import CONFIG, SOURCE, WEIGHTS
from textrnn.model_folder.weights import Layout, split_weights

if TYPE_CHECKING:
    import numpy as np

    from textrnn.tokenizers import Tokenizer

__all__ = ["ModelFolder", "refuse"]


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """A model folder that has been checked; :func:`open_model_folder` makes it.

    A file's hash is checked when the file is first asked for.

    Attributes:
        path: where it lies.
        config: its config.json.
    """

    path: Path
    config: Mapping[str, Any] = field(repr=False)
    _layout: Layout = field(repr=False)
    _verified: set[str] = field(default_factory=set, repr=False)
    _tokenizers: dict[str, Tokenizer] = field(default_factory=dict, repr=False)

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
        """The kinds and sizes of the network's parts."""
        return cast(dict[str, Any], self.config["network"])

    @property
    def generation(self) -> dict[str, Any]:
        """The recommended generation settings; empty where there are none."""
        return cast(dict[str, Any], self.config.get("generation", {}))

    @property
    def direction(self) -> str:
        """Which end of a text the model reads first: ``"forward"`` or ``"backward"``."""
        return cast(str, self.config.get("direction", "forward"))

    def need_forward(self) -> None:
        """Refuse a language model that reads backward where a text is to be written or scored.

        Raises:
            UsageError: it does.
        """
        if self.direction == "backward":
            raise UsageError(
                f"{self.path} reads texts backward, from their last token to their first: "
                "classifiers start from it (init_from), and textrnn evaluate scores it alone"
            )

    @property
    def parameters_sha256(self) -> str:
        """The sha256 of model.safetensors; graphs made from it repeat it."""
        return cast(str, self.config["parameters_sha256"])

    @property
    def files(self) -> tuple[str, ...]:
        """The relative names of all files but config.json, sorted."""
        return tuple(sorted(self.config["files"]))

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, from the header alone."""
        return {name: span.shape for name, span in self._layout.spans.items()}

    def tensors(self) -> dict[str, np.ndarray]:
        """Every parameter as float32.

        Raises:
            ModelFolderError: model.safetensors is not the file that was written.
        """
        import numpy as np

        path = self.path / WEIGHTS
        try:
            data = np.fromfile(path, np.uint8)
        except OSError as error:
            refuse(path, f"cannot be read ({error.strerror})")
        if WEIGHTS not in self._verified or data.size != self.config["files"][WEIGHTS]["bytes"]:
            self._check_digest(WEIGHTS, hashlib.sha256(data.data).hexdigest())
        return split_weights(data, self._layout)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer; a translator's target's.

        Raises:
            ModelFolderError: a tokenizer file is missing or altered, or does not fit the model.
        """
        tokenizer = self._load_tokenizer("")
        found = (tokenizer.kind, tokenizer.vocab_size)
        named = (self.config["tokenizer"], self.vocab_size)
        if found != named:
            refuse(self.path, f"its tokenizer is {found}, but {CONFIG} says {named}")
        return tokenizer

    def source_tokenizer(self) -> Tokenizer:
        """What encodes a translator's source; where source and target have one, that one.

        Raises:
            ModelFolderError: a tokenizer file is missing or altered, or does not fit the model.
        """
        if not any(name.startswith(f"{SOURCE}/") for name in self.files):
            return self.tokenizer()
        tokenizer = self._load_tokenizer(f"{SOURCE}/")
        named = self.network.get("source_vocab_size")
        if tokenizer.vocab_size != named:
            found = tokenizer.vocab_size
            refuse(
                self.path / SOURCE, f"its tokenizer has {found} ids, but {CONFIG} says {named!r}"
            )
        return tokenizer

    def _load_tokenizer(self, inside: str) -> Tokenizer:
        from textrnn.tokenizers import load_tokenizer

        if inside not in self._tokenizers:
            for name in self.files:
                if name.startswith(f"{inside}tokenizer."):
                    self.file(name)
            try:
                self._tokenizers[inside] = load_tokenizer(self.path / inside)
            except TextRNNError as error:
                raise ModelFolderError(str(error)) from error
        return self._tokenizers[inside]

    def card(self) -> str:
        """The model card, README.md; empty where there is none.

        Raises:
            ModelFolderError: it is not the file that was written, or not UTF-8 text.
        """
        if "README.md" not in self.files:
            return ""
        path = self.file("README.md")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            refuse(path, "is not UTF-8 text")
        except OSError as error:
            refuse(path, f"cannot be read ({error.strerror})")

    def file(self, name: str) -> Path:
        """The path of one file, hashed the first time it is asked for.

        Args:
            name: one of :attr:`files`, for example ``"onnx/step.onnx"``.

        Raises:
            ModelFolderError: there is no such file, or it is not the one that was written.
        """
        if name not in self.config["files"]:
            refuse(self.path, f"holds no file {name!r}")
        path = self.path / name
        if name not in self._verified:
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                refuse(path, f"cannot be read ({error.strerror})")
            self._check_digest(name, digest)
        return path

    def verify(self) -> None:
        """Check the hash of every file now.

        Raises:
            ModelFolderError: one of them is not the file that was written.
        """
        for name in self.files:
            self.file(name)

    def _check_digest(self, name: str, digest: str) -> None:
        if digest != self.config["files"][name]["sha256"]:
            refuse(
                self.path / name,
                f"is damaged: its sha256 is not the one in {CONFIG}; fetch or write it again",
            )
        self._verified.add(name)


def refuse(path: Path, why: str) -> NoReturn:
    """Raise the error that a folder or a file in it is to blame for."""
    raise ModelFolderError(f"{path}: {why}")
