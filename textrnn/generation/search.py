"""The beam search's state: the sentences of a batch, and the rows in which their texts stand.

The rows of one sentence stand together, in the order of the sentences.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from textrnn.engines import Floats
from textrnn.errors import GenerationError
from textrnn.generation.candidates import AnyLogits, Candidates, best_tokens, log_totals
from textrnn.generation.choices import Choices
from textrnn.generation.history import History
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.loop import allow
from textrnn.generation.notes import Note, Notes
from textrnn.generation.rules import Ids
from textrnn.generation.sentence import Sentence
from textrnn.tokenizers import UNK

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
        free = all(wish.terms is None for wish in wishes)
        self._within = plan.threshold + _MARGIN if free else math.inf
        self._notes = Notes()
        self._coverage: Floats | None = None
        looks_back = plan.rules or plan.guard is not None
        self._history = History(beginnings) if looks_back else None
        self._looked = 0  # steps that it has
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
        seen = self._seen(weights)
        note = Note([], [], [])
        for sentence, first, choices, places in self._choices(logits):
            sentence.extend(choices, places, first, self._notes, note, seen)
        self._notes.add(note, weights)
        self._running = [sentence for sentence in self._running if sentence.losses]
        if seen is not None:
            self._coverage = seen[note.rows]
        return note.rows, note.ids

    def results(self) -> list[list[Hypothesis]]:
        """The best finished hypotheses of each sentence, best first."""
        return [
            sentence.hypotheses(number, self._notes)
            for number, sentence in enumerate(self._sentences)
        ]

    def _choices(self, logits: AnyLogits) -> Iterator[tuple[Sentence, int, Choices, range]]:
        """For each sentence its first row, choices, and the places of its own among them."""
        guarded = self._guard(logits)
        allowed = self._allowed(guarded)
        best, model, totals = best_tokens(allowed, self._plan.beam_size, self._within)
        if allowed is not logits:
            model = log_totals(logits)[0]
        if self._plan.unknown:
            totals = np.logaddexp(totals, allowed[:, UNK])
        losses = self._losses(totals.tolist())
        step = _Step(logits, guarded, allowed, model.tolist(), losses)
        choices = step.choices(best)
        begin = first = 0
        for sentence in self._running:
            rows = range(first, first + len(sentence.losses))
            end = bisect_left(best.rows, rows.stop, begin)
            own, places = choices, range(begin, end)
            if (
                self._plan.unknown
                or sentence.progress
                or len(self._notes) < len(sentence.wish.prefix)
            ):
                own = self._own(sentence, rows, step, choices.among(places))
                places = range(len(own.rows))
            begin, first = end, rows.stop
            yield sentence, rows.start, own, places

    def _own(self, sentence: Sentence, rows: range, step: _Step, best: Choices) -> Choices:
        """What a sentence may go on with beside the best tokens, or instead of them."""
        prefix = sentence.wish.prefix[len(self._notes) :]
        if prefix:
            return step.looked_up(rows, [prefix[0]] * len(rows), step.logits)
        own = best
        if self._plan.unknown:
            own = own.joined(step.looked_up(rows, [UNK] * len(rows), step.allowed))
        if sentence.progress:
            # Whatever the rules say; but the guard holds for these too: a term that was begun again
            # and again would never end.
            known = set(zip(own.rows, own.ids, strict=True))
            wanted = [
                (row, id)
                for row, progress in zip(rows, sentence.progress, strict=True)
                for id in progress.wanted
                if (row, id) not in known
            ]
            places, ids = [row for row, _ in wanted], [id for _, id in wanted]
            own = own.joined(step.looked_up(places, ids, step.guarded))
        return own

    def _losses(self, totals: Sequence[float]) -> list[float]:
        """What each row's text has lost, the total by which its next token is measured with it."""
        if not math.isfinite(sum(totals)):  # one that is no number makes its sum none
            raise GenerationError(
                "the model's output is not numbers: its parameters may be damaged"
            )
        losses = (loss for sentence in self._running for loss in sentence.losses)
        return [loss + total for loss, total in zip(losses, totals, strict=True)]

    def _allowed(self, logits: AnyLogits) -> AnyLogits:
        """The logits that the rules leave; the same array where they change none."""
        if self._history is None or not self._plan.rules:
            return logits
        rules, window = self._plan.rules, self._window(self._history)
        count, unknown = len(self._notes), self._plan.unknown
        return allow(rules, window, np.asarray(logits), count, unknown=unknown)

    def _guard(self, logits: AnyLogits) -> AnyLogits:
        """The logits that the guard leaves; the same array where it changes none.

        It comes before the rules: what they leave of a distribution may be what it bans.
        """
        guard = self._plan.guard
        if self._history is None or guard is None:
            return logits
        if len(self._notes) % guard.patience == 0:
            self._periods = guard.periods(self._window(self._history))
        if not self._periods:
            return logits
        rows, tokens = guard.bans(self._window(self._history), self._periods)
        if len(rows):
            guarded = [one.wish.guarded for one in self._running for _ in one.losses]
            applies = np.array(guarded)[rows]
            rows, tokens = rows[applies], tokens[applies]
        if not len(rows):
            return logits
        left = np.array(logits)
        left[rows, tokens] = -np.inf
        return left

    def _window(self, history: History) -> Ids:
        """The last ids of each row; those since it was last asked for are brought in now."""
        if self._looked < len(self._notes):
            rows, columns = self._notes.since(self._looked)
            history.take(rows)
            for ids in columns:
                history.append(ids)
            self._looked = len(self._notes)
        return history.window()

    def _seen(self, weights: Floats | None) -> Floats | None:
        """How much each row has looked at each place, where the coverage penalty asks for it."""
        if not self._plan.coverage_penalty or weights is None:
            return None
        return weights if self._coverage is None else weights + self._coverage


class _Step(NamedTuple):
    """The numbers of a step, of which choices are made.

    Args:
        logits: the model's (N, V).
        guarded: those that the guard leaves; the same array where it changes none.
        allowed: those that the rules leave of them; as above.
        totals: by which the model's log-probabilities are measured (N,).
        losses: of each row's text, the total of what the rules leave added (N,).
    """

    logits: AnyLogits
    guarded: AnyLogits
    allowed: AnyLogits
    totals: list[float]
    losses: list[float]

    def choices(self, best: Candidates) -> Choices:
        """The choices of tokens with their values in ``allowed``."""
        if self.allowed is self.logits:
            return self._choices(*best, best.values)
        rows, ids = np.array(best.rows, np.int64), np.array(best.ids, np.int64)
        return self._choices(*best, self.logits[rows, ids].tolist())

    def looked_up(self, rows: Sequence[int], ids: Sequence[int], logits: AnyLogits) -> Choices:
        """The choices of tokens with their values in ``logits``, one of the three."""
        places = np.array(rows, np.int64), np.array(ids, np.int64)
        values = logits[places].tolist()
        own = values if logits is self.logits else self.logits[places].tolist()
        return self._choices([*rows], [*ids], values, own)

    def _choices(
        self, rows: list[int], ids: list[int], values: list[float], own: list[float]
    ) -> Choices:
        base = self.losses
        losses = [base[row] - value for row, value in zip(rows, values, strict=True)]
        return Choices(rows, ids, losses, own, self.totals)
