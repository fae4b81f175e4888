"""Markup: tags are taken out of a text before it is read, and put back where their words went."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.segments import clean
from textrnn.models.translating.spans import Spans, letters

__all__ = ["Marked", "marked"]

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*)(?:\s[^<>]*)?/?>")
_BETWEEN_WORDS = re.compile("br|hr|p|div|li|ul|ol|dl|dt|dd|h[1-6]|table|tr|td|th|blockquote|pre")
_Around: TypeAlias = tuple[list[str], list[str], list[str], list[str]]


@dataclass(frozen=True)
class _Element:
    """A tag and the one that closes it, or a tag alone.

    Args:
        tags: what stands before and what stands after.
        span: the characters between them, white space not counted.
        inner: whether what they hold begins and ends with a letter or digit: then they stand
            inside the punctuation around a word.
        elements: those inside.
    """

    tags: tuple[str, str]
    span: tuple[int, int]
    inner: tuple[bool, bool]
    elements: tuple[_Element, ...]


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

    def put_back(self, draft: Draft) -> Draft | None:
        """A translation of the text with the tags; None where nothing tells where they belong.

        A pair goes around the run of words that looked at what it held more than at anything else,
        within the pair around it; a tag alone goes where as many words as may be that looked at
        what was before it are before it. The translation has no tokens: those that the model said
        are of a text without tags.
        """
        spans = Spans.of(self.text, draft)
        if spans is None:
            return None
        placing = _Placing.of(spans)
        placing.place(self.elements, 0, len(spans.places))
        return replace(draft, text=placing.text(draft.text), ids=(), log_probs=())


def marked(text: str) -> Marked | None:
    """A text without its tags; None where it has none, or nothing beside them."""
    tags = list(_TAG.finditer(text))
    bare = clean("".join(_without(text, tags)))
    if not tags or not bare:
        return None
    counts = [_before(text, tags, place) for place in range(len(tags))]
    closed_by = _pairs(tags)

    def elements(first: int, end: int) -> Iterator[_Element]:
        place = first
        while place < end:
            last = closed_by.get(place, place)
            both = tags[place][0], tags[last][0] if last > place else ""
            inside = _TAG.sub("", text[tags[place].end() : tags[last].start()]).strip()
            inner = inside[:1].isalnum(), inside[-1:].isalnum()
            span, elements_inside = (counts[place], counts[last]), tuple(elements(place + 1, last))
            yield _Element(both, span, inner, elements_inside)
            place = last + 1

    return Marked(bare, tuple(elements(0, len(tags))))


def _without(text: str, tags: Sequence[re.Match[str]]) -> Iterator[str]:
    """A text's parts between the tags; a space for a tag that parts words."""
    place = 0
    for tag in tags:
        yield text[place : tag.start()]
        yield " " if _BETWEEN_WORDS.fullmatch(tag["name"].lower()) else ""
        place = tag.end()
    yield text[place:]


def _before(text: str, tags: Sequence[re.Match[str]], place: int) -> int:
    """The characters before a tag that are no white space."""
    return letters("".join(_without(text[: tags[place].start()], tags[:place])))


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
            found[opened[level]] = place
            del opened[level:]
    return found


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

    def place(self, elements: Sequence[_Element], begin: int, end: int) -> None:
        """Place elements that are beside each other among some of the words."""
        free = np.zeros(len(self.around), bool)
        free[begin:end] = True
        for element in elements:
            if element.span[0] == element.span[1] or not free.any():
                self._place_alone(element, begin, end)
                self.place(element.elements, begin, end)
                continue
            first, after_last, _ = self.spans.run(element.span, free)
            free[first:after_last] = False
            before, after = self.around[first], self.around[after_last - 1]
            before[1 if element.inner[0] else 0].append(element.tags[0])
            after[2 if element.inner[1] else 3].insert(0, element.tags[1])
            self.place(element.elements, first, after_last)

    def _place_alone(self, element: _Element, begin: int, end: int) -> None:
        place = self.spans.boundary(element.span[0], begin, end)
        tags = "".join(element.tags)
        if place < end:
            self.around[place][0].append(tags)
        else:
            self.around[end - 1][3].insert(0, tags)

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
