"""The contract between a run and its task: what to build, how to score it, what to say of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from textrnn.config import ClassificationRecipe, LanguageModelRecipe, Recipe, validate
from textrnn.engines import Cache, Learning
from textrnn.errors import UsageError
from textrnn.generation import GenerationSettings
from textrnn.metrics import Comparison
from textrnn.model_folder import ModelFolder
from textrnn.models.translating import TranslationSettings
from textrnn.tasks import Task
from textrnn.tokenizers import Tokenizer

__all__ = [
    "Asked",
    "Assembly",
    "Figures",
    "HeldOut",
    "table",
    "with_direction_of",
    "with_sizes_of",
]

Figures = dict[str, float | str | list[list[float]]]
"""Named scores, some of them tables as lists of rows, and how they were made."""

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
Directed = TypeVar("Directed", LanguageModelRecipe, ClassificationRecipe)


@dataclass(frozen=True)
class Asked:
    """Data that a model is to be scored on or to learn from, and what is to run it.

    Args:
        data: a file, a folder, or a hub id.
        split: of a hub set, or the file in a folder.
        column: a text's column in a table; None: ``text``.
        source: the source's ending or column; None: the model's own.
        target: the target's.
        label: of labelled texts, the label's column; None: ``label``.
        separator: what stands between a text's labels; None: as in what the model has learnt from.
        references: files of translations, where ``data`` is a text of sources.
        tokenize: how BLEU cuts words; None: as suits the language.
        ensemble: of a language model or a classifier, further ones to answer together with.
        cache: of a language model, its neural cache.
        dynamic: of a language model, how it learns from what it reads.
        statistics: a text for the mean squares of its gradients, as for ``data``.
        engine: what runs the model.
        device: where.
        threads: of the processor.
    """

    data: str | Path
    split: str | None = None
    column: str | None = None
    source: str | None = None
    target: str | None = None
    label: str | None = None
    separator: str | None = None
    references: tuple[Path, ...] = ()
    tokenize: str | None = None
    ensemble: tuple[str, ...] = ()
    cache: Cache | None = None
    dynamic: Learning | None = None
    statistics: str | Path | None = None
    engine: str = "auto"
    device: str = "auto"
    threads: int | None = None

    @property
    def of_language_models(self) -> dict[str, object]:
        """The options that apply to no model of another task."""
        names = ("cache", "dynamic", "statistics")
        return {name: getattr(self, name) for name in names}

    def refuse(self, task: str, **options: object) -> None:
        """Refuse by name the options that do not apply to a model.

        Args:
            task: the model, in words.
            **options: as they were given; None and nothing at all are not given.

        Raises:
            UsageError: one of them was given.
        """
        for name, value in options.items():
            if value is not None and value != ():
                raise UsageError(f"--{name} does not apply to a {task}: leave it out")


@dataclass(frozen=True)
class HeldOut:
    """A user's own data, a part of it held out.

    Args:
        settings: of the fine-tuning recipe: where the data lies.
        valid: the part that is held out.
        notices: what the user should know of it.
    """

    settings: Mapping[str, Any]
    valid: Asked
    notices: Sequence[str] = ()


class Assembly(ABC):
    """Everything that a run of a recipe needs; a task's own kind knows how it is made."""

    settings: ClassVar[type[Recipe]]
    """What a recipe of this task may say."""
    finetuning: ClassVar[str]
    """The recipe that fine-tunes such a model."""
    generation: ClassVar[type[GenerationSettings | TranslationSettings] | None]
    """The settings that a recipe may recommend; None: such a model generates nothing."""
    limits: ClassVar[str]
    """What the card says of them where the recipe says nothing."""

    recipe: Recipe
    corpora: Mapping[str, Any]
    """What was encoded, by what it is for; the validation data and the test data too."""
    task: Task
    tokenizer: Tokenizer
    source_tokenizer: Tokenizer | None
    """Where source and target have one each."""

    @classmethod
    @abstractmethod
    def make(cls, recipe: Any, cache: Path, place: tuple[int, int]) -> Self:
        """Read, encode and build what the recipe names.

        Args:
            recipe: of this task.
            cache: a folder for the encoded text and a tokenizer that is trained.
            place: this process's rank, and how many there are.

        Raises:
            DataError: the data cannot be read.
            UsageError: the recipe does not fit the model it starts from.
        """

    @property
    @abstractmethod
    def train_tokens(self) -> int:
        """In the first epoch's training data."""

    def checksums(self) -> dict[str, int]:
        """Of what is learnt from and what it is judged by: they tell whether a text has changed."""
        return {name: it.checksum() for name, it in self.corpora.items() if name != "test"}

    def notices(self) -> Sequence[str]:
        """What whoever watches should know of the data before the run begins."""
        return ()

    def finish(self) -> Sequence[str]:
        """Do with the network what is left when its training has ended; what to say of it."""
        return ()

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What config.json says beyond what it says of every task."""

    @abstractmethod
    def network_scores(self) -> dict[str, Figures]:
        """The final scores of the network in float32, by split."""

    def folder_scores(self, folder: Path) -> dict[str, Figures]:
        """Further scores, by split, of the model folder that has been written."""
        return {}

    def speed(self, folder: Path) -> str:
        """How fast the model folder that has been written answers, for the card."""
        return ""

    @abstractmethod
    def reached(self, scores: Mapping[str, Figures]) -> str:
        """The scores in one line."""

    @abstractmethod
    def described(self) -> str:
        """The network in a sentence."""

    @abstractmethod
    def data_table(self) -> str:
        """The data of each split, for the card."""

    @abstractmethod
    def scored(self, scores: Mapping[str, Figures]) -> str:
        """The scores and how they were made, for the card."""

    @classmethod
    @abstractmethod
    def evaluate(cls, folder: ModelFolder, asked: Asked) -> Figures:
        """The scores of a model folder on data.

        Raises:
            DataError: the data cannot be read.
            UsageError: an option that does not apply.
        """

    @classmethod
    @abstractmethod
    def compare(
        cls, first: ModelFolder, second: ModelFolder, asked: Asked
    ) -> dict[str, Comparison]:
        """Two models on the same data, by score.

        Raises:
            DataError: the data cannot be read.
        """

    @classmethod
    @abstractmethod
    def hold_out(cls, folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
        """Data to fine-tune a model on, a tenth of it held out.

        Args:
            folder: the model.
            asked: the data.
            place: a folder for what is written.

        Raises:
            DataError: it cannot be read, or is too little.
        """

    @classmethod
    @abstractmethod
    def old_validation(cls, folder: ModelFolder, place: Path) -> Asked | None:
        """The validation data of a model's own recipe, where they lie on this machine.

        Args:
            folder: the model.
            place: a folder for what is written.
        """


def with_sizes_of(recipe: AnyRecipe, base: ModelFolder, parts: Sequence[str]) -> AnyRecipe:
    """A recipe with the base's network settings, the dropouts that it gives laid over them.

    Args:
        recipe: what was given.
        base: the model that it starts from.
        parts: the sections that describe the network.

    Raises:
        UsageError: the recipe gives another size than the base has.
    """
    changed: dict[str, Any] = {}
    for part in parts:
        section = getattr(recipe, part)
        given = section.model_dump(mode="json", include=section.model_fields_set)
        for name, value in given.items():
            kept = base.network[part].get(name)
            if "drop" not in name and value != kept:
                raise UsageError(
                    f"{part}.{name} is {value!r}, but {recipe.init_from} has {kept!r}: leave it out"
                )
        changed[part] = validate(
            type(section), base.network[part] | given, f"{recipe.init_from}, {part}"
        )
    return recipe.model_copy(update=changed)


def with_direction_of(recipe: Directed, base: ModelFolder | None) -> Directed:
    """A recipe that reads texts in the direction of the base, if there is one.

    Args:
        recipe: what was given.
        base: the model that it starts from.

    Raises:
        UsageError: the recipe gives another direction than the base has.
    """
    if base is None:
        return recipe
    if "direction" in recipe.model_fields_set and recipe.direction != base.direction:
        raise UsageError(
            f"direction is {recipe.direction!r}, but {recipe.init_from} reads {base.direction}: "
            "leave it out"
        )
    return recipe.model_copy(update={"direction": base.direction})


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown.

    >>> print(table(["text", "bytes"], [["train", 7]]))
    | text | bytes |
    | --- | --- |
    | train | 7 |
    """
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines)
