"""One sentence of a beam search: its texts, and the hypotheses that have ended."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

from textrnn.engines import Floats
from textrnn.generation.choices import Choices
from textrnn.generation.grid import kept_by_level, may_end
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.loop import FinishReason
from textrnn.generation.notes import Note, Notes
from textrnn.generation.scoring import coverage_penalty
from textrnn.generation.terms import Progress
from textrnn.tokenizers import EOS

__all__ = ["Sentence"]

_FINITE = sys.float_info.max


class _End(NamedTuple):
    """A finished hypothesis: the row that it went on from, at which step, and by what."""

    step: int
    row: int
    id: int
    log_prob: float
    loss: float
    score: float
    reason: FinishReason


class Sentence:
    """The search for one sentence's likeliest texts.

    Args:
        plan: what to search for.
        wish: what the sentence is to have beyond the plan.

    Attributes:
        wish: the same.
        losses: of the texts in the making, best first; none at the end.
        progress: how far each of them has come with the terms; empty where there are no terms.
    """

    def __init__(self, plan: BeamPlan, wish: Wish) -> None:
        self.wish = wish
        self.losses = [0.0]
        self.progress: list[Progress] = [wish.terms.measure(b"")] if wish.terms else []
        self._plan = plan
        granted = wish.terms.levels if wish.terms else 0
        limit = plan.max_new_tokens if wish.limit is None else wish.limit
        self._limit = max(limit, len(wish.prefix)) + granted
        self._places = plan.beam_size
        self._ended: list[_End] = []
        self._least_loss = math.inf  # of those that ended
        self._worst: float | None = None  # of the n best scores, once there are as many

    def extend(
        self,
        choices: Choices,
        places: range,
        first: int,
        notes: Notes,
        note: Note,
        seen: Floats | None,
    ) -> None:
        """Go on by the best of some choices.

        Args:
            choices: the sentence's among them.
            places: where these stand.
            first: the row of the sentence's first text.
            notes: the steps before.
            note: takes the texts that go on.
            seen: how much each row of the batch has looked at each place of its source (M, S),
                where the coverage penalty asks for it.
        """
        rows, ids, losses = choices[:3]
        length = len(notes) + 1
        left = self._limit - length
        kept = self._kept(choices, places, first, left)
        progress: dict[int, Progress] = {}
        if self.progress:
            progress = {p: self.progress[rows[p] - first].after(ids[p]) for p in kept}
        on = []
        for place in kept:
            reason = self._reason(ids[place], rows[place], progress.get(place), left, notes)
            if reason is None:
                on.append(place)
            else:
                self._end(choices, place, reason, length, seen)
        on = self._hopeful(on, losses, length) if self._places > 0 else []
        self.losses = [losses[place] for place in on]
        self.progress = [progress[place] for place in on] if progress else []
        note.rows.extend([rows[place] for place in on])
        note.ids.extend([ids[place] for place in on])
        note.log_probs.extend([choices.log_prob(place) for place in on])

    def hypotheses(self, number: int, notes: Notes) -> list[Hypothesis]:
        """The best finished hypotheses, best first.

        Args:
            number: of the sentence.
            notes: all steps.
        """
        best = sorted(self._ended, key=lambda end: -end.score)[: self._plan.n_best]
        return [_read(number, end, notes) for end in best]

    def _kept(self, choices: Choices, places: range, first: int, left: int) -> list[int]:
        """The places of the choices to go on with, best first.

        Of equal ones the earlier text's comes first, then the smaller id, as in the greedy choice.
        """
        if self.progress:
            return kept_by_level(
                choices,
                places,
                self.progress,
                first,
                left=left,
                beam_size=self._plan.beam_size,
                ends=self._places,
            )
        losses = choices.losses
        kept = sorted(places, key=losses.__getitem__)[: self._places]
        if kept:
            least = min(losses[kept[0]], self._least_loss)
            most = min(least + self._plan.threshold, _FINITE)
            while kept and losses[kept[-1]] > most:
                kept.pop()
        return kept

    def _reason(
        self, id: int, row: int, progress: Progress | None, left: int, notes: Notes
    ) -> FinishReason | None:
        """Why a text ends with a token, or None."""
        if id == EOS:
            return "eos"
        if may_end(progress, left) if progress else left <= 0:
            return "length"
        if self._plan.stopped is not None:
            text = (*notes.trace(len(notes), row).ids, id)
            return "stop" if self._plan.stopped(text) else None
        return None

    def _end(
        self, choices: Choices, place: int, reason: FinishReason, length: int, seen: Floats | None
    ) -> None:
        """Note a finished hypothesis, which keeps its place in the beam."""
        row, id, loss = choices.rows[place], choices.ids[place], choices.losses[place]
        score = float(self._plan.scoring.score(0.0 - loss, length))
        if seen is not None:
            own = seen[row, : self.wish.source_length]
            score += coverage_penalty(own, self._plan.coverage_penalty)
        self._ended.append(_End(length - 1, row, id, choices.log_prob(place), loss, score, reason))
        self._places -= 1
        self._least_loss = min(self._least_loss, loss)
        if len(self._ended) >= self._plan.n_best:
            scores = sorted((end.score for end in self._ended), reverse=True)
            self._worst = scores[self._plan.n_best - 1]

    def _hopeful(self, places: list[int], losses: list[float], length: int) -> list[int]:
        """The places of texts that may still overtake the n-th best finished hypothesis."""
        if self._worst is None or not places:
            return places
        bound, worst, limit = self._plan.scoring.bound, self._worst, self._limit
        if not bound(-max(losses[place] for place in places), length, limit) <= worst:
            return places
        return [place for place in places if not bound(-losses[place], length, limit) <= worst]


def _read(number: int, end: _End, notes: Notes) -> Hypothesis:
    before = notes.trace(end.step, end.row)
    return Hypothesis(
        sentence=number,
        ids=(*before.ids, end.id),
        log_probs=(*before.log_probs, end.log_prob),
        log_prob=0.0 - end.loss,
        score=end.score,
        finish_reason=end.reason,
        attention=notes.attention(before, end.step, end.row),
    )
