"""How a network is trained: what every run has, and what only some tasks have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from textrnn.config._base import (
    Count,
    KindSettings,
    NotNegative,
    NotNegativeInt,
    Positive,
    Probability,
    Seed,
    Settings,
)

__all__ = [
    "ClassificationTrainingSettings",
    "OptimizerSettings",
    "RunSettings",
    "ScheduleSettings",
    "TrainingSettings",
    "TranslationTrainingSettings",
    "UnfreezeSettings",
    "VariableBpttSettings",
]


class OptimizerSettings(KindSettings):
    """AdamW, SGD, or NT-ASGD: SGD that averages once validation stalls (arXiv:1708.02182)."""

    owners: ClassVar[Mapping[str, set[str]]] = {
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

    owners: ClassVar[Mapping[str, set[str]]] = {
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
    """Unfreezing, top first (arXiv:1801.06146, section 3.3): a group each ``every`` epochs.

    In a run that is so short that the last group would get no step, by its epochs, its steps or at
    its pace by its minutes, the groups follow each other sooner, so that all learn after a third of
    it. An ``every`` of no less than the run's ``epochs`` leaves all but the top as it is.
    """

    every: Positive = 1.0


class RunSettings(Settings):
    """A run of any task. It ends at the first of ``epochs``, ``steps`` and ``minutes`` given.

    ``mixout`` is the probability with which an entry of a parameter is, for a step, what it was in
    the model that the run starts from (arXiv:1909.11299); it keeps a large model from forgetting
    what it knew where there is little to learn from.
    """

    seed: Seed = 1
    epochs: Positive | None = None
    steps: Count | None = None
    minutes: Positive | None = None
    accumulation: Annotated[int, Field(ge=1, le=65_536)] = 1
    precision: Literal["float32", "bf16"] = "float32"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    clip_norm: Positive | None = 1.0
    subword_sampling: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    average: Probability | None = None
    mixout: Probability = 0.0
    evaluate_every: Count | None = None
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


class VariableBpttSettings(Settings):
    """Windows of random lengths around ``bptt`` (arXiv:1708.02182, section 4.1).

    With the probability ``short`` around half of it; ``deviation`` is in tokens. A step's learning
    rate is multiplied by its window's length over ``bptt``.
    """

    short: Probability = 0.05
    deviation: NotNegative = 5.0


class TrainingSettings(RunSettings):
    """A language model's run: ``batch_size`` streams, read ``bptt`` tokens at a time."""

    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    bptt: Annotated[int, Field(ge=1, le=65_536)] = 64
    variable_bptt: VariableBpttSettings | None = None
    activation_regularization: NotNegative = 0.0
    temporal_regularization: NotNegative = 0.0
    evaluate_batch_size: Count = 32


class TranslationTrainingSettings(RunSettings):
    """A translator's run: sentence pairs of like lengths, ``batch_tokens`` of a side a batch.

    At each evaluation ``evaluate_sentences`` of the validation pairs are translated greedily for
    BLEU; the best weights are those of the lowest loss, or of the highest BLEU.
    """

    batch_tokens: Annotated[int, Field(ge=1, le=1 << 24)] = 3000
    label_smoothing: Probability = 0.0
    word_dropout: Probability = 0.0
    criterion: Literal["loss", "bleu"] = "loss"
    evaluate_sentences: NotNegativeInt = 500

    @model_validator(mode="after")
    def _something_to_choose_by(self) -> Self:
        if self.criterion == "bleu" and not self.evaluate_sentences:
            raise ValueError("criterion bleu needs evaluate_sentences, the number to translate")
        return self


class ClassificationTrainingSettings(RunSettings):
    """A classifier's run: ``batch_size`` texts of like lengths a batch.

    ``batch_tokens`` bounds a batch's rows times its width, padding counted, so that a batch of long
    texts has fewer rows. ``class_weights`` multiply the loss of each class's texts: ``balanced``
    takes N / (C n) for a class with n of N texts, a mapping gives them by label. The best weights
    are those of the best ``criterion`` on the validation data; where a text may have several
    labels, macro-F1 unless said otherwise.
    """

    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 32
    batch_tokens: Annotated[int, Field(ge=1, le=1 << 24)] = 16_384
    label_smoothing: Probability = 0.0
    word_dropout: Probability = 0.0
    class_weights: Literal["balanced"] | dict[str, Positive] | None = None
    criterion: Literal["accuracy", "macro_f1", "loss"] = "accuracy"
