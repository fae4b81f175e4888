"""Where a translator's sentence pairs are, which of them it learns from, and its tokenizers."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from textrnn.config._base import Count
from textrnn.config.settings import SetSettings, TokenizerSection

__all__ = ["MixedInSettings", "PairDataSettings", "PairTokenizerSection"]

Ratio = Annotated[float, Field(gt=1.0)]


class MixedInSettings(SetSettings):
    """Pairs of another set that an epoch mixes in, drawn anew each time: ``share`` of its pairs.

    Mixing old data in while a model adapts to new is what keeps it from forgetting (Chu et al.
    2017, "An Empirical Comparison of Domain Adaptation Methods for NMT", section 3.2).
    """

    source: str | None = None
    target: str | None = None
    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5

    @model_validator(mode="after")
    def _names_a_text(self) -> Self:
        if self.train is None:
            raise ValueError("train is missing: name the pairs to mix in")
        return self


class PairDataSettings(SetSettings):
    """A set of sentence pairs: two files a split, aligned by line, or tables with two columns.

    ``source`` and ``target`` are the endings of the two files (``train.en`` and ``train.de``) or
    the names of the columns; in a table without a header, their numbers, counted from 1. Training
    leaves out pairs with more than ``max_length`` tokens on a side, and pairs of which one side has
    more than ``max_ratio`` times the tokens of the other.

    ``tagged`` names further pairs whose source was made by a machine; ``tag`` is put before it
    (Caswell et al. 2019, arXiv:1906.06442).
    """

    source: str = "source"
    target: str = "target"
    max_length: Count = 250
    max_ratio: Ratio | None = 9.0
    tagged: str | tuple[str, ...] | None = None
    tag: str = "<bt>"
    mixed_in: MixedInSettings | None = None

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}: name two languages")
        return self


class PairTokenizerSection(TokenizerSection):
    """One tokenizer for both sides, or one each: ``source`` and ``target``."""

    source: TokenizerSection | None = None
    target: TokenizerSection | None = None

    @model_validator(mode="after")
    def _joint_or_separate(self) -> Self:
        if (self.source is None) != (self.target is None):
            raise ValueError("source and target are given together, or neither of them")
        sides = {"source", "target"}
        joint = {name for name, value in self if value is not None} - sides
        if self.source is not None and joint:
            raise ValueError(
                f"with source and target, each has settings of its own: {', '.join(sorted(joint))} "
                "belongs into them"
            )
        return self
