"""The beam search: the likeliest texts, over any engine, many sentences at once.

Each sentence begins with one hypothesis and K places. A step extends every live hypothesis by its
best tokens and keeps the best of all, as many as there are places. One that ends (EOS, a stop text)
is finished and keeps its place for good, so the beam narrows as its hypotheses end (Sutskever,
Vinyals and Le 2014, section 3.2, https://arxiv.org/abs/1409.3215), and a beam of one place is the
greedy choice exactly.

A hypothesis is weighed by its log-probability under the distribution that the rules leave (without
rules, the model's), divided by a length penalty once it is finished. A log-probability only ever
falls as tokens are added, so the score that a live hypothesis may still reach is bounded
(:meth:`Scoring.bound`); when no live one can overtake the n-th best finished one, the search of
that sentence ends, with the result it would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Engine, Floats, State
from textrnn.errors import UsageError
from textrnn.generation.draw import log_probs_of
from textrnn.generation.history import History
from textrnn.generation.loop import FinishReason, allow
from textrnn.generation.rules import Ids, Logits, Rule
from textrnn.tokenizers import EOS

__all__ = ["BeamPlan", "Hypothesis", "LengthPenalty", "Scoring", "beam_search"]


class Scoring(Protocol):
    """How hypotheses of different lengths are compared."""

    def score(self, log_prob: float, length: int) -> float:
        """The score of a finished hypothesis of ``length`` tokens, EOS counted."""
        ...

    def bound(self, log_prob: float, length: int, longest: int) -> float:
        """The greatest score a live hypothesis may end with, at any length to ``longest``."""
        ...


@dataclass(frozen=True)
class LengthPenalty:
    """Log-probability divided by ((5 + n) / 6) ** alpha, where n is the number of tokens.

    With alpha 0 short texts are favoured; 1 is nearly the mean of a token.

    Wu et al. (2016), "Google's Neural Machine Translation System", equation 14,
    https://arxiv.org/abs/1609.08144

    >>> LengthPenalty(1.0).score(-6.0, 7)
    -3.0
    """

    alpha: float = 1.0

    def score(self, log_prob: float, length: int) -> float:
        """The score, see :class:`Scoring`."""
        return float(log_prob / ((5 + length) / 6) ** self.alpha)

    def bound(self, log_prob: float, length: int, longest: int) -> float:
        """The bound: the same log-probability at the length that is best for it."""
        return max(self.score(log_prob, length + 1), self.score(log_prob, longest))


@dataclass(frozen=True)
class BeamPlan:
    """What to search for.

    Args:
        beam_size: K, the places of a sentence.
        max_new_tokens: where a hypothesis ends at the latest.
        n_best: how many hypotheses to return, at most K.
        rules: in the order in which they apply.
        scoring: how finished hypotheses are compared.
        stopped: whether a text of these new ids has come to a stop text.

    Raises:
        UsageError: more hypotheses are asked for than there are places.
    """

    beam_size: int
    max_new_tokens: int
    n_best: int = 1
    rules: tuple[Rule, ...] = ()
    scoring: Scoring = LengthPenalty()
    stopped: Callable[[tuple[int, ...]], bool] = lambda ids: False

    def __post_init__(self) -> None:
        """Check the number of hypotheses."""
        if not 1 <= self.n_best <= self.beam_size:
            raise UsageError(
                f"n_best is {self.n_best}: give a whole number from 1 to {self.beam_size}, "
                "the beam size"
            )


@dataclass(frozen=True)
class Hypothesis:
    """A text of the search.

    Args:
        sentence: which of the batch it belongs to.
        ids: its new tokens.
        log_probs: theirs under the model's own distribution.
        log_prob: the sum under the distribution that the rules leave; what the search goes by.
        score: the log-probability weighed by length; of a finished hypothesis only.
        finish_reason: why it ends; None while it is live.
    """

    sentence: int
    ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    log_prob: float = 0.0
    score: float = 0.0
    finish_reason: FinishReason | None = None


def beam_search(
    engine: Engine,
    beginnings: Sequence[Sequence[int]],
    logits: Floats,
    state: State,
    plan: BeamPlan,
) -> list[list[Hypothesis]]:
    """Search for the likeliest continuations of B sentences.

    Args:
        engine: the model.
        beginnings: the ids of each sentence so far, for the rules.
        logits: what follows each sentence (B, V).
        state: the engine's state there.
        plan: what to search for.

    Returns:
        For each sentence its ``n_best`` finished hypotheses, or as many as there are, best first.

    Raises:
        GenerationError: the rules leave a hypothesis no token, or the model's output is not
            numbers.
    """
    history = History(beginnings)
    live = [Hypothesis(sentence) for sentence in range(len(beginnings))]
    finished: list[list[Hypothesis]] = [[] for _ in beginnings]
    for count in range(plan.max_new_tokens):
        allowed = allow(plan.rules, history.window(), logits, count)
        parents, live = _extend(live, finished, logits, allowed, plan)
        if not live:
            break
        ids = np.array([hypothesis.ids[-1] for hypothesis in live])
        history.take(parents)
        history.append(ids)
        logits, state = engine.step(ids, engine.reorder(state, np.array(parents)))
    return [_best(hypotheses)[: plan.n_best] for hypotheses in finished]


def _extend(
    live: list[Hypothesis],
    finished: list[list[Hypothesis]],
    logits: Floats,
    allowed: Logits,
    plan: BeamPlan,
) -> tuple[list[int], list[Hypothesis]]:
    """The rows that go on, with their new hypotheses; those that end go to ``finished``."""
    sentences = np.array([hypothesis.sentence for hypothesis in live])
    totals = np.array([hypothesis.log_prob for hypothesis in live])
    rows, ids, totals = _candidates(allowed, totals, sentences, plan.beam_size)
    log_probs = log_probs_of(logits, rows, ids)
    places = {
        hypothesis.sentence: plan.beam_size - len(finished[hypothesis.sentence])
        for hypothesis in live
    }
    grown: dict[int, list[tuple[int, Hypothesis]]] = {sentence: [] for sentence in places}
    candidates = zip(rows.tolist(), ids.tolist(), log_probs.tolist(), totals.tolist(), strict=True)
    for row, id, log_prob, total in candidates:
        parent = live[row]
        if places[parent.sentence] == 0:
            continue
        places[parent.sentence] -= 1
        child = _child(parent, id, log_prob, total, plan)
        if child.finish_reason is None:
            grown[parent.sentence].append((row, child))
        else:
            finished[parent.sentence].append(child)
    on = [
        pair
        for sentence, pairs in grown.items()
        if not _settled(finished[sentence], pairs, plan)
        for pair in pairs
    ]
    return [row for row, _ in on], [child for _, child in on]


def _candidates(
    allowed: Logits, totals: NDArray[np.float64], sentences: Ids, beam_size: int
) -> tuple[Ids, Ids, NDArray[np.float64]]:
    """The best extensions, sentence by sentence, best first: rows, ids, log-probabilities.

    There are at least K a row. Ties go to the earlier row and the smaller id, as in the greedy
    choice.
    """
    place = allowed.shape[1] - min(beam_size, allowed.shape[1])
    least = np.partition(allowed, place, axis=1)[:, place : place + 1]
    rows, ids = np.nonzero((allowed >= least) & (allowed > -np.inf))
    grown = totals[rows] + log_probs_of(allowed, rows, ids)
    order = np.lexsort((ids, rows, -grown, sentences[rows]))
    return rows[order], ids[order], grown[order]


def _child(
    parent: Hypothesis, id: int, log_prob: float, total: float, plan: BeamPlan
) -> Hypothesis:
    ids = (*parent.ids, id)
    reason: FinishReason | None = None
    if id == EOS:
        reason = "eos"
    elif plan.stopped(ids):
        reason = "stop"
    elif len(ids) == plan.max_new_tokens:
        reason = "length"
    score = plan.scoring.score(total, len(ids)) if reason else 0.0
    return Hypothesis(parent.sentence, ids, (*parent.log_probs, log_prob), total, score, reason)


def _settled(
    finished: list[Hypothesis], live: list[tuple[int, Hypothesis]], plan: BeamPlan
) -> bool:
    """Whether no live hypothesis of a sentence can still come among its n best."""
    if len(finished) < plan.n_best:
        return False
    worst = _best(finished)[plan.n_best - 1].score
    bounds = (plan.scoring.bound(h.log_prob, len(h.ids), plan.max_new_tokens) for _, h in live)
    return all(bound <= worst for bound in bounds)


def _best(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)
