"""What is copied through: addresses, placeholders and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["is_verbatim", "missing_terms"]

_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]+[^\s<>\".,;:!?)\]'”’]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
_PLACEHOLDER = re.compile(
    r"\{\{[^{}]*\}\}|\$?\{[^{}\s]*\}|%\(\w+\)[a-z]|%[sdif]\b|</?\w[^<>]*>|__\w+?__|&\w+;"
)
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:[.,'’\u00a0\u202f]\d+)*(?![\w:])")
_LEAST = 13  # smaller whole numbers are often written as words
_LONGEST = 100  # characters that a translation is made to have


def is_verbatim(text: str) -> bool:
    """Whether a text has nothing to translate: no letter outside addresses and placeholders.

    >>> is_verbatim("→ https://example.org/a?b=1 (42 %)"), is_verbatim("42 m")
    (True, False)
    """
    rest = _PLACEHOLDER.sub("", _ADDRESS.sub("", text))
    return not any(char.isalpha() for char in rest)


def missing_terms(source: str, translation: str) -> Iterator[tuple[str, ...]]:
    """What a source has and its translation lacks: for each the ways it may be written.

    An address or a placeholder is written in one way. A number may have its separators swapped or
    left out; whole numbers under 13 and times may be written as they please.

    >>> list(missing_terms("1,250 of {n} at 5:30", "1250 um halb sechs"))
    [('{n}',)]
    """
    exact = [found[0] for pattern in (_ADDRESS, _PLACEHOLDER) for found in pattern.finditer(source)]
    for text in dict.fromkeys(exact):
        if text not in translation and len(text) <= _LONGEST:
            yield (text,)
    rest = _PLACEHOLDER.sub(" ", _ADDRESS.sub(" ", source))
    written = {_digits(found[0]) for found in re.finditer(r"\d[\d.,'’\u00a0\u202f]*", translation)}
    for number in dict.fromkeys(found[0] for found in _NUMBER.finditer(rest)):
        whole = number.isdigit() and int(number) < _LEAST
        if not whole and _digits(number) not in written and len(number) <= _LONGEST:
            swapped = number.translate(str.maketrans(",.", ".,"))
            yield tuple(dict.fromkeys((number, swapped)))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
