"""The beam search: the likeliest texts, over any engine, many sentences at once.

Each sentence begins with one hypothesis and K places. A step extends every live hypothesis by its
best tokens and keeps the best of all, as many as there are places. One that ends (EOS, a stop text)
is finished and keeps its place for good, so the beam narrows as its hypotheses end (Sutskever,
Vinyals and Le 2014, section 3.2, https://arxiv.org/abs/1409.3215), and a beam of one place is the
greedy choice exactly.

A hypothesis is weighed by its log-probability under the distribution that the rules leave (without
rules, the model's), divided by a length penalty once it is finished. A log-probability only ever
falls as tokens are added, so the score that a live hypothesis may still reach is bounded
(:meth:`Scoring.bound`); one that can no longer overtake the n-th best finished one is given up,
and the search has the result it would have had.

A sentence whose text must contain certain terms has K places for each number of the terms' tokens
that are in place (grid beam search: Hokamp and Liu 2017, https://arxiv.org/abs/1704.07138), so
that hypotheses compete with those that have come as far, and the others are searched as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from textrnn.engines import Floats, State, StepEngine
from textrnn.errors import UsageError
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.search import Search

__all__ = ["beam_search"]


def beam_search(
    engine: StepEngine,
    beginnings: Sequence[Sequence[int]],
    logits: Floats,
    state: State,
    plan: BeamPlan,
    *,
    wishes: Sequence[Wish] | None = None,
    attention: Callable[[State], Floats] | None = None,
) -> list[list[Hypothesis]]:
    """Search for the likeliest continuations of B sentences.

    Args:
        engine: the model.
        beginnings: the ids of each sentence so far, for the rules.
        logits: what follows each sentence (B, V).
        state: the engine's state there.
        plan: what to search for.
        wishes: for each sentence what it is to have beyond the plan.
        attention: a translator's; where it is given, hypotheses have their attention.

    Returns:
        For each sentence its ``n_best`` finished hypotheses, or as many as there are, best first.

    Raises:
        GenerationError: the rules leave a hypothesis no token, or the model's output is not
            numbers.
        UsageError: a coverage penalty without attention.
    """
    if plan.coverage_penalty and attention is None:
        raise UsageError("coverage_penalty does not apply to a model that has no attention")
    step = getattr(engine, "step_on_device", engine.step)
    search = Search(plan, beginnings, wishes or [Wish()] * len(beginnings))
    while True:
        parents, ids = search.extend(logits, attention(state) if attention else None)
        if not ids:
            return search.results()
        if parents != list(range(len(logits))):
            state = engine.reorder(state, np.array(parents))
        logits, state = step(np.array(ids), state)
