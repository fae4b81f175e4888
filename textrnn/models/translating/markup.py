"""Markup: tags are taken out of a text before it is read, and put back where their words went."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.segments import clean
from textrnn.models.translating.words import core

__all__ = ["Marked", "marked"]

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*)(?:\s[^<>]*)?/?>")
_BETWEEN_WORDS = re.compile("br|hr|p|div|li|ul|ol|dl|dt|dd|h[1-6]|table|tr|td|th|blockquote|pre")
_Around: TypeAlias = tuple[list[str], list[str], list[str], list[str]]

_HALF = 0.5  # of where a word looked: it belongs where it looked for the most part


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
        if draft.source is None or draft.target is None or draft.shares is None:
            return None
        placing = _Placing.of(self, draft)
        if placing is None:
            return None
        placing.place(self.elements, 0, len(draft.target.texts))
        return replace(draft, text=placing.text(draft.text), ids=(), log_probs=())


def marked(text: str) -> Marked | None:
    """A text without its tags; None where it has none, or nothing beside them."""
    tags = list(_TAG.finditer(text))
    bare = clean("".join(_without(text, tags)))
    if not tags or not bare:
        return None
    counts = [_letters(text, tags, place) for place in range(len(tags))]
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


def _letters(text: str, tags: Sequence[re.Match[str]], place: int) -> int:
    """The characters before a tag that are no white space."""
    return len("".join("".join(_without(text[: tags[place].start()], tags[:place])).split()))


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
        looked: how much each word (W,) looked at each character of the source, summed up to there:
            (W, N + 1), the whole being 1.
        words: the words.
        around: for each word what stands before it, before and after its core, and after it.
    """

    looked: NDArray[np.float64]
    words: tuple[str, ...]
    around: tuple[_Around, ...]

    @classmethod
    def of(cls, text: Marked, draft: Draft) -> _Placing | None:
        """None where there are no words, or the translation is not made of them."""
        assert draft.source is not None
        assert draft.target is not None
        assert draft.shares is not None
        words, rest = draft.target.texts, draft.text
        for word in words:
            before, found, rest = rest.partition(word)
            if not found or before.strip():
                return None
        lengths = np.array([len(word) for word in draft.source.texts])
        if not words or not lengths.sum():
            return None
        shares = draft.shares[:, :-1].astype(np.float64)
        by_character = np.repeat(shares / lengths, lengths, axis=1)
        summed = np.cumsum(by_character, axis=1)
        whole = np.maximum(summed[:, -1:], np.finfo(np.float64).tiny)
        summed = np.concatenate([np.zeros_like(whole), summed / whole], axis=1)
        # What the tokenizer changed may have made the text shorter or longer.
        count = len("".join(text.text.split()))
        places = np.rint(np.arange(count + 1) * (lengths.sum() / max(count, 1))).astype(int)
        around: list[_Around] = [([], [], [], []) for _ in words]
        return cls(summed[:, places], words, tuple(around))

    def place(self, elements: Sequence[_Element], first: int, end: int) -> None:
        """Place elements that are beside each other among some of the words."""
        taken = np.zeros(len(self.words), bool)
        for element in elements:
            begin, last = element.span
            if begin == last or taken[first:end].all():
                self._place_alone(element, first, end)
                self.place(element.elements, first, end)
                continue
            gains = self.looked[:, last] - self.looked[:, begin] - _HALF
            run = _best_run(gains, taken, first, end)
            taken[run[0] : run[1]] = True
            before, after = self.around[run[0]], self.around[run[1] - 1]
            before[1 if element.inner[0] else 0].append(element.tags[0])
            after[2 if element.inner[1] else 3].insert(0, element.tags[1])
            self.place(element.elements, *run)

    def _place_alone(self, element: _Element, first: int, end: int) -> None:
        before = np.concatenate([[0.0], np.cumsum(self.looked[:, element.span[0]] - _HALF)])
        place = first + int(before[first : end + 1].argmax())
        tags = "".join(element.tags)
        if place < end:
            self.around[place][0].append(tags)
        else:
            self.around[end - 1][3].insert(0, tags)

    def text(self, plain: str) -> str:
        """The translation with the tags."""
        parts: list[str] = []
        for word, (before, opening, closing, after) in zip(self.words, self.around, strict=True):
            space, _, plain = plain.partition(word)
            inner = core(word)
            head, _, tail = word.partition(inner)
            parts += [space, *before, head, *opening, inner, *closing, tail, *after]
        return "".join(parts) + plain


def _best_run(
    gains: NDArray[np.float64], taken: NDArray[np.bool_], first: int, end: int
) -> tuple[int, int]:
    """The run of words that gains most, of those that are not taken: one at least."""
    summed = [0.0, *accumulate(gains.tolist())]
    runs = (
        (summed[last] - summed[begin], begin - last, -begin)
        for begin in range(first, end)
        for last in range(begin + 1, end + 1)
        if not taken[begin:last].any()
    )
    _, length, begin = max(runs)
    return -begin, -begin - length
