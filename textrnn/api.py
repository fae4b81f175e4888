"""The functions behind ``textrnn.load``, ``train``, ``finetune`` and ``evaluate``: one line each into the two wings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn.errors import ModelFolderError
from textrnn.model_folder import find_model, open_model_folder

if TYPE_CHECKING:
    from textrnn.models import LanguageModel
    from textrnn.training.events import Event

__all__ = ["evaluate", "finetune", "load", "model_path", "train"]

_MODELS = {"language_modeling": "LanguageModel"}


def load(
    name: str | Path, *, engine: str = "auto", device: str = "auto", threads: int | None = None
) -> LanguageModel:
    """Load a model, ready to use.

    Args:
        name: a shipped name, a model folder, or a hub id ``ORG/NAME``.
        engine: ``"onnx"``, ``"torch"``, or ``"auto"`` for the faster one that can run the model here.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or ``"auto"``.
        threads: how many threads one step may use; None leaves it to the engine.

    Returns:
        A :class:`~textrnn.models.LanguageModel` for the task ``language_modeling``.

    Raises:
        UnknownNameError: no such model.
        ModelFolderError: the folder is damaged, or of a task that this version cannot load.
        EngineError: the engine cannot run this model on this machine.
    """
    from textrnn import models

    folder = open_model_folder(find_model(name))
    if folder.task not in _MODELS:
        raise ModelFolderError(
            f"{folder.path}: is a model for {folder.task!r}, which textrnn.load does not know "
            f"(known: {', '.join(sorted(_MODELS))})"
        )
    model: type[LanguageModel] = getattr(models, _MODELS[folder.task])
    return model.open(folder, engine=engine, device=device, threads=threads)


def model_path(name: str | Path) -> Path:
    """The folder of a model: a shipped name, a folder, or a hub id ``ORG/NAME``, which is downloaded.

    Raises:
        UnknownNameError: no such model.
        ModelFolderError: the hub cannot be reached or has no such model.
    """
    return find_model(name)


def train(
    recipe: str | Path,
    *,
    output: str | Path,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> Path:
    """Train a model from a recipe; see :func:`textrnn.recipe.train`.

    Args:
        recipe: a shipped recipe's name or a YAML file.
        output: where the model folder goes.
        overrides: ``["training.epochs=3"]`` or ``{"training.epochs": 3}``.
        resume: go on from the last checkpoint in ``output``.
        on_event: called with each event of the training.

    Returns:
        The model folder.
    """
    from textrnn import recipe as recipes

    return recipes.train(
        recipe, overrides=overrides, output=Path(output), resume=resume, on_event=on_event
    )


def finetune(model: str | Path, *, data: str | Path, output: str | Path, **settings: Any) -> Any:
    """Fine-tune a model on one's own data; see :func:`textrnn.recipe.finetune` for the settings."""
    from textrnn import recipe as recipes

    return recipes.finetune(model, data=data, output=Path(output), **settings)


def evaluate(model: str | Path, *, data: str | Path, split: str | None = None) -> dict[str, Any]:
    """The scores of a model on data; see :func:`textrnn.recipe.evaluate`."""
    from textrnn import recipe as recipes

    return recipes.evaluate(model, data=data, split=split)
