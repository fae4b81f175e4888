"""What ``textrnn translate`` does once its options are read: settings, and lines in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from textrnn.cli._errors import detail
from textrnn.cli._io import json_line
from textrnn.cli._models import warn_of_foreign
from textrnn.cli._options import option_names
from textrnn.cli._stdin import in_lists

if TYPE_CHECKING:
    from textrnn.models import Translation, TranslationSettings, Translator

__all__ = [
    "LISTS",
    "OPTIONS",
    "VALUES",
    "given_values",
    "lines_of",
    "read_settings",
    "translate_lines",
]

AT_ONCE = 1024  # lines, at most, read before their translations are written: many of one length
VALUES = (
    "beam_size",
    "length_penalty",
    "coverage_penalty",
    "beam_threshold",
    "n_best",
    "max_length_ratio",
    "batch_tokens",
    "split_tokens",
    "sample",
    "prefix",
    "glossary",
    "alignments",
    "copy",
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
    "seed",
)
LISTS = ("ban", "logit_bias", "rule")
OPTIONS = (*VALUES, *LISTS)


def read_settings(
    given: dict[str, Any], lists: dict[str, list[str]], model: Translator | None = None
) -> TranslationSettings:
    """Settings from options: values by name, and lists of texts, which need the model.

    Raises:
        UsageError: a value that is not allowed, or an option that does not apply beside another.
        DataError: the glossary cannot be read.
    """
    from textrnn.generation.rules import read_rule
    from textrnn.generation.rules.logit_bias import LogitBias
    from textrnn.models import TranslationSettings

    options = dict(given)
    if model is not None:
        options["rules"] = [read_rule(text, model.tokenizer) for text in lists["rule"]]
    with option_names(OPTIONS):
        if model is not None:
            biases = [LogitBias.from_text(text, model.tokenizer) for text in lists["logit_bias"]]
            options["logit_bias"] = [pair for bias in biases for pair in bias.biases]
            options["ban"] = lists["ban"]
        return TranslationSettings.of(options)  # type: ignore[arg-type]


def translate_lines(
    model: Translator,
    texts: Iterator[str],
    settings: TranslationSettings,
    out: TextIO,
    *,
    as_json: bool,
) -> None:
    """Write the translation of each line, in order; an empty line for one that is empty.

    Lines that are written slowly, as by a person, are each answered at once.
    """
    scored = settings.n_best is not None
    settings = settings.resolve(model.folder.generation)
    if settings.sample:
        detail(f"seed {settings.generation.seed}")
    read = 0
    for chunk in in_lists(texts, AT_ONCE):
        warn_of_foreign(model, chunk, read + 1)
        for translation in model.translate(chunk, settings):
            lines = lines_of(translation, as_json=as_json, scored=scored)
            out.writelines(line + "\n" for line in lines)
        out.flush()
        read += len(chunk)


def lines_of(translation: Translation, *, as_json: bool, scored: bool = False) -> Iterator[str]:
    r"""A translation as it is written: a line, or one for each of the n best.

    Args:
        translation: of a line.
        as_json: write records.
        scored: write scores before texts.

    >>> from textrnn.models import Candidate, Translation
    >>> two = (Candidate("ja", -0.1), Candidate("doch", -1.0))
    >>> list(lines_of(Translation("yes", "ja", -0.1, two), as_json=False, scored=True))
    ['-0.1000\tja', '-1.0000\tdoch']
    """
    if as_json:
        yield json_line(translation.as_dict())
    elif not translation.n_best:
        yield ""
    else:
        whole = not scored and translation.alignment is None and "\n" in translation.source
        for one in translation.n_best:
            parts = [f"{one.score:.4f}"] if scored else []
            parts.append(one.text if whole else _flat(one.text))  # an argument of several lines
            parts += [one.pharaoh] if one.alignment is not None else []
            yield "\t".join(parts)


def _flat(text: str) -> str:
    """A text on one line, whatever separators its source had."""
    return " ".join(text.split())


def given_values(params: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, by the library's names."""
    found = {name: params[name] for name in VALUES}
    if isinstance(found["glossary"], Path):
        found["glossary"] = str(found["glossary"])
    return {name: value for name, value in found.items() if value not in (None, "")}
