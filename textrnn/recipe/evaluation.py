"""The scores of a model folder on data, alone or beside another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from textrnn.errors import ModelFolderError, UnknownNameError, UsageError
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
        **asked: the other fields of :class:`~textrnn.recipe.tasks.Asked`; ``references`` and
            ``ensemble`` may be one or several; ``engine="auto"`` takes the 8-bit graphs where the
            folder has them, ``"torch"`` gives the figures in float32.

    Raises:
        ModelFolderError: the model is damaged, or of a task that has no scores.
        DataError: the data is missing, empty or not UTF-8.
        UsageError: an option that there is not, or that does not apply to such a model.
    """
    folder = open_model_folder(find_model(model))
    return kind_of(folder).evaluate(folder, _asked(data, asked))


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
    return kind_of(folder).compare(folder, other, _asked(data, asked))


def _asked(data: str | Path, given: Mapping[str, Any]) -> Asked:
    """What was asked for; one reference or one model of an ensemble may stand for several."""
    known = [field.name for field in fields(Asked)]
    for name in given:
        if name not in known:
            raise UnknownNameError("option of evaluate", name, known)
    changed: dict[str, Any] = {}
    for name, kind in (("references", Path), ("ensemble", str)):
        several = given.get(name) or ()
        several = (several,) if isinstance(several, str | PathLike) else several
        if not isinstance(several, Iterable) or isinstance(several, bytes):
            raise UsageError(f"{name} is {several!r}: give one or several, as str or Path")
        changed[name] = tuple(kind(one) for one in several)
    return Asked(data, **{**given, **changed})


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
