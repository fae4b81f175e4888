"""The keyword arguments of ``generate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from textrnn.generation.rules import Rule

__all__ = ["GenerationOptions", "TextOptions"]


class TextOptions(TypedDict, total=False):
    """Those that give one text a prompt."""

    max_new_tokens: int | None
    min_new_tokens: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical_p: float | None
    repetition_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    no_repeat_ngram_size: int | None
    ban: str | Sequence[str | Sequence[int]] | None
    logit_bias: Mapping[int, float] | Sequence[tuple[int, float]] | None
    stop: str | Sequence[str] | None
    beam_size: int | None
    length_penalty: float | None
    rules: Sequence[Rule] | None
    seed: int | None


class GenerationOptions(TextOptions, total=False):
    """All: the fields of :class:`GenerationSettings`, written more freely."""

    num_samples: int | None
