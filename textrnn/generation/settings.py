"""What a generation was asked to do: the options, filled in, and the rules they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

from textrnn.errors import UnknownNameError, UsageError
from textrnn.generation.draw import fresh_seed
from textrnn.generation.options import GenerationOptions, TextOptions
from textrnn.generation.rules import FAMILY, ORDER, Rule
from textrnn.generation.rules._base import check_number, check_whole
from textrnn.generation.rules.ban import Ban
from textrnn.generation.scoring import LengthPenalty
from textrnn.tokenizers import Tokenizer

__all__ = ["GenerationSettings"]

DEFAULT_MAX_NEW_TOKENS = 256
MOST_NEW_TOKENS = 10**15
"""For ever; beam search has scores for so many, too."""
MOST_SAMPLES = 100_000
"""Texts a prompt, all of which are held until the last one is done."""
MOST_HYPOTHESES = 4096
"""Places of a beam: each holds a state of the model and a row of logits."""

_SEVERAL = {
    "ban": "texts (str), or lists of ids",
    "logit_bias": "a mapping of ids to numbers, or pairs of them",
    "stop": "texts (str)",
    "rules": "a list of rules, such as textrnn.generation.rules.read_rule makes",
}
_NEUTRAL = {
    "min_new_tokens": 0,
    "temperature": 1,
    "top_k": 0,
    "top_p": 1,
    "min_p": 0,
    "typical_p": 1,
    "repetition_penalty": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "no_repeat_ngram_size": 0,
    "num_samples": 1,
}
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "typical_p", "num_samples")
_RECOMMENDED = (
    "max_new_tokens",
    *(n for n in ORDER if n not in ("ban", "logit_bias", "min_new_tokens")),
)


@dataclass(frozen=True)
class GenerationSettings:
    """The options of one generation; None means not given.

    Args:
        max_new_tokens: the most tokens to generate, EOS counted; 256 where nothing else is said.
        min_new_tokens: EOS is banned until then (a stop text still ends the text).
        temperature: 1 draws from the model's own distribution; 0 is greedy, the likeliest token
            each time.
        top_k: keep the k likeliest tokens; 0 keeps all.
        top_p: keep the likeliest tokens that hold this probability; 1 keeps all.
        min_p: keep tokens at least this likely beside the likeliest; 0 keeps all.
        typical_p: keep the most typical tokens that hold this probability; 1 keeps all.
        repetition_penalty: makes what has been said less likely; 1 changes nothing.
        presence_penalty: off the logit of a token that has occurred; 0 changes nothing.
        frequency_penalty: off a token's logit for each time it has occurred; 0 changes nothing.
        no_repeat_ngram_size: no sequence of so many tokens occurs twice; 0 allows all.
        ban: texts that never appear, and token sequences that are never completed.
        logit_bias: (id, bias) pairs, added to the logits.
        stop: the text ends before the first of these.
        num_samples: how many texts a prompt.
        beam_size: search for the likeliest text with so many hypotheses instead of drawing one.
        length_penalty: of the beam search, see :class:`textrnn.generation.beam.LengthPenalty`; 1
            where not given.
        rules: more rules, applied after those above in the order given.
        seed: what the draw depends on; a fresh one where none is given.

    >>> GenerationSettings(top_p=0.9, temperature=0)
    Traceback (most recent call last):
    textrnn.errors.UsageError: top_p does not apply to greedy choice (temperature 0): leave one out

    Raises:
        UsageError: a value that is not allowed, or an option that does not apply beside another.
    """

    max_new_tokens: int | None = None
    min_new_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    ban: tuple[str | tuple[int, ...], ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
    stop: tuple[str, ...] = ()
    num_samples: int | None = None
    beam_size: int | None = None
    length_penalty: float | None = None
    rules: tuple[Rule, ...] = ()
    seed: int | None = None

    @classmethod
    def of(cls, options: GenerationOptions | TextOptions) -> GenerationSettings:
        """Settings from keyword arguments, which may be written more freely.

        One text may stand for several, a mapping for pairs, a list for a tuple.

        >>> GenerationSettings.of({"stop": "END", "logit_bias": {4: 1.0}}).stop
        ('END',)
        >>> GenerationSettings.of({"temprature": 1.0})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        textrnn.errors.UnknownNameError: no generation option 'temprature' (known: ...

        Raises:
            UnknownNameError: no such option.
            UsageError: see the class.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UnknownNameError("generation option", name, known)
        plain = cast(dict[str, Any], dict(options))
        for name, allowed in _SEVERAL.items():
            several = plain.get(name) or ()
            if isinstance(several, str):
                several = (several,)
            elif isinstance(several, Mapping):
                several = several.items()
            elif isinstance(several, bytes) or not isinstance(several, Iterable):
                raise UsageError(f"{name} is {several!r}: give {allowed}")
            plain[name] = tuple(
                tuple(one) if isinstance(one, list | range | np.ndarray) else one for one in several
            )
        return cls(**plain)

    def __post_init__(self) -> None:
        """Check every value, and that no option stands beside one that makes it idle."""
        for name, least, most in (
            ("max_new_tokens", 1, MOST_NEW_TOKENS),
            ("num_samples", 1, MOST_SAMPLES),
            ("beam_size", 1, MOST_HYPOTHESES),
            ("seed", 0, None),
        ):
            if self._given(name):
                check_whole(name, getattr(self, name), least, most)
        if self.temperature is not None:
            check_number(
                "temperature", self.temperature, "of 0 (greedy) or above", lambda x: x >= 0
            )
        for name in ORDER:
            if name not in ("ban", "logit_bias") and self._changes(name):
                FAMILY.get(name)(getattr(self, name))
        for name, texts in (("stop", self.stop), ("ban", self.ban)):
            if not all(texts):
                raise UsageError(f"{name} has an empty text: leave it out")
        for name, fits in (
            ("stop", lambda one: isinstance(one, str)),
            ("ban", lambda one: isinstance(one, str) or _is_ids(one)),
            ("logit_bias", lambda one: isinstance(one, tuple) and len(one) == 2),
            ("rules", callable),
        ):
            for one in getattr(self, name):
                if not fits(one):
                    raise UsageError(f"{name} has {one!r}: give {_SEVERAL[name]}")
        limit = self.max_new_tokens
        if limit is not None and self.min_new_tokens is not None and self.min_new_tokens > limit:
            raise UsageError(
                f"min_new_tokens {self.min_new_tokens} is more than max_new_tokens {limit}: "
                "raise the latter"
            )
        self._refuse_idle()

    def resolve(self, recommended: Mapping[str, Any]) -> GenerationSettings:
        """Fill in what was not given.

        First come a model's recommended settings, then the defaults, then a fresh seed. A
        recommendation yields to what is given, in whole where rules are given or the choice is
        greedy or by beam search: there, only ``max_new_tokens`` and the penalties are taken.

        Raises:
            UsageError: an unknown name among the recommended ones, or a value that is not allowed.
        """
        filled: dict[str, Any] = {}
        for name, value in recommended.items():
            if name not in _RECOMMENDED:
                raise UnknownNameError("recommended generation setting", name, _RECOMMENDED)
            draws = self.beam_size is None and not self.greedy
            idle = (name in ORDER and self.rules) or (name in _SAMPLING and not draws)
            if not (self._given(name) or idle):
                filled[name] = value
        defaults: dict[str, Any] = {"max_new_tokens": DEFAULT_MAX_NEW_TOKENS, "num_samples": 1}
        defaults |= {"temperature": 1.0} if self.beam_size is None else {"length_penalty": 1.0}
        defaults |= {"seed": fresh_seed()}
        for name, value in defaults.items():
            if not self._given(name):
                filled.setdefault(name, value)
        return replace(self, **filled)

    def refuse_several(self, what: str) -> None:
        """Refuse options that do not apply to what is one text.

        >>> GenerationSettings(num_samples=2).refuse_several("a stream")
        Traceback (most recent call last):
        textrnn.errors.UsageError: num_samples does not apply to a stream, which is one text

        Raises:
            UsageError: several samples, or beam search.
        """
        for name in ("num_samples", "beam_size"):
            if self._changes(name):
                raise UsageError(f"{name} does not apply to {what}, which is one text")

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken each time."""
        return self.temperature == 0

    def build_rules(self, tokenizer: Tokenizer) -> tuple[Rule, ...]:
        """The rules that the options stand for, in ``ORDER``, then those given as rules.

        >>> from textrnn.tokenizers.byte import ByteTokenizer
        >>> GenerationSettings(top_k=40, temperature=0.8, top_p=1.0).build_rules(ByteTokenizer())
        (Temperature(value=0.8), TopK(k=40))
        """
        built: list[Rule] = []
        for name in ORDER:
            value = getattr(self, name)
            if not self._changes(name):
                continue
            if name == "ban":
                texts = [text for text in value if isinstance(text, str)]
                sequences = tuple(tokens for tokens in value if not isinstance(tokens, str))
                built += [Ban(sequences)] if sequences else []
                built += [Ban.of_texts(texts, tokenizer)] if texts else []
            else:
                built.append(FAMILY.get(name)(value))
        return (*built, *self.rules)

    def as_dict(self) -> dict[str, Any]:
        """What was given, ready for JSON; rules as they are written in Python."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        given["rules"] = tuple(map(repr, self.rules))
        return {name: value for name, value in given.items() if not _is_unset(value)}

    def _given(self, name: str) -> bool:
        return not _is_unset(getattr(self, name))

    def _changes(self, name: str) -> bool:
        """Whether an option is given and has an effect; the greedy choice is no rule."""
        neutral = 0 if name == "temperature" and self.greedy else _NEUTRAL.get(name)
        return self._given(name) and getattr(self, name) != neutral

    def _refuse_idle(self) -> None:
        """Refuse by name what would have no effect."""
        if self.length_penalty is not None:
            LengthPenalty(self.length_penalty)
            if self.beam_size is None:
                raise UsageError("length_penalty applies to beam search only: give beam_size too")
        if self.beam_size is not None:
            mode = "beam search (beam_size)"
        elif self.greedy:
            mode = "greedy choice (temperature 0)"
        else:
            return
        for name in _SAMPLING:
            if self._changes(name):
                raise UsageError(f"{name} does not apply to {mode}: leave one out")


def _is_ids(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(id, int | np.integer) for id in value)


def _is_unset(value: object) -> bool:
    """Whether it is None or an empty tuple; numbers of numpy do not compare with one."""
    return value is None or (isinstance(value, tuple) and not value)
