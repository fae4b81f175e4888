"""What is copied through: addresses, placeholders and numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator
from itertools import repeat

from textrnn.models.translating.tags import find_tags, taken_out

__all__ = ["is_verbatim", "missing_terms", "verbatim_parts"]

_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]+[^\s<>\".,;:!?)\]'”’]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
_PLACEHOLDER = re.compile(
    r"\{\{[^{}]*\}\}|\$?\{[^{}\s]*\}|%\(\w+\)[a-z]|%[sdif]\b|</?\w[^<>]*>|__\w+?__|&\w+;"
)
_MARK = re.compile(r"[\d@{%<&]|://|www\.|__")  # one of these is in all that is copied
_PHONE = re.compile(r"\+\d[\d ()/-]{5,}\d")
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:[.,'’\u00a0\u202f]\d+)*(?![\w:])")
_JOINED = re.compile(r"(?<![\w.,:-])\d+(?:[-–]\d+)+(?![\w:-]|[.,]\d)")
_WRITTEN = re.compile(r"\d+(?:[.,:'’\u00a0\u202f]\d+)*")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?P<mark>[.,'’\u00a0\u202f])\d{3}(?:(?P=mark)\d{3})*")
_SPACED = re.compile(r"(?<![\w.,:-])[1-9]\d{0,2}(?: \d{3})+(?![\w:-])")
_NO_BREAK = "\u00a0"
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

    An address, a placeholder or a phone number with its country is written in one way; these and
    numbers come as often as in the source. A number may have a point for a comma, or the other way
    round, and none where they part thousands; 6.30 may be 6:30. Whole numbers under 13 and times
    may be written as they please. Of those that are joined, as in a date or a score, all are to be
    there, but for one under 13 beside a greater one, or all where none is greater; where the
    translation has numbers that the source has not, these too.

    >>> list(missing_terms("1,250 of {n} at 5:30, 3-2", "1250 um halb sechs, 3:2"))
    [('{n}',)]
    """
    if not _MARK.search(source):
        return
    rest, said = source, translation
    for pattern in (_ADDRESS, _PLACEHOLDER, _PHONE):
        for text, times in _counted(pattern, rest):
            yield from repeat((text,), times - translation.count(text))
        rest, said = pattern.sub(" ", rest), pattern.sub(" ", said)
    rest, said = _grouped(rest), _grouped(said)
    yield from _missing_joined(rest, said)
    yield from _missing_numbers(_JOINED.sub(" ", rest), said)


def _missing_joined(source: str, translation: str) -> Iterator[tuple[str, ...]]:
    there, others = Counter(_whole_numbers(translation)), _has_others(translation, source)
    for joined, times in _counted(_JOINED, source):
        parts = Counter(_whole_numbers(joined))
        whole = min(there[part] // each for part, each in parts.items())
        if others or not _may_be_in_words(parts, there):
            yield from repeat((joined,), times - whole)


def _missing_numbers(source: str, translation: str) -> Iterator[tuple[str, ...]]:
    numbers = [found[0] for found in _WRITTEN.finditer(translation)]
    written = [{number}.union(*map(_readings, number.split(":"))) for number in numbers]
    for number, times in _counted(_NUMBER, source):
        if _SMALL.fullmatch(number):
            continue
        clock = number.replace(".", ":") if _CLOCK.fullmatch(number) else number
        readings = _readings(number) | {clock}
        there = sum(not readings.isdisjoint(one) for one in written)
        swapped = number.translate(str.maketrans(",.", ".,"))
        same = swapped if _readings(swapped) == _readings(number) else number
        forms = (form.replace(_NO_BREAK, " ") for form in (number, same, clock))
        yield from repeat(tuple(dict.fromkeys(forms)), times - there)


def _grouped(text: str) -> str:
    """The same with spaces that do not break where they part thousands."""
    return _SPACED.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)


def _counted(pattern: re.Pattern[str], text: str) -> Iterable[tuple[str, int]]:
    return Counter(found[0] for found in pattern.finditer(text)).items()


def _has_others(translation: str, source: str) -> bool:
    """Whether a translation has a number that is none of the source's, nor made of them."""
    own = {*_whole_numbers(source), *(_digits(found[0]) for found in _WRITTEN.finditer(source))}
    return any(
        _digits(number) not in own and not own.issuperset(_whole_numbers(number))
        for number in (found[0] for found in _WRITTEN.finditer(translation))
    )


def _may_be_in_words(parts: Collection[str], there: Container[str]) -> bool:
    """Whether those numbers of a date or a score that are not there may be written as words."""
    lacking = [part for part in parts if part not in there]
    small = [part for part in parts if _SMALL.fullmatch(part)]
    return set(lacking) <= set(small) and (len(small) == len(parts) or len(lacking) < 2)


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


def _whole_numbers(text: str) -> list[str]:
    return [digits.lstrip("0") or "0" for digits in re.findall(r"\d+", text)]


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
