"""How a language model writes: prompts to tokens, drawn one at a time or found by beam search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from textrnn.engines import Engine, Floats, State
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
from textrnn.models._texts import check_text
from textrnn.models.results import Draft, Generation
from textrnn.tokenizers import BOS

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = [
    "Job",
    "begin",
    "make_plan",
    "make_row",
    "read_rows",
    "search",
    "write_tokens",
]

Job = tuple[str, int]
"""A prompt, and which of its samples to draw."""


def begin(model: LanguageModel, text: str) -> list[int]:
    """The ids of a text as the model reads it: BOS first.

    Raises:
        UsageError: it is not text.
    """
    check_text(text)
    return [BOS, *model.tokenizer.encode(text)]


def make_plan(model: LanguageModel, settings: GenerationSettings) -> Plan:
    """How the loop is to choose, from resolved settings."""
    rules = settings.build_rules(model.tokenizer)
    return Plan(rules, settings.greedy, cast(int, settings.max_new_tokens))


def make_row(model: LanguageModel, job: Job, settings: GenerationSettings) -> Row:
    """The text of a job at its beginning."""
    prompt, index = job
    ids = begin(model, prompt)
    stream = RandomStream(cast(int, settings.seed), index)
    return Row(ids, stream, Writer(model.tokenizer, settings.stop, recent=ids))


def write_tokens(model: LanguageModel, job: Job, settings: GenerationSettings) -> Iterator[Token]:
    """The tokens of one text as they come."""
    row = make_row(model, job, settings)
    logits, state = read_rows(model.engine, [row.ids])
    for step in generate_tokens(model.engine, [row], logits, state, make_plan(model, settings)):
        yield from step.tokens


def search(
    model: LanguageModel, jobs: Sequence[Job], settings: GenerationSettings
) -> list[Generation]:
    """The texts of all jobs by beam search."""

    def stopped(ids: tuple[int, ...]) -> bool:
        return find_stop(model.tokenizer.decode(ids), settings.stop) is not None

    begun = [begin(model, prompt) for prompt, _ in jobs]
    logits, state = read_rows(model.engine, begun)
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


def read_rows(engine: Engine, rows: Sequence[Sequence[int]]) -> tuple[Floats, State]:
    """The logits that follow each row of ids, and the state; equal rows are read only once."""
    places: dict[tuple[int, ...], int] = {}
    which = [places.setdefault(tuple(row), len(places)) for row in rows]
    logits, state = engine.start(*pad_right(list(places)))
    if len(places) < len(rows):
        logits, state = logits[which], engine.reorder(state, np.array(which))
    return logits, state


def _generation(
    model: LanguageModel, best: Hypothesis, job: Job, settings: GenerationSettings
) -> Generation:
    """The result for a hypothesis; its text is written as the loop writes it."""
    draft = Draft()
    row = Row((), RandomStream(0, 0), Writer(model.tokenizer, settings.stop))
    for count, (id, log_prob) in enumerate(zip(best.ids, best.log_probs, strict=True), 1):
        draft.add(row.accept(0, id, log_prob, last=count == len(best.ids)))
    return draft.done(*job, settings)
