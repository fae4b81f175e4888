"""How a language model writes: prompts to tokens, drawn one at a time or found by beam search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from textrnn.engines import Floats, State
from textrnn.errors import UsageError
from textrnn.generation import (
    BeamPlan,
    GenerationSettings,
    Hypothesis,
    LengthPenalty,
    Plan,
    RandomStream,
    Row,
    Token,
    Writer,
    beam_search,
    find_stop,
    generate_tokens,
    pad_right,
)
from textrnn.models.results import Draft, Generation
from textrnn.tokenizers import BOS

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["Job", "begin", "make_plan", "sample", "search", "write_tokens"]

Job = tuple[str, int]
"""A prompt, and which of its samples to draw."""


def begin(model: LanguageModel, text: str) -> list[int]:
    """The ids of a text as the model reads it: BOS first.

    Raises:
        UsageError: it is not text.
    """
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is of type {type(text).__name__}: give text (str)")
    return [BOS, *model.tokenizer.encode(text)]


def make_plan(model: LanguageModel, settings: GenerationSettings) -> Plan:
    """How the loop is to choose, from resolved settings."""
    rules = settings.build_rules(model.tokenizer)
    return Plan(rules, settings.greedy, cast(int, settings.max_new_tokens))


def write_tokens(
    model: LanguageModel, jobs: Sequence[Job], settings: GenerationSettings
) -> Iterator[Token]:
    """The tokens of all jobs as they come; a token's ``row`` is its job."""
    begun, logits, state = _read(model, jobs)
    rows = [
        Row(
            ids,
            RandomStream(cast(int, settings.seed), index),
            Writer(model.tokenizer, settings.stop, recent=ids),
        )
        for ids, (_, index) in zip(begun, jobs, strict=True)
    ]
    for step in generate_tokens(model.engine, rows, logits, state, make_plan(model, settings)):
        yield from step.tokens


def sample(
    model: LanguageModel, jobs: Sequence[Job], settings: GenerationSettings
) -> list[Generation]:
    """The texts of all jobs, greedy or drawn."""
    drafts = [Draft() for _ in jobs]
    for token in write_tokens(model, jobs, settings):
        drafts[token.row].add(token)
    return [draft.done(*job, settings) for draft, job in zip(drafts, jobs, strict=True)]


def search(
    model: LanguageModel, jobs: Sequence[Job], settings: GenerationSettings
) -> list[Generation]:
    """The texts of all jobs by beam search."""

    def stopped(ids: tuple[int, ...]) -> bool:
        return find_stop(model.tokenizer.decode(ids), settings.stop) is not None

    begun, logits, state = _read(model, jobs)
    plan = BeamPlan(
        beam_size=cast(int, settings.beam_size),
        max_new_tokens=cast(int, settings.max_new_tokens),
        rules=settings.build_rules(model.tokenizer),
        scoring=LengthPenalty(cast(float, settings.length_penalty)),
        stopped=stopped if settings.stop else None,
    )
    found = beam_search(model.engine, begun, logits, state, plan)
    return [
        _generation(model, best[0], job, settings) for best, job in zip(found, jobs, strict=True)
    ]


def _read(model: LanguageModel, jobs: Sequence[Job]) -> tuple[list[list[int]], Floats, State]:
    """The ids of each job, the logits that follow, the state; a prompt is read only once."""
    prompts = list(dict.fromkeys(prompt for prompt, _ in jobs))
    begun = [begin(model, prompt) for prompt in prompts]
    logits, state = model.engine.start(*pad_right(begun))
    places = [prompts.index(prompt) for prompt, _ in jobs]
    if len(places) > len(prompts):
        logits, state = logits[places], model.engine.reorder(state, np.array(places))
    return [begun[place] for place in places], logits, state


def _generation(
    model: LanguageModel, best: Hypothesis, job: Job, settings: GenerationSettings
) -> Generation:
    """The result for a hypothesis; its text is written as the loop writes it."""
    draft = Draft()
    row = Row((), RandomStream(0, 0), Writer(model.tokenizer, settings.stop))
    for count, (id, log_prob) in enumerate(zip(best.ids, best.log_probs, strict=True), 1):
        draft.add(row.accept(0, id, log_prob, last=count == len(best.ids)))
    return draft.done(*job, settings)
