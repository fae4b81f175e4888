"""What a translation was asked to do: the options, filled in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import Any, cast

from textrnn.errors import UnknownNameError, UsageError
from textrnn.generation import GenerationOptions, GenerationSettings, LengthPenalty, fresh_seed
from textrnn.models.translating.glossary import Glossary

__all__ = ["TranslationOptions", "TranslationSettings"]

_DEFAULTS: dict[str, Any] = {
    "beam_size": 5,
    "length_penalty": 1.0,
    "coverage_penalty": 0.0,
    "beam_threshold": math.inf,
    "n_best": 1,
    "max_length_ratio": 2.0,
    "batch_tokens": 4096,
    "split_tokens": 64,
}
_RECOMMENDED = (
    "beam_size",
    "length_penalty",
    "coverage_penalty",
    "beam_threshold",
    "max_length_ratio",
    "split_tokens",
)
_OF_THE_SEARCH = ("beam_size", "length_penalty", "coverage_penalty", "beam_threshold", "glossary")
_OF_THE_DRAW = ("temperature", "top_k", "top_p", "min_p", "typical_p")
_OF_TEXTS = ("stop", "num_samples")
_RANGES: dict[str, tuple[str, float, float]] = {
    "coverage_penalty": ("of at least 0", 0, 1e9),
    "beam_threshold": ("of at least 0", 0, math.inf),
    "max_length_ratio": ("above 0", 1e-9, 1000),
}
_WHOLE = {"beam_size": 4096, "n_best": 4096, "batch_tokens": 1 << 24, "split_tokens": 1 << 20}


class TranslationOptions(GenerationOptions, total=False):
    """The keyword arguments of ``translate``.

    The fields of :class:`TranslationSettings`, and with ``sample`` the options of ``generate``.
    """

    n_best: int | None
    coverage_penalty: float | None
    beam_threshold: float | None
    max_length_ratio: float | None
    batch_tokens: int | None
    split_tokens: int | None
    sample: bool
    prefix: str
    glossary: Glossary | Mapping[str, str] | str | PathLike[str] | None
    alignments: bool
    copy: bool


@dataclass(frozen=True)
class TranslationSettings:
    """The options of a translation; None means not given.

    Args:
        beam_size: places of the beam search; 5 where nothing else is said, and 1 is greedy.
        length_penalty: see :class:`textrnn.generation.LengthPenalty`; 1.
        coverage_penalty: see :func:`textrnn.generation.coverage_penalty`; 0.
        beam_threshold: give up what is less likely than the best by more than so many nats, which
            is quicker; see :class:`textrnn.generation.BeamPlan`. None is given up where nothing
            is said, or where more than one translation is asked for.
        n_best: how many different translations of each text; fewer where the beam finds no more,
            as of what is only copied. With ``sample`` so many draws, some of which may be alike.
        max_length_ratio: a translation has at most so many tokens for each of its source's, and 10
            on top; 2.
        batch_tokens: source tokens translated at once, padding included; 4096. It changes speed
            and memory, not a translation.
        split_tokens: lines of more tokens are cut at sentence ends, and joined again; 64.
        sample: draw instead of searching, by the rules of ``generation``.
        prefix: what every translation begins with, whatever the rules say.
        glossary: terms and their translations, each of which a translation contains, whatever the
            rules say.
        alignments: find which words belong together; tags are no words.
        copy: see that addresses, placeholders and numbers come through, and tags beside the words
            that say the same.
        generation: the rules that ``generate`` has, the most new tokens, the seed.

    >>> TranslationSettings.of({"top_p": 0.9})
    Traceback (most recent call last):
    textrnn.errors.UsageError: top_p does not apply to beam search: give sample too

    Raises:
        UsageError: a value that is not allowed, or an option that does not apply beside another.
    """

    beam_size: int | None = None
    length_penalty: float | None = None
    coverage_penalty: float | None = None
    beam_threshold: float | None = None
    n_best: int | None = None
    max_length_ratio: float | None = None
    batch_tokens: int | None = None
    split_tokens: int | None = None
    sample: bool = False
    prefix: str = ""
    glossary: Glossary | None = None
    alignments: bool = False
    copy: bool = True
    generation: GenerationSettings = field(default_factory=GenerationSettings)

    @classmethod
    def of(cls, options: TranslationOptions) -> TranslationSettings:
        """Settings from keyword arguments; the glossary may be a mapping or a file's path.

        Raises:
            UnknownNameError: no such option.
            UsageError: see the class.
            DataError: the glossary's file cannot be read.
        """
        own = {one.name for one in fields(cls)} - {"generation"}
        known = own | set(GenerationOptions.__annotations__)
        for name in options:
            if name not in known:
                raise UnknownNameError("translation option", name, known.difference(_OF_TEXTS))
        plain = cast(dict[str, Any], dict(options))
        rest = {name: plain.pop(name) for name in list(plain) if name not in own}
        for name in _OF_TEXTS:
            if rest.get(name) not in (None, (), []):
                raise UsageError(f"{name} does not apply to translation: leave it out")
        for name in _OF_THE_DRAW:
            if not plain.get("sample") and rest.get(name) is not None:
                raise UsageError(f"{name} does not apply to beam search: give sample too")
        glossary = plain.get("glossary")
        if isinstance(glossary, str | PathLike):
            plain["glossary"] = Glossary.read(glossary)
        elif isinstance(glossary, Mapping):
            plain["glossary"] = Glossary(glossary)
        return cls(**plain, generation=GenerationSettings.of(cast(GenerationOptions, rest)))

    def __post_init__(self) -> None:
        """Check every value, and that no option stands beside one that makes it idle."""
        for name, most in _WHOLE.items():
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and 1 <= value <= most):
                raise UsageError(f"{name} is {value!r}: give a whole number from 1 to {most:,}")
        for name, (allowed, least, greatest) in _RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not math.isnan(value)
            if value is not None and not (number and least <= value <= greatest):
                raise UsageError(f"{name} is {value!r}: give a number {allowed}")
        if self.length_penalty is not None:
            LengthPenalty(self.length_penalty)
        if self.sample:
            for name in _OF_THE_SEARCH:
                if getattr(self, name) is not None:
                    raise UsageError(f"{name} does not apply to sampling (sample): leave one out")
        if not isinstance(self.prefix, str):
            raise UsageError(f"prefix is {self.prefix!r}: give text (str)")
        if not isinstance(self.glossary, Glossary | None):
            raise UsageError(f"glossary is {self.glossary!r}: give a mapping, or a file's path")
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        """Refuse to ban what is asked for."""
        terms = () if self.glossary is None else self.glossary.terms.values()
        asked = {self.prefix: "the prefix", **dict.fromkeys(terms, "the glossary's term")}
        for banned in self.generation.ban:
            for text, what in asked.items():
                if isinstance(banned, str) and banned in text:
                    raise UsageError(
                        f"ban is {banned!r}, which is in {what} {text!r}: leave one out"
                    )

    def resolve(self, recommended: Mapping[str, Any]) -> TranslationSettings:
        """Fill in what was not given: a model's recommended settings, then the defaults.

        Raises:
            UsageError: an unknown name among the recommended ones, a value that is not allowed, or
                more translations than the beam has places.
        """
        for name in recommended:
            if name not in _RECOMMENDED:
                raise UnknownNameError("recommended translation setting", name, _RECOMMENDED)
        filled = {
            name: value
            for name, value in {**_DEFAULTS, **recommended}.items()
            if getattr(self, name) is None and not (self.sample and name in _OF_THE_SEARCH)
        }
        if self.sample and self.generation.seed is None:
            filled["generation"] = replace(self.generation, seed=fresh_seed())
        done = replace(self, **filled)
        if not self.sample and cast(int, done.n_best) > cast(int, done.beam_size):
            raise UsageError(
                f"n_best is {done.n_best}: give a whole number from 1 to {done.beam_size}, "
                "the beam size"
            )
        return done
