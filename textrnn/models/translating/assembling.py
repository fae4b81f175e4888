"""The translation of a text from those of its segments."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import cast

from textrnn.models.results import TokenScore
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.results import Candidate, Translation
from textrnn.models.translating.segments import Segment, join
from textrnn.models.translating.settings import TranslationSettings
from textrnn.models.translating.words import align
from textrnn.tokenizers import Tokenizer

__all__ = ["assemble", "token_scores"]


def assemble(
    tokenizer: Tokenizer,
    source: str,
    segments: Sequence[Segment],
    drafts: Sequence[Sequence[Draft]],
    settings: TranslationSettings,
) -> Translation:
    """The translation of a text.

    Args:
        tokenizer: the target's.
        source: the text.
        segments: its parts.
        drafts: the translations of each of them, best first; an empty one for what is empty.
        settings: resolved.
    """
    found = _combined(drafts, segments, cast(int, settings.n_best))
    if not settings.sample:
        texts = [one.text for one, _ in found]
        found = [one for place, one in enumerate(found) if texts.index(texts[place]) == place]
    best, chosen = found[0]
    tokens: list[TokenScore] = []
    for draft in chosen:
        tokens += token_scores(tokenizer, draft.ids, draft.log_probs)
    translated = any(segment.text for segment in segments)
    n_best = tuple(candidate for candidate, _ in found)
    score = best.score if translated else math.nan
    result = Translation(source, best.text, score, n_best if translated else (), tuple(tokens))
    if not settings.alignments:
        return result
    aligned = [_aligned(some, segments) for _, some in found]
    pairs, source_words, target_words = aligned[0]
    return replace(
        result,
        n_best=tuple(
            replace(one, alignment=pairs, target_words=words)
            for one, (pairs, _, words) in zip(result.n_best, aligned, strict=False)
        ),
        alignment=pairs,
        source_words=source_words,
        target_words=target_words,
    )


def _combined(
    drafts: Sequence[Sequence[Draft]], segments: Sequence[Segment], count: int
) -> list[tuple[Candidate, tuple[Draft, ...]]]:
    """The best combinations of the segments' translations, best first."""
    best: list[tuple[float, tuple[Draft, ...]]] = [(0.0, ())]
    for some in drafts:
        pairs = (
            (score + one.score, (*chosen, one)) for (score, chosen), one in product(best, some)
        )
        best = heapq.nsmallest(count, pairs, key=lambda pair: -pair[0])
    return [
        (Candidate(join([draft.text for draft in chosen], segments), score), chosen)
        for score, chosen in best
    ]


def _aligned(
    drafts: Sequence[Draft], segments: Sequence[Segment]
) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...], tuple[str, ...]]:
    """The aligned words of a text, counted through all its segments; a word cut in two is one."""
    pairs: list[tuple[int, int]] = []
    source: list[str] = []
    target: list[str] = []
    glued = False
    for draft, segment in zip(drafts, segments, strict=True):
        if draft.source is None or draft.target is None or draft.shares is None:
            glued = False
            continue
        starts = [len(words) - (glued and bool(words)) for words in (source, target)]
        for words, more in ((source, draft.source.texts), (target, draft.target.texts)):
            together = glued and words and more
            words[-1:] = [words[-1] + more[0]] if together else words[-1:]
            words += more[1:] if together else more
        pairs += [(s + starts[0], t + starts[1]) for s, t in align(draft.shares)]
        glued = segment.inside
    return tuple(dict.fromkeys(pairs)), tuple(source), tuple(target)


def token_scores(
    tokenizer: Tokenizer, ids: Sequence[int], log_probs: Sequence[float]
) -> tuple[TokenScore, ...]:
    """Each token with its surprisal in bits."""
    pieces = tokenizer.pieces(ids)
    bits = (log_prob / -math.log(2) for log_prob in log_probs)
    return tuple(map(TokenScore, pieces, ids, bits))
