"""What ``textrnn generate`` does once its options are read: settings, texts, sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from textrnn.cli._errors import detail
from textrnn.cli._io import json_line, one_line
from textrnn.cli._models import warn_of_unknown
from textrnn.cli._options import option_names

if TYPE_CHECKING:
    from textrnn.generation import GenerationSettings
    from textrnn.models import Generation, LanguageModel, Session

__all__ = [
    "LISTS",
    "NUMBERS",
    "OPTIONS",
    "Form",
    "Place",
    "go_on",
    "read_settings",
    "write_texts",
]

AT_ONCE = 32  # lines read before their texts are written
BETWEEN = "---\n"  # stands between texts that may have several lines
NUMBERS = (
    "max_new_tokens",
    "min_new_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "no_repeat_ngram_size",
    "num_samples",
    "beam_size",
    "length_penalty",
    "seed",
)
LISTS = ("stop", "ban", "logit_bias", "rule")
OPTIONS = (*NUMBERS, *LISTS)
NOTHING: dict[str, Any] = {"text": "", "token_ids": [], "logprobs": [], "finish_reason": None}


def read_settings(
    given: dict[str, Any], lists: dict[str, list[str]], model: LanguageModel | None = None
) -> GenerationSettings:
    """Settings from options: numbers by name, and lists of texts, some of which need the model.

    Raises:
        UsageError: a value that is not allowed, or an option that does not apply beside another.
    """
    from textrnn.generation import GenerationSettings
    from textrnn.generation.rules import read_rule
    from textrnn.generation.rules.logit_bias import LogitBias

    options = dict(given, stop=lists["stop"])
    if model is not None:  # rules are named as in --rule, so their errors stay as they are
        options["rules"] = [read_rule(text, model.tokenizer) for text in lists["rule"]]
    with option_names(OPTIONS):
        if model is not None:
            biases = [LogitBias.from_text(text, model.tokenizer) for text in lists["logit_bias"]]
            options["logit_bias"] = [pair for bias in biases for pair in bias.biases]
            options["ban"] = lists["ban"]
        return GenerationSettings.of(options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Form:
    """How texts are written: as JSON, as lines, or as they are; as they come, or whole."""

    json: bool
    by_line: bool
    stream: bool

    def text(self, text: str) -> str:
        """A text, or a piece of one, as it is to be written."""
        return one_line(text) if self.by_line else text

    def result(self, generation: Generation) -> str:
        """A whole result as it is to be written."""
        if self.json:
            return json_line(generation.as_dict())
        return self.text(generation.prompt + generation.text)


def write_texts(
    model: LanguageModel,
    prompts: Iterator[str],
    settings: GenerationSettings,
    form: Form,
    out: TextIO,
) -> None:
    """Write what follows each prompt, in order; an empty line for a line that is empty.

    In JSON its record has no text. Where the user interrupts, what has come is written first.
    """
    from textrnn.generation import fresh_seed

    if settings.seed is None:
        settings = replace(settings, seed=fresh_seed())
    detail(f"seed {settings.seed}")
    between = ""
    while chunk := list(islice(prompts, 1 if form.stream else AT_ONCE)):
        warn_of_unknown(model, chunk)
        for pieces in _texts(model, chunk, settings, form):
            out.write(between)
            _write(pieces, out)
            between = "" if form.json or form.by_line else BETWEEN


def _texts(
    model: LanguageModel, prompts: Sequence[str], settings: GenerationSettings, form: Form
) -> Iterator[Iterable[str]]:
    """Each text as the pieces it is to be written in."""
    asked = [prompt for prompt in prompts if prompt or not form.by_line]
    results = iter(()) if form.stream else _so_far(lambda: model.generate(asked, settings))
    for prompt in prompts:
        if form.by_line and not prompt:
            empty = {"prompt": prompt, **NOTHING, "seed": settings.seed, "index": 0}
            yield [json_line(empty)] if form.json else ()
        elif form.stream:
            yield chain([form.text(prompt)], map(form.text, model.stream(prompt, settings)))
        else:
            for _ in range(settings.num_samples or 1):
                yield [form.result(next(results))]
    next(results, None)  # raises what interrupted the last of them


def _so_far(write: Callable[[], Sequence[Generation]]) -> Iterator[Generation]:
    """Results; where the user interrupts, first what has come of them."""
    from textrnn.models import Interrupted

    try:
        yield from write()
    except Interrupted as interruption:
        yield from interruption.results
        raise


def _write(pieces: Iterable[str], out: TextIO) -> None:
    """Write pieces as they come, and end the line where they have not."""
    last = ""
    for piece in pieces:
        out.write(piece)
        out.flush()
        last = piece or last
    if not last.endswith("\n"):
        out.write("\n")
        out.flush()


@dataclass(frozen=True)
class Place:
    """Where a session begins, by a prompt or a saved state, and where its state is kept."""

    prompt: str
    state: Path | None
    save_state: Path | None


def go_on(
    model: LanguageModel, place: Place, settings: GenerationSettings, form: Form, out: TextIO
) -> None:
    """Write one text in a session, and keep the session's state where it ends or is interrupted."""
    session = model.session(place.prompt, state=place.state)
    warn_of_unknown(model, [place.prompt])
    try:
        if form.json:
            for result in _so_far(lambda: [session.generate(settings)]):
                _write([form.result(result)], out)
        else:
            _write(chain([place.prompt], session.stream(settings)), out)
    except KeyboardInterrupt:
        _save(session, place)
        raise
    _save(session, place)


def _save(session: Session, place: Place) -> None:
    if place.save_state is not None:
        session.save(place.save_state)
