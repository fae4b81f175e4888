"""The beam search's state: the sentences of a batch, and the rows in which their branches stand.

The rows of one sentence stand together, in the order of the sentences.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from textrnn.engines import Floats
from textrnn.errors import GenerationError
from textrnn.generation.branch import Choice
from textrnn.generation.candidates import AnyLogits, Candidates, best_tokens, log_totals
from textrnn.generation.history import History
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.loop import allow
from textrnn.generation.rules import Ids
from textrnn.generation.sentence import Sentence
from textrnn.tokenizers import PAD, UNK

__all__ = ["Search"]

_MARGIN = 1e-3  # of the threshold, for rounding


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
        self._plan = plan
        self._sentences = [Sentence(plan, wish) for wish in wishes]
        self._running = self._sentences
        # Of a row, what is further from its best than the threshold is so from the sentence's.
        searched = all(wish.terms is None for wish in wishes)
        self._within = plan.threshold + _MARGIN if searched else math.inf
        self._count = 0  # new tokens of each text
        self._weights: list[Floats] = []
        self._coverage: Floats | None = None
        self._beginnings = beginnings
        self._history = History(beginnings) if plan.rules else None
        self._periods: Sequence[int] = ()

    def extend(self, logits: AnyLogits, weights: Floats | None) -> tuple[list[int], list[int]]:
        """Go on with every row by its best tokens.

        Args:
            logits: what follows each row (N, V).
            weights: the attention behind them (N, S), where the engine has one.

        Returns:
            For each new row which row it comes from, and the token it reads; none at the end.

        Raises:
            GenerationError: the rules leave a row no token, or the logits are not numbers.
        """
        found = self._choices(logits)
        seen = self._seen(weights)
        if weights is not None:
            self._weights.append(weights)
        self._count += 1
        first = 0
        for sentence, choices in zip(self._running, found, strict=True):
            width = len(sentence.branches)
            sentence.extend(choices, first, self._count, seen)
            first += width
        self._running = [sentence for sentence in self._running if sentence.branches]
        branches = [branch for sentence in self._running for branch in sentence.branches]
        rows, ids = [branch.row for branch in branches], [branch.id for branch in branches]
        self._go_on(rows, ids, seen)
        return rows, ids

    def results(self) -> list[list[Hypothesis]]:
        """The best finished hypotheses of each sentence, best first."""
        return [
            sentence.hypotheses(number, self._weights)
            for number, sentence in enumerate(self._sentences)
        ]

    def _choices(self, logits: AnyLogits) -> list[list[Choice]]:
        """What each sentence may go on with."""
        guarded = self._guard(logits)
        allowed = self._allowed(guarded)
        best, model, totals = best_tokens(allowed, self._plan.beam_size, self._within)
        if allowed is not logits:
            model = log_totals(logits)[0]
        if self._plan.unknown:
            totals = np.logaddexp(totals, allowed[:, UNK])
        measure = _Measure(logits, model.tolist(), self._losses(totals.tolist()))
        choices = measure.choices(best, best.values if allowed is logits else None)
        found = []
        begin = first = 0
        for sentence in self._running:
            rows = range(first, first + len(sentence.branches))
            end = bisect_left(best.rows, rows.stop, begin)
            if self._count < len(sentence.wish.prefix):
                own = measure.looked_up(rows, sentence.wish.prefix[self._count], logits)
            else:
                own = choices[begin:end]
                if self._plan.unknown:
                    own += measure.looked_up(rows, UNK, allowed)
                if sentence.wish.terms is not None:
                    own = self._with_wanted(own, sentence, rows, measure, guarded)
            found.append(own)
            begin, first = end, rows.stop
        return found

    def _losses(self, totals: Sequence[float]) -> list[float]:
        """What each row's text has lost, the total by which its next token is measured with it."""
        if not math.isfinite(sum(totals)):  # one that is no number makes its sum none
            raise GenerationError(
                "the model's output is not numbers: its parameters may be damaged"
            )
        branches = (branch for sentence in self._running for branch in sentence.branches)
        return [branch.loss + total for branch, total in zip(branches, totals, strict=True)]

    def _with_wanted(
        self,
        own: Sequence[Choice],
        sentence: Sentence,
        rows: range,
        measure: _Measure,
        logits: AnyLogits,
    ) -> list[Choice]:
        """A sentence's choices and those that go on with a term, whatever the rules say.

        The guard holds for these too: a term that was begun again and again would never end.
        """
        known = {(row, id) for _, row, id, _ in own}
        wanted = [
            (row, id)
            for row, branch in zip(rows, sentence.branches, strict=True)
            for id in (branch.progress.wanted if branch.progress else ())
            if (row, id) not in known
        ]
        if not wanted:
            return [*own]
        places, ids = zip(*wanted, strict=True)
        more = measure.looked_up(places, ids, logits)
        return sorted([*own, *more], key=itemgetter(1))

    def _allowed(self, logits: AnyLogits) -> AnyLogits:
        """The logits that the rules leave; the same array where they change none."""
        rules, unknown = self._plan.rules, self._plan.unknown
        if not rules:
            return logits
        return allow(rules, self._window(), np.asarray(logits), self._count, unknown=unknown)

    def _guard(self, logits: AnyLogits) -> AnyLogits:
        """The logits that the guard leaves; the same array where it changes none.

        It comes before the rules: what they leave of a distribution may be what it bans.
        """
        guard = self._plan.guard
        if guard is None:
            return logits
        if self._count % guard.patience == 0:
            self._periods = guard.periods(self._window())
        if not self._periods:
            return logits
        rows, tokens = guard.bans(self._window(), self._periods)
        if len(rows):
            guarded = [one.wish.guarded for one in self._running for _ in one.branches]
            applies = np.array(guarded)[rows]
            rows, tokens = rows[applies], tokens[applies]
        if not len(rows):
            return logits
        left = np.array(logits)
        left[rows, tokens] = -np.inf
        return left

    def _window(self) -> Ids:
        """The last ids of each row, as rules and the guard see them; the guard looks seldom."""
        if self._history is not None:
            return self._history.window()
        longest = max(map(len, self._beginnings))
        rows = [
            [PAD] * (longest - len(beginning)) + [*beginning, *branch.ids]
            for beginning, sentence in zip(self._beginnings, self._sentences, strict=True)
            for branch in sentence.branches
        ]
        return np.array(rows, np.int64)

    def _seen(self, weights: Floats | None) -> Floats | None:
        """How much each row has looked at each place, where the coverage penalty asks for it."""
        if not self._plan.coverage_penalty or weights is None:
            return None
        return weights if self._coverage is None else weights + self._coverage

    def _go_on(self, rows: list[int], ids: list[int], seen: Floats | None) -> None:
        """Take the new rows for the present ones."""
        if seen is not None:
            self._coverage = seen[rows]
        if self._history is not None:
            self._history.take(rows)
            self._history.append(ids)


class _Measure(NamedTuple):
    """What makes choices of tokens.

    Args:
        logits: the model's (N, V).
        totals: by which its log-probabilities are measured (N,).
        losses: of each row's text, the total of what the rules leave added (N,).
    """

    logits: AnyLogits
    totals: Sequence[float]
    losses: Sequence[float]

    def choices(self, tokens: Candidates, logits: Sequence[float] | None) -> list[Choice]:
        """Choices by tokens' values; ``logits`` are the model's, looked up where not given."""
        rows, ids, values = tokens
        if logits is None:
            logits = self.logits[np.array(rows, np.int64), np.array(ids, np.int64)].tolist()
        losses, totals = self.losses, self.totals
        return [
            (losses[row] - value, row, id, logit - totals[row])
            for row, id, value, logit in zip(rows, ids, values, logits, strict=True)
        ]

    def looked_up(
        self, rows: Iterable[int], ids: int | Iterable[int], logits: AnyLogits
    ) -> list[Choice]:
        """Choices by their values among ``logits`` (N, V); one id may be all of them."""
        at = np.array([*rows], np.int64)
        tokens = np.broadcast_to(np.array(ids, np.int64), at.shape)
        values = logits[at, tokens].tolist()
        return self.choices(Candidates(at.tolist(), tokens.tolist(), values), None)
