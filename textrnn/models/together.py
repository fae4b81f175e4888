"""Several model folders that answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textrnn.engines import Engine, EnsembleEngine, open_engine
from textrnn.errors import ModelFolderError, UsageError

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["check_alike", "open_together"]


def open_together(
    folders: Sequence[ModelFolder],
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> Engine:
    """The engine of a language model, or of several whose probabilities are averaged.

    Raises:
        ModelFolderError: a folder holds another kind of model, or is damaged.
        UsageError: models that are not alike; or as for :func:`textrnn.engines.open_engine`.
        EngineError: the engine cannot run a model here.
    """
    for folder in folders:
        if folder.task != "language_modeling":
            raise ModelFolderError(
                f"{folder.path} is a model for {folder.task}, not a language model"
            )
    check_alike(folders)
    opened = [
        cast(Engine, open_engine(folder, engine=engine, device=device, threads=threads))
        for folder in folders
    ]
    return opened[0] if len(opened) == 1 else EnsembleEngine(opened)


def check_alike(folders: Sequence[ModelFolder]) -> None:
    """Check that models can answer together: one vocabulary, and of translators the same languages.

    Raises:
        UsageError: naming the first one that differs, and by what.
    """
    first = folders[0]
    for other in folders[1:]:
        for what, of in _ASPECTS.items():
            if of(first) != of(other):
                raise UsageError(
                    f"{other.path} has {what} than {first.path}: models that answer together need "
                    "the same"
                )


def _tokenizers(folder: ModelFolder) -> dict[str, str]:
    """The hashes of all files of the tokenizers."""
    files = folder.config["files"]
    return {name: file["sha256"] for name, file in files.items() if "tokenizer." in name}


_ASPECTS = {
    "other languages": lambda folder: folder.config.get("languages"),
    "another direction": lambda folder: folder.config.get("direction"),
    "another vocabulary": _tokenizers,
}
