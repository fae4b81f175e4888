"""What ``textrnn.load``, ``train``, ``finetune`` and ``evaluate`` do: one step into each wing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn.errors import ModelFolderError
from textrnn.model_folder import find_model, open_model_folder

if TYPE_CHECKING:
    from textrnn.models import LanguageModel, SentimentClassifier, Translator
    from textrnn.recipe import FinetuneReport
    from textrnn.training.events import Event

__all__ = ["evaluate", "finetune", "load", "model_path", "train"]

_MODELS = {
    "language_modeling": "LanguageModel",
    "translation": "Translator",
    "classification": "SentimentClassifier",
}


def load(
    name: str | Path, *, engine: str = "auto", device: str = "auto", threads: int | None = None
) -> LanguageModel | SentimentClassifier | Translator:
    """Load a model, ready to use.

    Args:
        name: a shipped name, a model folder, or a hub id ``ORG/NAME``.
        engine: ``"onnx"``, ``"torch"``, or ``"auto"`` to let the model and the device decide.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or ``"auto"``.
        threads: how many CPU threads to use; None leaves it to the engine.

    Returns:
        A :class:`~textrnn.models.LanguageModel` for the task ``language_modeling``, a
        :class:`~textrnn.models.Translator` for ``translation``, a
        :class:`~textrnn.models.SentimentClassifier` for ``classification``.

    Raises:
        UnknownNameError: no such model, engine or device.
        ModelFolderError: the folder is damaged, or of a task that this version cannot load.
        EngineError: the engine cannot run this model on this machine.
    """
    from textrnn import models

    folder = open_model_folder(find_model(name))
    if folder.task not in _MODELS:
        known = ", ".join(_MODELS)
        raise ModelFolderError(
            f"{folder.path}: is a model for {folder.task!r}, which this textrnn cannot load "
            f"(it can: {known})"
        )
    model: type[LanguageModel | SentimentClassifier | Translator] = getattr(
        models, _MODELS[folder.task]
    )
    return model.open(folder, engine=engine, device=device, threads=threads)


def model_path(name: str | Path) -> Path:
    """The folder of a model: a shipped name, a folder, or a hub id, which is downloaded.

    Raises:
        UnknownNameError: no such model.
        ModelFolderError: the hub cannot be reached, or has no such model.
    """
    return find_model(name)


def train(
    recipe: str | Path,
    *,
    output: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
    device: str = "auto",
) -> Path:
    """Train a model by a recipe; :func:`textrnn.recipe.train` says what is left in ``output``.

    Args:
        recipe: a shipped recipe's name or a YAML file.
        output: the run folder.
        overrides: ``["training.epochs=3"]`` or ``{"training.epochs": 3}``.
        resume: go on from the last checkpoint in ``output``.
        on_event: called with each event of the training.
        device: ``"auto"`` or ``"cpu"``.

    Returns:
        The model folder.

    Raises:
        TextRNNError: a setting, the data or the training itself.
    """
    from textrnn import recipe as recipes

    return recipes.train(
        recipe,
        output=output,
        overrides=overrides,
        resume=resume,
        on_event=on_event,
        device=device,
    )


def finetune(
    model: str | Path, *, data: str | Path, output: str | Path, **settings: Any
) -> FinetuneReport:
    """Go on training a model with data of one's own.

    Args:
        model: a shipped name, a model folder or a hub id.
        data: a file, a folder of files, or a hub id.
        output: the run folder.
        **settings: ``minutes``, ``epochs`` and the others of :func:`textrnn.recipe.finetune`.

    Returns:
        The new model folder, and the scores before and after.

    Raises:
        TextRNNError: a setting, the data or the training itself.
    """
    from textrnn import recipe as recipes

    return recipes.finetune(model, data=data, output=output, **settings)


def evaluate(
    model: str | Path, *, data: str | Path, split: str | None = None, **asked: Any
) -> dict[str, float | str | list[list[float]]]:
    """The scores of a model on data, by name; a classifier's confusion is a list of rows.

    Args:
        model: a shipped name, a model folder or a hub id.
        data: a file, a folder of files, or a hub id.
        split: which part of a hub data set, or which file of a folder.
        **asked: of a language model ``column``, the text's in a table; of a translator ``source``,
            ``target``, ``references`` and ``tokenize``; see :func:`textrnn.recipe.evaluate`.

    Raises:
        ModelFolderError: the model is damaged, or of another task.
        DataError: the data cannot be read.
    """
    from textrnn import recipe as recipes

    return recipes.evaluate(model, data=data, split=split, **asked)
