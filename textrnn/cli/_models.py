"""Opening the model that a command was asked to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textrnn.cli._errors import warn
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.models import LanguageModel

__all__ = ["SHIPPED", "open_language_model", "refuse_for_language_models", "warn_of_unknown"]

SHIPPED = "stories-en"
MOST_SHOWN = 10


def open_language_model(
    name: str, *, engine: str, device: str, threads: int | None
) -> LanguageModel:
    """The language model called ``name``, ready to use.

    Raises:
        UnknownNameError: no such model.
        ModelFolderError: it is damaged, or a model for another task.
        EngineError: it cannot run here.
    """
    from textrnn.model_folder import find_model, open_model_folder
    from textrnn.models import LanguageModel

    folder = open_model_folder(find_model(name), task="language_modeling")
    return LanguageModel.open(folder, engine=engine, device=device, threads=threads)


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
