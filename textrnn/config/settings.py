"""The classes that a recipe is checked against, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

__all__ = [
    "CardSettings",
    "DataSettings",
    "EncoderSettings",
    "LanguageModelHeadSettings",
    "LanguageModelRecipe",
    "OptimizerSettings",
    "ScheduleSettings",
    "Settings",
    "TokenizerSection",
    "TrainingSettings",
    "UnfreezeSettings",
]

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1, le=65_536)]


class Settings(BaseModel):
    """The base of all settings: immutable, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads ``no`` as False, which Python would take for 0."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation not in (
            bool,
            bool | None,
        ):
            raise ValueError(
                f"{str(value).lower()} is a truth value: give a number, or text in quotes"
            )
        return value


class KindSettings(Settings):
    """Settings of several kinds; one of another kind than the chosen is refused, and not written.

    ``owners`` names the settings that belong to some of the kinds only, and to which.
    """

    kind: str
    owners: ClassVar[Mapping[str, set[str]]]

    @model_validator(mode="after")
    def _only_what_applies(self) -> Self:
        for name, kinds in self.owners.items():
            if name in self.model_fields_set and self.kind not in kinds:
                listed = ", ".join(sorted(kinds))
                raise ValueError(f"{name} does not apply to {self.kind}, only to {listed}")
        return self

    @model_serializer(mode="wrap")
    def _what_applies(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        saved: dict[str, Any] = dump(self)
        foreign = {name for name, kinds in self.owners.items() if self.kind not in kinds}
        return {name: value for name, value in saved.items() if name not in foreign}


class TokenizerSection(Settings):
    """A tokenizer that exists (``path``: a folder or a name in vocab/), or how to train one."""

    path: str | None = None
    kind: Literal["sentencepiece", "word", "char", "byte"] | None = None
    vocab_size: Annotated[int, Field(ge=5, le=4_000_000)] | None = None
    model_type: Literal["unigram", "bpe"] | None = None
    byte_fallback: bool | None = None
    character_coverage: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    normalization: str | None = None
    user_symbols: tuple[str, ...] | None = None
    max_sentences: Count | None = None
    min_frequency: Count | None = None
    lowercase: bool | None = None
    pretokenized: bool | None = None

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


class DataSettings(Settings):
    """Where the text is: a local folder with files in it, or a hub id with splits; or single files.

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
    column: str = "text"
    documents: Literal["file", "blank_line", "line"] = "file"


class EncoderSettings(Settings):
    """The recurrent stack. ``output_size`` is the last layer's width; None: ``hidden_size``."""

    cell: str = "lstm"
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


class OptimizerSettings(KindSettings):
    """AdamW, SGD, or NT-ASGD: SGD that averages once validation stalls (arXiv:1708.02182)."""

    owners = {
        "betas": {"adamw"},
        "epsilon": {"adamw"},
        "momentum": {"sgd"},
        "patience": {"nt_asgd"},
    }
    kind: Literal["adamw", "sgd", "nt_asgd"] = "adamw"
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.0
    betas: tuple[Probability, Probability] = (0.9, 0.999)
    epsilon: Positive = 1e-8
    momentum: Probability = 0.0
    patience: Count = 5
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class ScheduleSettings(KindSettings):
    """How the learning rate runs over the training; ``peak_at`` is a share of it."""

    owners = {
        "final": {"cosine", "linear", "one_cycle"},
        "peak_at": {"one_cycle", "slanted_triangular"},
        "factor": {"plateau"},
        "patience": {"plateau"},
    }
    kind: Literal["constant", "cosine", "linear", "one_cycle", "slanted_triangular", "plateau"] = (
        "cosine"
    )
    warmup_steps: NotNegativeInt = 0
    final: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    peak_at: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.25
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    patience: NotNegativeInt = 1


class UnfreezeSettings(Settings):
    """Unfreezing, top first (arXiv:1801.06146, section 3.3): a group each ``every`` epochs."""

    every: Positive = 1.0


class TrainingSettings(Settings):
    """The run. It ends at the first of ``epochs``, ``steps`` and ``minutes`` that is given."""

    seed: NotNegativeInt = 1
    epochs: Positive | None = None
    steps: Count | None = None
    minutes: Positive | None = None
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    bptt: Annotated[int, Field(ge=1, le=65_536)] = 64
    accumulation: Annotated[int, Field(ge=1, le=65_536)] = 1
    precision: Literal["float32", "bf16"] = "float32"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    clip_norm: Positive | None = 1.0
    activation_regularization: NotNegative = 0.0
    temporal_regularization: NotNegative = 0.0
    subword_sampling: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    average: Probability | None = None
    evaluate_every: Count | None = None
    evaluate_batch_size: Count = 32
    early_stopping: Count | None = None
    checkpoint_minutes: NotNegative = 10.0
    unfreeze: UnfreezeSettings | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.epochs is None and self.steps is None and self.minutes is None:
            raise ValueError("a run needs an end: set epochs, steps or minutes")
        if self.average is not None and self.optimizer.kind == "nt_asgd":
            raise ValueError("average does not apply to nt_asgd, which averages by itself")
        return self


class CardSettings(Settings):
    """What the card says beyond what the run knows; ``name``: None for the output folder's."""

    name: str | None = None
    summary: str = ""
    data: str = ""
    licence: str = ""
    limits: str = ""


class LanguageModelRecipe(Settings):
    """A recipe for a language model, whole."""

    task: Literal["language_modeling"]
    init_from: str | None = None
    tokenizer: TokenizerSection | None = None
    data: DataSettings
    encoder: EncoderSettings = EncoderSettings()
    head: LanguageModelHeadSettings = LanguageModelHeadSettings()
    training: TrainingSettings
    generation: dict[str, float | int] = {}
    storage: Literal["float32", "float16"] = "float32"
    card: CardSettings = CardSettings()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.data.train is None:
            raise ValueError("data.train is missing: name the training text")
        if self.init_from is None and self.tokenizer is None:
            raise ValueError("tokenizer is missing: give its kind, or the path of one")
        if self.encoder.bidirectional:
            raise ValueError("encoder.bidirectional: a language model reads in one direction")
        return self
