"""The classes that a recipe is checked against, section by section."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from textrnn.config._base import Count, Probability, Settings, Size
from textrnn.config.training import RunSettings, TrainingSettings

__all__ = [
    "CardSettings",
    "DataSettings",
    "Direction",
    "EncoderSettings",
    "LanguageModelHeadSettings",
    "LanguageModelRecipe",
    "Recipe",
    "SetSettings",
    "TokenizerSection",
]


Direction = Literal["forward", "backward"]
"""Which of a text's tokens is read first: its first one or its last one."""


class TokenizerSection(Settings):
    """A tokenizer that exists (``path``: a folder or a name in vocab/), or how to train one."""

    path: str | None = None
    kind: Literal["sentencepiece", "word", "char", "byte"] | None = None
    vocab_size: Annotated[int, Field(ge=5, le=4_000_000)] | None = None
    model_type: Literal["unigram", "bpe"] | None = None
    byte_fallback: bool | None = None
    character_coverage: Annotated[float, Field(ge=0.98, le=1.0)] | None = None
    normalization: str | None = None
    user_symbols: tuple[str, ...] | None = None
    max_sentences: Count | None = None
    min_frequency: Count | None = None
    lowercase: bool | None = None
    pretokenized: bool | None = None
    spaces: Literal["kept", "folded"] | None = None

    @model_validator(mode="after")
    def _path_or_training(self) -> Self:
        trained = self.given()
        if self.path is not None and trained:
            raise ValueError(
                f"with path, the tokenizer exists already: leave out {', '.join(sorted(trained))}"
            )
        return self

    def given(self) -> dict[str, Any]:
        """The settings that were given, for the tokenizer's own defaults to fill the rest."""
        return {name: value for name, value in self if name != "path" and value is not None}


class SetSettings(Settings):
    """Where a set is: a local folder with files in it, or a hub id with splits; or single files.

    Where ``path`` names an existing folder, ``train``, ``valid`` and ``test`` are files in it, with
    or without their ending; where it is a hub id, they are splits. Without ``path`` they are paths
    themselves.
    """

    path: str | None = None
    name: str | None = None
    revision: str | None = None
    train: str | tuple[str, ...] | None = None
    valid: str | tuple[str, ...] | None = None
    test: str | tuple[str, ...] | None = None


class DataSettings(SetSettings):
    """A language model's text: its column in a table, and where one document ends.

    ``documents``: ``file``, a file, a row of a table here, or a hub set's split is one;
    ``blank_line``, one ends with a blank line; ``line``, with each line; ``row``, with each row of
    a table or of a hub set, whose rows are lines where not said otherwise.
    """

    column: str = "text"
    documents: Literal["file", "blank_line", "line", "row"] = "file"


class EncoderSettings(Settings):
    """The recurrent stack. ``output_size`` is the last layer's width; None: ``hidden_size``.

    ``cell`` is a file in ``nn/cells``, and ``cell_settings`` are that cell's own.
    """

    cell: str = "lstm"
    cell_settings: dict[str, Any] = Field(default_factory=dict)
    embedding_size: Size = 256
    hidden_size: Size = 256
    output_size: Size | None = None
    layers: Annotated[int, Field(ge=1, le=64)] = 1
    bidirectional: bool = False
    dropout: Probability = 0.0
    input_dropout: Probability = 0.0
    output_dropout: Probability = 0.0
    embedding_dropout: Probability = 0.0
    weight_drop: Probability = 0.0
    layer_norm: bool = False
    residual: bool = False

    def layer_size(self, layer: int) -> int:
        """H of a layer, counted from 0."""
        last = layer == self.layers - 1
        return self.output_size if last and self.output_size else self.hidden_size


class LanguageModelHeadSettings(Settings):
    """The output layer: tied to the embedding, its own, or adaptive where there are ``cutoffs``."""

    tied: bool = True
    cutoffs: tuple[Count, ...] = ()

    @model_validator(mode="after")
    def _adaptive_is_untied(self) -> Self:
        if self.cutoffs and self.tied:
            raise ValueError(
                "an adaptive softmax has no tied weight: with cutoffs, set head.tied to false"
            )
        if list(self.cutoffs) != sorted(set(self.cutoffs)):
            raise ValueError("cutoffs must rise, each one larger than the one before")
        return self


class CardSettings(Settings):
    """What the card says beyond what the run knows; ``name``: None for the output folder's."""

    name: str | None = None
    summary: str = ""
    data: str = ""
    licence: str = ""
    limits: str = ""


class Recipe(Settings):
    """What recipes of all tasks have.

    ``pretraining`` is a recipe of its own, which is run first; this one starts from its model.
    """

    task: str
    init_from: str | None = None
    pretraining: SerializeAsAny[Recipe] | None = None
    tokenizer: TokenizerSection | None = None
    data: SetSettings
    encoder: EncoderSettings = EncoderSettings()
    training: RunSettings
    generation: dict[str, float | int] = Field(default_factory=dict)
    storage: Literal["float32", "float16"] = "float32"
    card: CardSettings = CardSettings()

    @model_validator(mode="after")
    def _has_text_and_tokenizer(self) -> Self:
        if self.data.train is None:
            raise ValueError("data.train is missing: name the training text")
        if self.init_from is not None and self.pretraining is not None:
            raise ValueError(
                "init_from and pretraining both say what to start from: leave one of them out"
            )
        if self.training.mixout and self.init_from is None and self.pretraining is None:
            raise ValueError(
                "training.mixout mixes in the model that a run starts from: give init_from"
            )
        if self.init_from is None and self.pretraining is None and self.tokenizer is None:
            raise ValueError("tokenizer is missing: give its kind, or the path of one")
        return self


class LanguageModelRecipe(Recipe):
    """A recipe for a language model, whole.

    One with ``direction: backward`` reads each document from its last token to its first, as the
    second of two models whose classifiers answer together (arXiv:1801.06146, section 3.3). With
    ``init_from`` the direction is that of the model it starts from.
    """

    task: Literal["language_modeling"]
    direction: Direction = "forward"
    data: DataSettings
    head: LanguageModelHeadSettings = LanguageModelHeadSettings()
    training: TrainingSettings

    @model_validator(mode="after")
    def _reads_in_one_direction(self) -> Self:
        if self.encoder.bidirectional:
            raise ValueError("encoder.bidirectional: a language model reads in one direction")
        return self
