"""The beam search's state: all hypotheses of a batch of sentences, as arrays.

The rows of one sentence stand together, in the order of the sentences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats
from textrnn.errors import GenerationError
from textrnn.generation.candidates import (
    AnyLogits,
    Candidates,
    Numbers,
    best_tokens,
    log_totals,
)
from textrnn.generation.grid import Grid
from textrnn.generation.history import History
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.loop import FinishReason, allow
from textrnn.generation.notes import Notes
from textrnn.generation.rules import Ids
from textrnn.generation.scoring import coverage_penalty
from textrnn.tokenizers import EOS, UNK

__all__ = ["Search"]

_MARGIN = 1e-3  # of the threshold, for rounding


class _End(NamedTuple):
    """A finished hypothesis: the row that it went on from, at which step, and by what."""

    step: int
    row: int
    id: int
    log_prob: float
    total: float
    score: float
    reason: FinishReason


class Search:
    """All hypotheses of a batch; :meth:`extend` makes a step of all of them.

    Args:
        plan: what to search for.
        beginnings: the ids of each sentence so far (B rows).
        wishes: what each sentence is to have beyond the plan.
    """

    def __init__(
        self, plan: BeamPlan, beginnings: Sequence[Sequence[int]], wishes: Sequence[Wish]
    ) -> None:
        count = len(beginnings)
        self._plan = plan
        self._wishes = wishes
        self._grid = Grid(plan.beam_size, wishes)
        # Of a row, what is further from its best than the threshold is so from the sentence's.
        self._within = np.inf if self._grid.active else plan.threshold + _MARGIN
        limits = [plan.max_new_tokens if wish.limit is None else wish.limit for wish in wishes]
        least = [len(wish.prefix) for wish in wishes]
        self._longest_prefix = max(least, default=0)
        self._limits = np.maximum(limits, least) + np.array(self._grid.granted)
        self._soonest = self._limits.min(initial=np.iinfo(np.int64).max)
        self._guarded = np.array([wish.guarded for wish in wishes])
        self._sentences = np.arange(count)
        self._totals: Numbers = np.zeros(count)
        self._places = np.full(count, plan.beam_size)
        self._worst = np.full(count, -np.inf)
        self._likeliest = np.full(count, -np.inf)  # log-probability of a finished hypothesis
        self._rivals = False  # a sentence has its n best, which others are to overtake
        self._ends: list[list[_End]] = [[] for _ in range(count)]
        self._notes = Notes()
        self._coverage: Floats | None = None
        looks_back = plan.rules or plan.guard is not None
        self._history = History(beginnings) if looks_back else None
        self._periods: Sequence[int] = ()

    def extend(self, logits: AnyLogits, weights: Floats | None) -> tuple[Ids, Ids]:
        """Go on with every row by its best tokens.

        Args:
            logits: what follows each row (N, V).
            weights: the attention behind them (N, S), where the engine has one.

        Returns:
            For each new row which row it comes from, and the token it reads; none at the end.

        Raises:
            GenerationError: the rules leave a row no token, or the logits are not numbers.
        """
        count = len(self._notes)
        candidates, totals = self._candidates(logits, count)
        rows, ids, grown = self._select(candidates, count)
        log_probs = logits[rows, ids] - totals[rows]
        on = self._going_on(rows, ids, log_probs, grown, weights)
        if on is not None:
            rows, ids, log_probs, grown = rows[on], ids[on], log_probs[on], grown[on]
        self._notes.add(rows, ids, log_probs, weights)
        self._go_on(rows, ids, grown, weights)
        return rows, ids

    def results(self) -> list[list[Hypothesis]]:
        """The best finished hypotheses of each sentence, best first."""
        return [
            [self._read(sentence, end) for end in _best(ends)[: self._plan.n_best]]
            for sentence, ends in enumerate(self._ends)
        ]

    def _candidates(self, logits: AnyLogits, count: int) -> tuple[Candidates, Numbers]:
        """What each row may go on with, by the log-probability of the text that it makes.

        Texts that may not be made have -inf. Beside them the logarithms of the model's own totals
        (N,).
        """
        guarded = self._guard(logits)
        allowed = self._allowed(guarded, count)
        best, model, totals = best_tokens(allowed, self._plan.beam_size, self._within)
        if allowed is not logits:
            model = log_totals(logits)[0]
        if self._plan.unknown:
            rows, ids = np.arange(len(totals)), np.full(len(totals), UNK)
            unknown = allowed[rows, ids]
            best = best.joined(rows, ids, unknown)
            totals = np.logaddexp(totals, unknown)
        if not math.isfinite(np.add.reduce(totals)):  # one that is no number makes its sum none
            raise GenerationError(
                "the model's output is not numbers: its parameters may be damaged"
            )
        if self._grid.active:
            best = self._with_wanted(best, guarded)
        for rows, forced in self._forced(count):
            others = best.among(np.isin(best.rows, rows, invert=True))
            ids = np.full(len(rows), forced)
            best = others.joined(rows, ids, logits[rows, ids])
        grown = (self._totals - totals)[best.rows] + best.values
        return Candidates(best.rows, best.ids, grown), model

    def _with_wanted(self, best: Candidates, logits: AnyLogits) -> Candidates:
        """The candidates and those that go on with a term, whatever the rules say.

        The guard holds for these too: a term that was begun again and again would never end.
        """
        rows, ids = self._grid.wanted()
        known = np.isin(rows * logits.shape[1] + ids, best.rows * logits.shape[1] + best.ids)
        rows, ids = rows[~known], ids[~known]
        return best.joined(rows, ids, logits[rows, ids])

    def _allowed(self, logits: AnyLogits, count: int) -> AnyLogits:
        """The logits that the rules leave; the same array where they change none."""
        if self._history is None or not self._plan.rules:
            return logits
        rules, window = self._plan.rules, self._history.window()
        return allow(rules, window, np.asarray(logits), count, unknown=self._plan.unknown)

    def _guard(self, logits: AnyLogits) -> AnyLogits:
        """The logits that the guard leaves; the same array where it changes none.

        It comes before the rules: what they leave of a distribution may be what it bans.
        """
        if self._history is None or self._plan.guard is None:
            return logits
        if len(self._notes) % self._plan.guard.patience == 0:
            self._periods = self._plan.guard.periods(self._history.window())
        if not self._periods:
            return logits
        rows, tokens = self._plan.guard.bans(self._history.window(), self._periods)
        if len(rows):
            guarded = self._guarded[self._sentences[rows]]
            rows, tokens = rows[guarded], tokens[guarded]
        if not len(rows):
            return logits
        left = np.array(logits)
        left[rows, tokens] = -np.inf
        return left

    def _forced(self, count: int) -> list[tuple[Ids, int]]:
        """The rows of sentences whose prefix goes on, and the token that comes next."""
        if count >= self._longest_prefix:
            return []
        return [
            (np.flatnonzero(self._sentences == sentence), wish.prefix[count])
            for sentence, wish in enumerate(self._wishes)
            if count < len(wish.prefix)
        ]

    def _select(self, candidates: Candidates, count: int) -> Candidates:
        """The candidates that are kept, sentence by sentence, best first.

        Ties go to the earlier row and the smaller id, as in the greedy choice.
        """
        sentences, values = self._sentences[candidates.rows], candidates.values
        if self._grid.active:
            values = values.copy()
            values[np.isin(candidates.rows, self._grid.rows)] = -np.inf
        order: Ids = np.lexsort((-values, sentences))
        # Sorted, a sentence's candidates stand where they stood, all together.
        firsts, best = sentences.searchsorted(sentences), values[order]
        kept = np.arange(len(order)) - firsts < self._places[sentences]
        if self._plan.threshold < np.inf:
            likeliest = np.maximum(best[firsts], self._likeliest[sentences])
            kept &= best >= likeliest - self._plan.threshold
        kept &= best > -np.inf
        chosen: Ids = order[kept]
        if self._grid.active:
            left = self._limits - count - 1
            chosen = np.append(chosen, self._grid.select(candidates, left, self._places))
            chosen = chosen[np.argsort(sentences[chosen], kind="stable")]
        return candidates.among(chosen)

    def _going_on(
        self, rows: Ids, ids: Ids, log_probs: Numbers, grown: Numbers, weights: Floats | None
    ) -> NDArray[np.bool_] | None:
        """Which new texts go on, those that end being noted; None: all do."""
        count, sentences = len(self._notes), self._sentences[rows]
        ended = self._ended(rows, ids, count)
        (ends,) = ended.nonzero()
        for place in ends.tolist():
            row, id = int(rows[place]), int(ids[place])
            self._end(row, id, float(log_probs[place]), float(grown[place]), weights)
        on = None
        if len(ends):
            on = ~ended & (self._places[sentences] > 0)
        if self._rivals:
            bounds = self._plan.scoring.bound(grown, count + 1, self._limits[sentences])
            hopeful = ~(bounds <= self._worst[sentences])
            on = hopeful if on is None else on & hopeful
        return on

    def _ended(self, rows: Ids, ids: Ids, count: int) -> NDArray[np.bool_]:
        """Which new texts end here."""
        ended: NDArray[np.bool_] = ids == EOS
        if count + 1 >= self._soonest:
            left = self._limits[self._sentences[rows]] - count - 1
            ended |= self._grid.may_end(rows, ids, left) if self._grid.active else left <= 0
        if self._plan.stopped is not None:
            pairs = zip(rows.tolist(), ids.tolist(), strict=True)
            texts = ((*self._notes.trace(count, row).ids, id) for row, id in pairs)
            ended |= np.array([self._plan.stopped(text) for text in texts], bool)
        return ended

    def _end(
        self, row: int, id: int, log_prob: float, total: float, weights: Floats | None
    ) -> None:
        """Note a finished hypothesis."""
        sentence, count = int(self._sentences[row]), len(self._notes)
        score = float(self._plan.scoring.score(total, count + 1))
        if self._plan.coverage_penalty and weights is not None:
            seen = weights[row] + (0 if self._coverage is None else self._coverage[row])
            seen = seen[: self._wishes[sentence].source_length]
            score += coverage_penalty(seen, self._plan.coverage_penalty)
        full = count + 1 >= self._limits[sentence]
        reason: FinishReason = "eos" if id == EOS else "length" if full else "stop"
        ends = self._ends[sentence]
        ends.append(_End(count, row, id, log_prob, total, score, reason))
        self._places[sentence] -= 1
        self._likeliest[sentence] = max(self._likeliest[sentence], total)
        if len(ends) >= self._plan.n_best:
            self._worst[sentence] = _best(ends)[self._plan.n_best - 1].score
            self._rivals = True

    def _go_on(self, rows: Ids, ids: Ids, totals: Numbers, weights: Floats | None) -> None:
        """Take the new rows for the present ones."""
        if self._plan.coverage_penalty and weights is not None:
            before = 0 if self._coverage is None else self._coverage[rows]
            self._coverage = weights[rows] + before
        if self._history is not None:
            self._history.take(rows)
            self._history.append(ids)
        self._grid.go_on(rows, ids)
        self._sentences, self._totals = self._sentences[rows], totals

    def _read(self, sentence: int, end: _End) -> Hypothesis:
        before = self._notes.trace(end.step, end.row)
        return Hypothesis(
            sentence=sentence,
            ids=(*before.ids, end.id),
            log_probs=(*before.log_probs, end.log_prob),
            log_prob=end.total,
            score=end.score,
            finish_reason=end.reason,
            attention=self._notes.attention(before, end.step, end.row),
        )


def _best(ends: list[_End]) -> list[_End]:
    return sorted(ends, key=lambda end: -end.score)
