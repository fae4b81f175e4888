"""Terms in their place: a glossary's term belongs where the source's term went."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from textrnn.generation import is_unspaced
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.glossary import Mention
from textrnn.models.translating.spans import Spans
from textrnn.models.translating.words import Words

__all__ = ["put_in_place"]

_CLEAR = -0.25  # how much a term's words must have looked at it: a word alone, at least a quarter
_NONE = -math.inf


class _Found(NamedTuple):
    """The words that a term went to, first to last, and where they stand without their marks."""

    words: tuple[int, int]
    characters: tuple[int, int]
    term: str


def put_in_place(
    draft: Draft, source: str, mentions: Sequence[Mention], can_be_said: Callable[[str], bool]
) -> tuple[Draft, list[Mention]]:
    """A translation with each term instead of what was said for it, and the terms with no place.

    Where the model said something else, the new one has no tokens.

    Args:
        draft: as the model translates by itself.
        source: the text.
        mentions: the terms in it.
        can_be_said: whether a search could say a term: one that it could not say gets a place even
            where that is not clear.
    """
    spans = Spans.of(source, draft)
    if spans is None:
        return draft, list(mentions)
    free = np.ones(len(spans.places), bool)
    found: list[_Found] = []
    lost: list[Mention] = []
    for mention in mentions:
        first, after_last, gain = spans.run(mention.span, free) if free.any() else (0, 0, _NONE)
        if gain == _NONE or (gain < _CLEAR and can_be_said(mention.target)):
            lost.append(mention)
            continue
        free[first:after_last] = False
        place = spans.core(draft.text, first, after_last)
        if draft.text[slice(*place)] != mention.target:
            found.append(_Found((first, after_last), place, mention.target))
    for one in sorted(found, reverse=True):
        draft = _changed(draft, spans, one)
    return draft, lost


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
