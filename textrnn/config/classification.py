"""A classifier: where its labelled texts are, how it pools, and its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from textrnn.config._base import Count, Probability, Settings, Size
from textrnn.config.settings import Direction, Recipe, SetSettings
from textrnn.config.training import ClassificationTrainingSettings

__all__ = [
    "ClassificationHeadSettings",
    "ClassificationRecipe",
    "LabelledDataSettings",
    "VectorSettings",
]

Pool = Literal["last", "max", "mean", "attention"]
UNLABELLED_SHARE = 0.6
"""Of the texts without labels, what is learnt from unless another share is given."""


def _as_column(value: object) -> object:
    """The number of a column, which YAML reads as a number, as a name of it."""
    return str(value) if type(value) is int else value


Column = Annotated[str, BeforeValidator(_as_column)]


class VectorSettings(Settings):
    """Vectors that the embedding begins with (:func:`~textrnn.data.cooccurrence.token_vectors`).

    ``texts`` are read as ``data.unlabelled`` is, and their labels, if they have any, are not; a
    tokenizer that is trained learns from them, too. Tokens count as near that stand at most
    ``window`` apart.
    """

    texts: str | tuple[str, ...]
    window: Annotated[int, Field(ge=1, le=64)] = 5

    @model_validator(mode="after")
    def _some_texts(self) -> Self:
        if not (self.texts and all(self.texts)):
            raise ValueError("texts is empty: name a file")
        return self


class LabelledDataSettings(SetSettings):
    """A set of labelled texts: tables, lines of a label and a text, or a folder a class.

    ``text`` and ``label`` are the names of the columns, or in a table without a header their
    numbers, counted from 1; where the files of a set call the text differently, ``text`` lists the
    names. ``label_names`` are the names of labels that are numbers, from 0 on: a list, or a file in
    ``path`` with a name a line; of a folder a class, only the folders of these names are read.
    Several labels of a text stand in one cell, with ``separator`` between them. Training cuts texts
    after ``max_length`` tokens. ``held_out`` is the share of the training texts that is the
    validation set, where there is none of its own. ``unlabelled`` names texts without labels: a
    row of a table, a line of another file, a file in a folder. The classifier that the run starts
    from labels them, where it has these very labels and the same tokenizer; if not,
    :func:`~textrnn.data.pseudo_labels.labels_of_alike`. And ``unlabelled_share`` of them, those
    where it is surest, are learnt from, too. With ``vectors`` the embedding begins with what plain
    texts tell of its tokens.
    """

    text: Column | tuple[Column, ...] = "text"
    label: Column = "label"
    label_names: str | tuple[str, ...] | None = None
    separator: str = ","
    max_length: Annotated[int, Field(ge=2)] | None = None
    held_out: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    unlabelled: str | tuple[str, ...] | None = None
    unlabelled_share: Annotated[float, Field(gt=0.0, le=1.0)] = UNLABELLED_SHARE
    vectors: VectorSettings | None = None

    @field_validator("label_names", mode="before")
    @classmethod
    def _names_are_texts(cls, value: Any) -> Any:
        """YAML reads ``no`` as False and ``1`` as a number, however a label is written in data."""
        given = value if isinstance(value, list | tuple) else [value]
        for name in given:
            if not isinstance(name, str | None):
                raise ValueError(
                    f"{str(name).lower()} is no text to YAML: put each name in quotes, as in "
                    """'data.label_names=["no", "1"]'"""
                )
        return value

    @model_validator(mode="after")
    def _text_and_label(self) -> Self:
        if not self.text:
            raise ValueError("text names no column")
        if self.label in self.texts():
            raise ValueError(f"text and label are both {self.label!r}: name two columns")
        if not self.separator:
            raise ValueError("separator is empty: give what stands between two labels")
        if self.unlabelled is not None and not (self.unlabelled and all(self.unlabelled)):
            raise ValueError("unlabelled is empty: name a file, or leave it out")
        if self.unlabelled is None and self.unlabelled_share != UNLABELLED_SHARE:
            raise ValueError("unlabelled_share applies to the texts that unlabelled names")
        if self.held_out is not None and self.valid is not None:
            raise ValueError("held_out applies where there is no valid: leave one of them out")
        return self

    def texts(self) -> tuple[str, ...]:
        """The names that the text's column may have."""
        return (self.text,) if isinstance(self.text, str) else self.text


class ClassificationHeadSettings(Settings):
    """From the encoder's outputs to labels.

    ``pooling``: the last output, the greatest and the mean of each unit over the real tokens, side
    by side (Howard and Ruder 2018, arXiv:1801.06146, section 3.3), or a mean by learnt weights
    (``attention``; Yang et al. 2016, "Hierarchical Attention Networks", section 2.2).
    ``hidden_size``: of a layer between; None: no such layer. ``multi_label``: a text may have
    several labels, or none. Texts are read ``window`` tokens at a time, so that memory does not
    grow with their length. ``ngrams``: a linear model over the n-grams of up to so many tokens
    answers together with the network (:class:`~textrnn.nn.ngrams.NgramScores`); 0: the network
    alone. They are hashed into ``ngram_buckets``; those that stand in fewer than
    ``ngram_min_count`` of the texts say nothing.
    """

    pooling: Annotated[tuple[Pool, ...], Field(min_length=1)] = ("last", "max", "mean")
    attention_size: Size | None = None
    hidden_size: Size | None = None
    dropout: Probability = 0.0
    multi_label: bool = False
    window: Annotated[int, Field(ge=2, le=1 << 20)] = 512
    ngrams: Annotated[int, Field(ge=0, le=8)] = 0
    ngram_buckets: Annotated[int, Field(ge=1 << 10, le=1 << 24)] = 1 << 18
    ngram_min_count: Count = 1

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.pooling)) != len(self.pooling):
            raise ValueError(f"pooling names one kind twice: {', '.join(self.pooling)}")
        if self.attention_size is not None and "attention" not in self.pooling:
            raise ValueError("attention_size applies to the pooling attention only")
        return self


class ClassificationRecipe(Recipe):
    """A recipe for a classifier, whole.

    With ``init_from`` the ``direction`` in which texts are read is that of the model it starts
    from.
    """

    task: Literal["classification"]
    direction: Direction = "forward"
    data: LabelledDataSettings
    head: ClassificationHeadSettings = ClassificationHeadSettings()
    training: ClassificationTrainingSettings

    @model_validator(mode="after")
    def _one_direction_or_both(self) -> Self:
        if self.encoder.bidirectional and self.direction == "backward":
            raise ValueError("direction: encoder.bidirectional reads both ways, leave one out")
        return self

    @model_validator(mode="after")
    def _one_beginning(self) -> Self:
        if self.data.vectors is not None and (self.init_from or self.pretraining):
            raise ValueError(
                "data.vectors say what the embedding begins with, and so does the model that the "
                "run starts from: leave one of them out"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _criterion_of_several_labels(cls, given: Any) -> Any:
        """Macro-F1, written into the recipe, so that it may be trained again as it is written."""
        if not isinstance(given, Mapping):
            return given
        head, training = given.get("head"), given.get("training")
        several = isinstance(head, Mapping) and head.get("multi_label") is True
        if several and isinstance(training, Mapping) and "criterion" not in training:
            return {**given, "training": {**training, "criterion": "macro_f1"}}
        return given

    @model_validator(mode="after")
    def _criterion_fits_labels(self) -> Self:
        if self.head.multi_label and self.training.criterion == "accuracy":
            raise ValueError(
                "training.criterion accuracy is for texts with one label each: with "
                "head.multi_label, choose macro_f1 or loss"
            )
        return self

    @model_validator(mode="after")
    def _one_label_to_find(self) -> Self:
        if self.head.multi_label and self.data.unlabelled is not None:
            raise ValueError(
                "data.unlabelled is for texts with one label each: leave it out with "
                "head.multi_label"
            )
        return self
