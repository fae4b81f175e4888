"""Batches of sources to ids of translations: by beam search, or drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from textrnn.engines import Floats
from textrnn.generation import (
    BeamPlan,
    LengthPenalty,
    Plan,
    RandomStream,
    RepetitionGuard,
    Row,
    Terms,
    Wish,
    Writer,
    beam_search,
    generate_tokens,
    log_totals,
    pad_right,
)
from textrnn.models.translating.coding import Coder
from textrnn.models.translating.settings import TranslationSettings
from textrnn.tokenizers import BOS

__all__ = ["Found", "Job", "Request", "draw", "search"]

_MARGIN = 10  # tokens that a translation may have beyond the ratio
_GUARD = RepetitionGuard()


class Request(NamedTuple):
    """A segment to be translated, what its translation is to begin with, and what to contain."""

    text: str
    prefix: str = ""
    terms: tuple[str, ...] = ()


class Job(NamedTuple):
    """A request that is encoded.

    Args:
        request: what is to be translated.
        ids: of its text, EOS last.
        terms: what the translation must contain, each in one of several ways.
    """

    request: Request
    ids: list[int]
    terms: tuple[tuple[str, ...], ...]


class Found(NamedTuple):
    """What was searched or drawn for a job."""

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    score: float
    attention: Floats | None


def search(coder: Coder, jobs: Sequence[Job], settings: TranslationSettings) -> list[list[Found]]:
    """The n best of each job by beam search, best first."""
    beta = cast(float, settings.coverage_penalty)
    plan = BeamPlan(
        beam_size=cast(int, settings.beam_size),
        max_new_tokens=1,  # each wish has a limit of its own
        n_best=cast(int, settings.n_best),
        rules=settings.generation.build_rules(coder.target),
        scoring=LengthPenalty(cast(float, settings.length_penalty)),
        coverage_penalty=beta,
        threshold=cast(float, settings.beam_threshold) if settings.n_best == 1 else math.inf,
        guard=_GUARD,
        unknown=coder.says_unknown,
    )
    wishes = []
    prefixes = {text: tuple(coder.target.encode(text)) for text in {j.request.prefix for j in jobs}}
    for job in jobs:
        prefix = prefixes[job.request.prefix]
        terms = Terms(job.terms, coder.speller) if job.terms else None
        limit = len(prefix) + _limit(job, settings)
        wishes.append(Wish(limit, prefix, terms, len(job.ids) - 1, _is_guarded(coder, job)))
    looks = beta or settings.alignments or coder.says_unknown
    logits, state = coder.engine.start(*pad_right([job.ids for job in jobs]))
    found = beam_search(
        coder.engine,
        [[BOS]] * len(jobs),
        logits,
        state,
        plan,
        wishes=wishes,
        attention=coder.engine.attention if looks else None,
    )
    return [[Found(h.ids, h.log_probs, h.score, h.attention) for h in some] for some in found]


def draw(coder: Coder, jobs: Sequence[Job], settings: TranslationSettings) -> list[list[Found]]:
    """As many draws for each job as asked for, the likeliest for its length first.

    All jobs have one prefix.
    """
    count, seed = cast(int, settings.n_best), cast(int, settings.generation.seed)
    prefix = coder.target.encode(jobs[0].request.prefix)
    rows = [
        _Draw([BOS, *prefix], RandomStream(seed, index), Writer(coder.target))
        for _ in jobs
        for index in range(count)
    ]
    rules, greedy = settings.generation.build_rules(coder.target), settings.generation.greedy
    plans = []
    for job in jobs:
        # The guard comes first: what rules leave of a distribution may be what it bans.
        guarded = (_GUARD, *rules) if _is_guarded(coder, job) else rules
        plans += [Plan(guarded, greedy, _limit(job, settings))] * count
    logits, state = coder.engine.start(*pad_right([job.ids for job in jobs]))
    if count > 1:
        places = np.repeat(np.arange(len(jobs)), count)
        logits, state = logits[places], coder.engine.reorder(state, places)
    for id in prefix:
        log_probs, weights = logits[:, id] - log_totals(logits)[0], coder.engine.attention(state)
        for place, row in enumerate(rows):
            row.take(id, float(log_probs[place]), weights[place])
        logits, state = coder.engine.step(np.full(len(rows), id), state)
    for step in generate_tokens(coder.engine, rows, logits, state, plans):
        weights = coder.engine.attention(step.state)
        for place, token in enumerate(step.tokens):
            rows[token.row].take(token.id, token.logprob, weights[place])
    found = [row.found() for row in rows]
    firsts = range(0, len(found), count)
    return [sorted(found[first : first + count], key=lambda one: -one.score) for first in firsts]


def _is_guarded(coder: Coder, job: Job) -> bool:
    """Whether a translation is kept from saying the same for ever: not where it is to do so."""
    forms = (coder.speller.encode(form) or () for term in job.terms for form in term)
    return not any(map(_GUARD.is_broken_by, (job.ids, *forms)))


def _limit(job: Job, settings: TranslationSettings) -> int:
    """The most tokens of a translation, prefix and terms aside."""
    ratio = cast(float, settings.max_length_ratio)
    limit = _MARGIN + math.ceil(ratio * (len(job.ids) - 1))
    return min(limit, settings.generation.max_new_tokens or limit)


class _Draw(Row):
    """A translation in the making, drawn a token at a time."""

    def __init__(self, ids: Sequence[int], stream: RandomStream, writer: Writer) -> None:
        super().__init__(ids, stream, writer)
        self._taken: list[tuple[int, float, Floats]] = []

    def take(self, id: int, log_prob: float, weights: Floats) -> None:
        """Note a token, and where the decoder looked for it."""
        self._taken.append((id, log_prob, weights))

    def found(self) -> Found:
        """The whole."""
        ids, log_probs, weights = zip(*self._taken, strict=True)
        score = LengthPenalty().score(math.fsum(log_probs), len(ids))
        return Found(ids, log_probs, score, np.stack(weights))
