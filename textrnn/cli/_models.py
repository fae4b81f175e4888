"""Opening the model that a command was asked to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textrnn.cli._errors import warn
from textrnn.cli._options import option_names
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder
    from textrnn.models import LanguageModel, SentimentClassifier, Translator

__all__ = [
    "SHIPPED",
    "SHIPPED_CLASSIFIER",
    "SHIPPED_TRANSLATOR",
    "open_classifier",
    "open_folder",
    "open_language_model",
    "open_translator",
    "refuse_different_tasks",
    "refuse_for_language_models",
    "warn_of_foreign",
    "warn_of_unknown",
]

SHIPPED = "stories-en"
SHIPPED_TRANSLATOR = "en-de"
SHIPPED_CLASSIFIER = "sentiment-en"
MOST_SHOWN = 10

_CALLED = {
    "language_modeling": "a language model",
    "translation": "a translator",
    "classification": "a classifier",
}
_COMMANDS = {
    "language_modeling": "textrnn generate",
    "translation": "textrnn translate",
    "classification": "textrnn sentiment",
}


def open_folder(name: str, task: str | None = None) -> ModelFolder:
    """The folder of the model called ``name``.

    Raises:
        UnknownNameError: no such model.
        UsageError: it is a model for another task; says which command it is for.
        ModelFolderError: it is damaged.
    """
    from textrnn.model_folder import find_model, open_model_folder

    folder = open_model_folder(find_model(name))
    if task is not None and folder.task != task:
        is_what = _called(folder.task)
        command = _COMMANDS.get(folder.task)
        instead = f": use {command} --model {name}" if command else ""
        raise UsageError(f"{name} is {is_what}, not {_CALLED[task]}{instead}")
    return folder


def refuse_different_tasks(names: Sequence[str]) -> None:
    """Refuse models that cannot be compared; before they are measured, not after it.

    Raises:
        UsageError: a later one is a model for another task than the first.
    """
    if len(names) < 2:
        return
    tasks = [open_folder(name).task for name in names]
    for name, task in zip(names, tasks, strict=True):
        if task != tasks[0]:
            raise UsageError(
                f"--compare {name} is {_called(task)}, but {names[0]} is {_called(tasks[0])}: "
                "name two models of one task"
            )


def _called(task: str) -> str:
    return _CALLED.get(task, f"a model for {task}")


def open_language_model(
    name: str,
    others: Sequence[str] = (),
    *,
    engine: str,
    device: str,
    threads: int | None,
) -> LanguageModel:
    """The language model called ``name``, ready to use, alone or together with ``others``.

    Raises:
        UnknownNameError: no such model.
        UsageError: one of them is a model for another task, or they have different vocabularies.
        ModelFolderError: one of them is damaged.
        EngineError: one of them cannot run here.
    """
    folders = [open_folder(one, "language_modeling") for one in (name, *others)]
    from textrnn.models import LanguageModel

    with option_names(("threads",)):
        return LanguageModel.open(*folders, engine=engine, device=device, threads=threads)


def open_translator(
    name: str,
    others: Sequence[str] = (),
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> Translator:
    """The translator called ``name``, ready to use, alone or together with ``others``.

    Raises:
        UnknownNameError: no such model.
        UsageError: one of them is a model for another task, or they have different vocabularies.
        ModelFolderError: one of them is damaged.
        EngineError: one of them cannot run here.
    """
    from textrnn.model_folder import shipped_models

    if name == SHIPPED_TRANSLATOR and name not in shipped_models() and not Path(name).exists():
        raise UsageError(
            f"no translator {name!r} ships with this textrnn: give --model, a translator's folder "
            "(textrnn recipes list shows those that train one)"
        )
    folders = [open_folder(one, "translation") for one in (name, *others)]
    from textrnn.models import Translator

    with option_names(("threads",)):
        return Translator.open(*folders, engine=engine, device=device, threads=threads)


def open_classifier(
    name: str,
    others: Sequence[str] = (),
    *,
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> SentimentClassifier:
    """The classifier called ``name``, ready to use, alone or together with ``others``.

    Raises:
        UnknownNameError: no such model.
        UsageError: one of them is a model for another task, or they have different labels.
        ModelFolderError: one of them is damaged.
        EngineError: one of them cannot run here.
    """
    from textrnn.model_folder import shipped_models

    if name == SHIPPED_CLASSIFIER and name not in shipped_models() and not Path(name).exists():
        raise UsageError(
            f"no classifier {name!r} ships with this textrnn: give --model, a classifier's folder "
            "(textrnn recipes list shows those that train one, such as sentiment_sst2)"
        )
    folders = [open_folder(one, "classification") for one in (name, *others)]
    from textrnn.models import SentimentClassifier

    with option_names(("threads",)):
        return SentimentClassifier.open(*folders, engine=engine, device=device, threads=threads)


def refuse_for_language_models(**options: object) -> None:
    """Refuse by name the options that apply to models for other tasks only.

    Raises:
        UsageError: one of them was given.
    """
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"--{name} does not apply to a language model: leave it out")


def warn_of_unknown(model: LanguageModel, texts: Sequence[str]) -> None:
    """Warn on stderr of what the vocabulary lacks, where the model reads an unknown token."""
    unknown = list(dict.fromkeys(part for text in texts for part in model.unknown_pieces(text)))
    if unknown:
        shown = ", ".join(map(repr, unknown[:MOST_SHOWN]))
        more = f" and {len(unknown) - MOST_SHOWN} more" if len(unknown) > MOST_SHOWN else ""
        warn(f"the model's vocabulary lacks {shown}{more}: read as unknown")


def warn_of_foreign(model: Translator, texts: Sequence[str], first: int) -> None:
    """Warn on stderr of lines that are mostly in characters that the model has not learnt.

    Args:
        model: the translator.
        texts: lines in order.
        first: the number of the first of them.
    """
    lines = [number for number, text in enumerate(texts, first) if model.is_foreign(text)]
    if lines:
        shown = ", ".join(map(str, lines[:MOST_SHOWN]))
        more = f" and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
        language = f" (it reads {model.languages[0]!r})" if model.languages[0] else ""
        many = f"lines {shown}{more} are" if len(lines) > 1 else f"line {shown} is"
        warn(f"{many} mostly in characters that the model has not learnt{language}")
