"""Markup: tags are taken out of a text before it is read, and put back where their words went."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.segments import clean
from textrnn.models.translating.spans import Spans
from textrnn.models.translating.tags import find_tags, taken_out

__all__ = ["Marked", "marked"]

_Around: TypeAlias = tuple[list[str], list[str], list[str], list[str]]
_BEFORE, _OPENING, _CLOSING, _AFTER = range(4)
_DEEPEST = 100  # what is nested deeper is taken as tags alone


@dataclass(frozen=True)
class _Element:
    """A tag and the one that closes it, or a tag alone.

    Args:
        tags: what stands before and what stands after.
        span: the characters between them, white space not counted.
        inner: whether they stand inside the punctuation around a word: what they hold, or what is
            before a closing tag alone, begins and ends with a letter or digit.
        leans: whether it stands, where it holds nothing, at the end of a word.
        elements: those inside.
    """

    tags: tuple[str, str]
    span: tuple[int, int]
    inner: tuple[bool, bool]
    leans: bool
    elements: tuple[_Element, ...]

    @property
    def markup(self) -> str:
        """All its tags."""
        return self.tags[0] + "".join(one.markup for one in self.elements) + self.tags[1]


@dataclass(frozen=True)
class Marked:
    """A text and the tags that were taken out of it.

    Args:
        text: clean.
        elements: the outermost ones, in order.

    >>> found = marked("I <i>really <b>like</b></i> it.")
    >>> found.text, [element.tags for element in found.elements]
    ('I really like it.', [('<i>', '</i>')])
    """

    text: str
    elements: tuple[_Element, ...]

    def put_back(self, draft: Draft, prefix: str = "") -> Draft | None:
        """A translation of the text with the tags; None where nothing tells where they belong.

        A pair goes around the run of words that looked at what it held more than at anything else,
        within the pair around it, and around all where it held all; a tag alone goes where as many
        words as may be that looked at what was before it are before it. The translation has no
        tokens: those that the model said are of a text without tags.

        Args:
            draft: the translation.
            prefix: what it begins with, where no tags go.
        """
        spans = Spans.of(self.text, draft)
        if spans is None:
            return None
        placing = _Placing.of(spans)
        first = sum(begin < len(prefix) for begin, _ in spans.places)
        placing.place(self.elements, _Run(first, len(spans.places)))
        return replace(draft, text=placing.text(draft.text), ids=(), log_probs=())


def marked(text: str) -> Marked | None:
    """A text without its tags; None where it has none, or nothing beside them."""
    if not (tags := find_tags(text)):
        return None
    plain, places = taken_out(text, tags)
    if not (bare := clean(plain)):
        return None
    starts = np.concatenate([[0], np.cumsum([not char.isspace() for char in plain])])
    closed_by = _pairs(tags)

    def elements(first: int, end: int) -> Iterator[_Element]:
        place = first
        while place < end:
            last = closed_by.get(place, place)
            yield element(place, last, tuple(elements(place + 1, last)))
            place = last + 1

    def element(first: int, last: int, inside: tuple[_Element, ...]) -> _Element:
        (begin, after), closes = places[first], bool(tags[first]["end"])
        held = plain[after : places[last][0]].strip()
        inner = held[:1].isalnum(), held[-1:].isalnum()
        if not held:
            inner = False, closes and plain[:begin][-1:].isalnum()
        elif held == plain.strip():
            inner = False, False
        glued = bool(plain[:begin][-1:].strip())
        both = tags[first][0], tags[last][0] if last > first else ""
        span = int(starts[begin]), int(starts[places[last][0]])
        leans = glued and (closes or not plain[places[last][1] :][:1].strip())
        return _Element(both, span, inner, leans, inside)

    return Marked(bare, tuple(elements(0, len(tags))))


def _pairs(tags: Sequence[re.Match[str]]) -> dict[int, int]:
    """Which tag each is closed by; what stays open inside another is alone."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for place, tag in enumerate(tags):
        if not tag["end"]:
            opened.append(place)
            continue
        names = [tags[one]["name"] for one in opened]
        if tag["name"] in names:
            level = len(names) - 1 - names[::-1].index(tag["name"])
            if level < _DEEPEST:
                found[opened[level]] = place
            del opened[level:]
    return found


class _Run(NamedTuple):
    """Words that are next to each other, and where tags around them stand at both ends."""

    begin: int
    end: int
    opening: int = _BEFORE
    closing: int = _AFTER

    def part(self, begin: int, end: int, inner: tuple[bool, bool]) -> _Run:
        """Some of them; tags around these are inside those around all."""
        opening, closing = _OPENING if inner[0] else _BEFORE, _CLOSING if inner[1] else _AFTER
        if begin == self.begin:
            opening = max(opening, self.opening)
        if end == self.end:
            closing = min(closing, self.closing)
        return _Run(begin, end, opening, closing)


@dataclass(frozen=True)
class _Placing:
    """Where tags go among the words of a translation.

    Args:
        spans: where the words looked.
        around: for each word what stands before it, before and after its core, and after it.
    """

    spans: Spans
    around: tuple[_Around, ...]

    @classmethod
    def of(cls, spans: Spans) -> _Placing:
        """No tags yet."""
        return cls(spans, tuple(([], [], [], []) for _ in spans.places))

    def place(self, elements: Sequence[_Element], run: _Run) -> None:
        """Place elements that are beside each other among some of the words."""
        free = np.zeros(len(self.around), bool)
        free[run.begin : run.end] = True
        pairs: list[tuple[_Element, _Run]] = []
        alone: list[_Element] = []
        for element in elements:
            if element.span[0] == element.span[1] or not free.any():
                alone.append(element)
                continue
            begin, end = self._words_of(element, run, free)
            free[begin:end] = False
            pairs.append((element, run.part(begin, end, element.inner)))
        # From the outside in: what is alone stands outside the pairs beside it.
        self._place_alone(alone, run, [part for _, part in pairs])
        for element, part in pairs:
            self.around[part.begin][part.opening].append(element.tags[0])
            self.around[part.end - 1][part.closing].insert(0, element.tags[1])
            self.place(element.elements, part)

    def _words_of(self, element: _Element, run: _Run, free: NDArray[np.bool_]) -> tuple[int, int]:
        if element.span == (0, self.spans.looked.shape[1] - 1):
            return run.begin, run.end
        begin, end, _ = self.spans.run(element.span, free)
        return begin, end

    def _place_alone(self, elements: Sequence[_Element], run: _Run, parts: Sequence[_Run]) -> None:
        """Place elements between the parts of a run, or where words belong to none."""
        allowed = np.ones(run.end - run.begin + 1, bool)
        for part in parts:
            allowed[part.begin - run.begin + 1 : part.end - run.begin] = False
        after: list[tuple[int, int, str]] = []
        slots: dict[int, int] = {}
        last = -1
        for element in elements:
            place = self.spans.boundary(element.span[0], run.begin, allowed)
            leans = element.leans and run.begin < place != last
            if place < run.end and not leans:
                slot = run.opening if place == run.begin else _BEFORE
                self.around[place][slot].append(element.markup)
                last = place  # what follows stands after it
                continue
            ends = run.begin == place or any(part.end == place for part in parts)
            inner = element.inner[1] and not ends
            slot = run.part(run.begin, place, (False, inner)).closing
            slot = slots[place] = max(slot, slots.get(place, slot))
            after.append((place - 1, slot, element.markup))
        for word, slot, markup in reversed(after):
            self.around[word][slot].insert(0, markup)

    def text(self, plain: str) -> str:
        """The translation with the tags."""
        parts, done = [], 0
        for word, (before, opening, closing, after) in enumerate(self.around):
            begin, end = self.spans.places[word]
            first, last = self.spans.core(plain, word, word + 1)
            parts += [plain[done:begin], *before, plain[begin:first], *opening]
            parts += [plain[first:last], *closing, plain[last:end], *after]
            done = end
        return "".join(parts) + plain[done:]
