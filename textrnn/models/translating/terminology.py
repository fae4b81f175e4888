"""Terms in their place: a glossary's term belongs where the source's term went."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from textrnn.generation import is_unspaced
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.glossary import Mention
from textrnn.models.translating.spans import Spans
from textrnn.models.translating.words import Words, core

__all__ = ["put_in_place"]

_CLEAR = -0.25  # how much a term's words must have looked at it: a word alone, at least a quarter
_NONE = -math.inf
_ENDS = ".!?…。！？"


class _Found(NamedTuple):
    """The words that a term went to, first to last, and where they stand without their marks."""

    words: tuple[int, int]
    characters: tuple[int, int]
    term: str


def put_in_place(
    draft: Draft,
    source: str,
    mentions: Sequence[Mention],
    searched: Container[str],
    prefix: str = "",
) -> tuple[Draft, list[Mention]]:
    """A translation with each term instead of what was said for it, and the terms with no place.

    Where the model said something else, the new one has no tokens.

    Args:
        draft: as the model translates by itself.
        source: the text.
        mentions: the terms in it.
        searched: the terms that a search could say; another one gets a place even where that is
            not clear.
        prefix: what the translation begins with, where no term is put.
    """
    spans = Spans.of(source, draft)
    if spans is None:
        return draft, list(mentions)
    free = np.array([begin >= len(prefix) for begin, _ in spans.places])
    letters = "".join(source.split())
    found: list[_Found] = []
    lost: list[Mention] = []
    for mention in mentions:
        first, after_last, gain = spans.run(mention.span, free) if free.any() else (0, 0, _NONE)
        if gain == _NONE or (gain < _CLEAR and mention.target in searched):
            lost.append(mention)
            continue
        free[first:after_last] = False
        term = letters[slice(*mention.span)]
        place = _place(draft.text, spans, (first, after_last), mention.target, term)
        target = _as_written(mention.target, draft.text, place)
        if draft.text[slice(*place)] != target:
            found.append(_Found((first, after_last), place, target))
    for one in sorted(found, reverse=True):
        draft = _changed(draft, spans, one)
    return draft, lost


def _place(
    text: str, spans: Spans, words: tuple[int, int], target: str, source: str
) -> tuple[int, int]:
    """Where words stand in a text, with the marks around them that are a term's own, as of C++.

    A sentence's end is kept where the new term does not bring one.
    """
    mine, others = _marks(target), _marks(source)
    ends = mine[1] or others[1].strip(_ENDS)
    begin, end = spans.core(text, *words)
    head = text[spans.places[words[0]][0] : begin]
    tail = text[end : spans.places[words[1] - 1][1]]
    before = [len(marks) for marks in (mine[0], others[0]) if head.endswith(marks)]
    after = [len(marks) for marks in (mine[1], others[1] if ends else "") if tail.startswith(marks)]
    return begin - max(before, default=0), end + max(after, default=0)


def _as_written(term: str, text: str, place: tuple[int, int]) -> str:
    """A term with a capital letter, where it begins a sentence that began with one."""
    before = text[: place[0]].rstrip()
    begins = not before or before[-1] in _ENDS
    return term[:1].upper() + term[1:] if begins and text[place[0]].isupper() else term


def _marks(term: str) -> tuple[str, str]:
    """What stands before and after the letters and digits of a term."""
    before, _, after = term.partition(core(term))
    return before, after


def _changed(draft: Draft, spans: Spans, found: _Found) -> Draft:
    """A translation with a term, all before which is as ``spans`` says; its words look alike."""
    assert draft.target is not None
    assert draft.shares is not None
    (first, after_last), (begin, end) = found.words, found.characters
    head = draft.text[spans.places[first][0] : begin]
    tail = draft.text[end : spans.places[after_last - 1][1]]
    said = head + found.term + tail
    words = (said,) if is_unspaced(said) else tuple(said.split())
    texts = draft.target.texts[:first] + words + draft.target.texts[after_last:]
    looked = np.repeat(draft.shares[first:after_last].mean(0, keepdims=True), len(words), axis=0)
    return replace(
        draft,
        text=draft.text[:begin] + found.term + draft.text[end:],
        ids=(),
        log_probs=(),
        target=Words(texts, tuple(range(len(texts)))),
        shares=np.concatenate([draft.shares[:first], looked, draft.shares[after_last:]]),
    )
