"""The scores of a model folder on data, alone or beside another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textrnn.errors import ModelFolderError
from textrnn.metrics import Comparison
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.recipe.tasks import FAMILY, Asked, Assembly, Figures

__all__ = ["compare", "evaluate", "kind_of"]


def evaluate(model: str | Path, *, data: str | Path, **asked: Any) -> Figures:
    """The scores of a model on data, by name.

    A language model gives ``loss``, ``perplexity``, ``word_perplexity``, ``bits_per_byte`` and the
    counts ``tokens``, ``words``, ``bytes``; a translator ``BLEU``, ``chrF2`` and ``TER``, each with
    sacrebleu's signature, and ``loss`` and ``perplexity`` of the references.

    Args:
        model: a shipped name, a folder or a hub id.
        data: a file, a folder of files, or a hub id.
        **asked: the other fields of :class:`~textrnn.recipe.tasks.Asked`; ``engine="auto"`` takes
            the 8-bit graphs where the folder has them, ``"torch"`` gives the figures in float32.

    Raises:
        ModelFolderError: the model is damaged, or of a task that has no scores.
        DataError: the data is missing, empty or not UTF-8.
        UsageError: an option that does not apply to such a model.
    """
    folder = open_model_folder(find_model(model))
    return kind_of(folder).evaluate(folder, Asked(data, **asked))


def compare(
    first: str | Path, second: str | Path, *, data: str | Path, **asked: Any
) -> dict[str, Comparison]:
    """Two models of one task on the same data: their scores, and how far it could be chance.

    Args:
        first: a model, as for :func:`evaluate`.
        second: another.
        data: as for :func:`evaluate`.
        **asked: as for :func:`evaluate`.

    Raises:
        ModelFolderError: a model is damaged, or of another task than the first.
        DataError: the data is missing, empty or not UTF-8.
    """
    folder = open_model_folder(find_model(first))
    other = open_model_folder(find_model(second), task=folder.task)
    return kind_of(folder).compare(folder, other, Asked(data, **asked))


def kind_of(folder: ModelFolder) -> type[Assembly]:
    """What knows of a model's task.

    Raises:
        ModelFolderError: nothing here does.
    """
    if folder.task not in FAMILY.names():
        known = ", ".join(FAMILY.names())
        raise ModelFolderError(
            f"{folder.path}: is a model for {folder.task!r}, which this textrnn cannot train or "
            f"score (it can: {known})"
        )
    return FAMILY.get(folder.task)
