"""What is copied through: addresses, placeholders and numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import repeat

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
_JOINED = re.compile(r"(?<![\w.,:-])\d+(?:[-–]\d+)+(?![\w:-]|[.,]\d)")
_WRITTEN = re.compile(r"\d+(?:[.,:'’\u00a0\u202f]\d+)*")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?P<mark>[.,'’\u00a0\u202f])\d{3}(?:(?P=mark)\d{3})*")
_CLOCK = re.compile(r"\d\d?\.[0-5]\d")  # perhaps a time, as German writes it
_SMALL = re.compile(r"0?\d|1[0-2]")  # often written as a word


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

    An address, a placeholder or a phone number with its country is written in one way, as often as
    the source has it. Of a date or a score, such as 3-2, all numbers are to be there. A number may
    have a point for a comma, or the other way round, and none where they part thousands; 6.30 may
    be 6:30. Whole numbers under 13 and times may be written as they please.

    >>> list(missing_terms("1,250 of {n} at 5:30, 3-2", "1250 um halb sechs, 3:2"))
    [('{n}',)]
    """
    rest = source
    for pattern in (_ADDRESS, _PLACEHOLDER, _PHONE):
        for text, times in Counter(found[0] for found in pattern.finditer(rest)).items():
            yield from repeat((text,), times - translation.count(text))
        rest = pattern.sub(" ", rest)
    numbers = [found[0] for found in _WRITTEN.finditer(translation)]
    parts = {part for number in numbers for part in number.split(":")}
    single = _whole_numbers(translation)
    for joined in dict.fromkeys(found[0] for found in _JOINED.finditer(rest)):
        if not _whole_numbers(joined) <= single:
            yield (joined,)
    rest = _JOINED.sub(" ", rest)
    written = set(numbers).union(*map(_readings, parts))
    for number in dict.fromkeys(found[0] for found in _NUMBER.finditer(rest)):
        clock = number.replace(".", ":") if _CLOCK.fullmatch(number) else number
        known = clock in written or not written.isdisjoint(_readings(number))
        if not known and not _SMALL.fullmatch(number):
            swapped = number.translate(str.maketrans(",.", ".,"))
            same = swapped if _readings(swapped) == _readings(number) else number
            yield tuple(dict.fromkeys((number, same, clock)))


def _readings(number: str) -> set[str]:
    """What a number may mean, whatever its separators are: digits, with a point before a fraction.

    >>> sorted(_readings("1,250")), _readings("20,5"), _readings("1.250,5"), _readings("1.2.3")
    (['1.250', '1250'], {'20.5'}, {'1250.5'}, {'1.2.3'})
    """
    *parts, last = re.split(r"\D", number)
    if not parts:
        return {last}
    found = {"".join((*parts, last))} if _GROUPED.fullmatch(number) else set()
    before = number[: -len(last) - 1]
    if before.isdigit() or (_GROUPED.fullmatch(before) and number[len(before)] not in before):
        found.add(f"{''.join(parts)}.{last}")
    return found or {number}


def _whole_numbers(text: str) -> set[str]:
    return {digits.lstrip("0") for digits in re.findall(r"\d+", text)}
