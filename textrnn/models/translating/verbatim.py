"""What is copied through: addresses, placeholders and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from textrnn.models.translating.tags import find_tags, taken_out

__all__ = ["is_verbatim", "missing_terms", "verbatim_parts"]

_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]+[^\s<>\".,;:!?)\]'”’]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
_PLACEHOLDER = re.compile(
    r"\{\{[^{}]*\}\}|\$?\{[^{}\s]*\}|%\(\w+\)[a-z]|%[sdif]\b|</?\w[^<>]*>|__\w+?__|&\w+;"
)
_PHONE = re.compile(r"\+\d[\d ()/-]{5,}\d")
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:[.,'’\u00a0\u202f]\d+)*(?![\w:])")
_WRITTEN = re.compile(r"\d[\d.,:'’\u00a0\u202f]*")
_CLOCK = re.compile(r"\d\d?\.[0-5]\d")  # perhaps a time, as German writes it
_LEAST = 13  # smaller whole numbers are often written as words


def is_verbatim(text: str) -> bool:
    """Whether a text has nothing to translate: no letter outside addresses and placeholders.

    >>> is_verbatim("→ https://example.org/a?b=1 (42 %)"), is_verbatim("42 m")
    (True, False)
    """
    bare, _ = taken_out(text, find_tags(text))
    rest = _PLACEHOLDER.sub("", _ADDRESS.sub("", bare))
    return not any(char.isalpha() for char in rest)


def verbatim_parts(text: str) -> list[tuple[int, int]]:
    """Where a text has addresses and placeholders.

    >>> verbatim_parts("{n} at https://example.org.")
    [(7, 26), (0, 3)]
    """
    return [
        found.span() for pattern in (_ADDRESS, _PLACEHOLDER) for found in pattern.finditer(text)
    ]


def missing_terms(source: str, translation: str) -> Iterator[tuple[str, ...]]:
    """What a source has and its translation lacks: for each the ways it may be written.

    An address, a placeholder or a phone number with its country is written in one way. A number may
    have its separators swapped or left out, and 6.30 may be 6:30; whole numbers under 13 and times
    may be written as they please.

    >>> list(missing_terms("1,250 of {n} at 5:30", "1250 um halb sechs"))
    [('{n}',)]
    """
    rest = source
    for pattern in (_ADDRESS, _PLACEHOLDER, _PHONE):
        for text in dict.fromkeys(found[0] for found in pattern.finditer(rest)):
            if text not in translation:
                yield (text,)
        rest = pattern.sub(" ", rest)
    numbers = [found[0] for found in _WRITTEN.finditer(translation)]
    written = {_digits(part) for number in numbers for part in (number, *number.split(":"))}
    for number in dict.fromkeys(found[0] for found in _NUMBER.finditer(rest)):
        whole = number.isdigit() and int(number) < _LEAST
        if not whole and _digits(number) not in written:
            swapped = number.translate(str.maketrans(",.", ".,"))
            clock = number.replace(".", ":") if _CLOCK.fullmatch(number) else number
            yield tuple(dict.fromkeys((number, swapped, clock)))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
