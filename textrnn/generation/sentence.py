"""One sentence of a beam search: its branches, and the hypotheses that have ended."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from textrnn.engines import Floats
from textrnn.generation.branch import Branch, Choice
from textrnn.generation.grid import kept_by_level, may_end
from textrnn.generation.hypotheses import BeamPlan, Hypothesis, Wish
from textrnn.generation.loop import FinishReason
from textrnn.generation.scoring import coverage_penalty
from textrnn.tokenizers import EOS

__all__ = ["Sentence"]

_FINITE = sys.float_info.max


class Sentence:
    """The search for one sentence's likeliest texts.

    Args:
        plan: what to search for.
        wish: what the sentence is to have beyond the plan.

    Attributes:
        wish: the same.
        branches: the texts in the making, best first; none at the end.
    """

    def __init__(self, plan: BeamPlan, wish: Wish) -> None:
        self.wish = wish
        self._plan = plan
        granted = wish.terms.levels if wish.terms else 0
        limit = plan.max_new_tokens if wish.limit is None else wish.limit
        self._limit = max(limit, len(wish.prefix)) + granted
        self._places = plan.beam_size
        self._ended: list[tuple[float, Branch, FinishReason]] = []  # scores first
        self._least_loss = math.inf  # of those that ended
        self._worst: float | None = None  # of the n best scores, once there are as many
        progress = wish.terms.measure(b"") if wish.terms else None
        self.branches = [Branch(None, 0.0, 0, 0, 0.0, progress)]

    def extend(self, choices: list[Choice], first: int, length: int, seen: Floats | None) -> None:
        """Go on by the best of some choices.

        Args:
            choices: of all branches; those of one stand together.
            first: the row of the first branch.
            length: the number of new tokens that a text then has.
            seen: how much each row of the batch has looked at each place of its source (M, S),
                where the coverage penalty asks for it.
        """
        left = self._limit - length
        new: list[Branch] = []
        for loss, row, id, log_prob in self._kept(choices, first, left):
            before = self.branches[row - first]
            progress = before.progress.after(id) if before.progress else None
            branch = Branch(before, loss, row, id, log_prob, progress)
            reason = self._reason(branch, left)
            if reason is None:
                new.append(branch)
            else:
                self._end(branch, reason, length, seen)
        self.branches = self._hopeful(new, length) if self._places > 0 else []

    def hypotheses(self, number: int, weights: Sequence[Floats]) -> list[Hypothesis]:
        """The best finished hypotheses, best first.

        Args:
            number: of the sentence.
            weights: for each step where the rows of the batch looked (M, S); none where nobody
                asked.
        """
        best = sorted(self._ended, key=lambda end: -end[0])[: self._plan.n_best]
        return [_read(number, *end, weights) for end in best]

    def _kept(self, choices: list[Choice], first: int, left: int) -> list[Choice]:
        """The choices to go on with, best first.

        Of equal ones the earlier branch's comes first, then the smaller id, as in the greedy
        choice.
        """
        if self.wish.terms is not None:
            return kept_by_level(
                choices,
                [branch.progress for branch in self.branches if branch.progress],
                first,
                left=left,
                beam_size=self._plan.beam_size,
                places=self._places,
            )
        kept = sorted(choices)[: self._places]
        if kept:
            least = min(kept[0][0], self._least_loss)
            most = min(least + self._plan.threshold, _FINITE)
            while kept and kept[-1][0] > most:
                kept.pop()
        return kept

    def _reason(self, branch: Branch, left: int) -> FinishReason | None:
        """Why a text ends here, or None."""
        if branch.id == EOS:
            return "eos"
        if may_end(branch.progress, left) if branch.progress else left <= 0:
            return "length"
        if self._plan.stopped is not None:
            return "stop" if self._plan.stopped(tuple(branch.ids)) else None
        return None

    def _end(self, branch: Branch, reason: FinishReason, length: int, seen: Floats | None) -> None:
        """Note a finished hypothesis, which keeps its place."""
        score = float(self._plan.scoring.score(-branch.loss, length))
        if seen is not None:
            own = seen[branch.row, : self.wish.source_length]
            score += coverage_penalty(own, self._plan.coverage_penalty)
        self._ended.append((score, branch, reason))
        self._places -= 1
        self._least_loss = min(self._least_loss, branch.loss)
        if len(self._ended) >= self._plan.n_best:
            scores = sorted((score for score, *_ in self._ended), reverse=True)
            self._worst = scores[self._plan.n_best - 1]

    def _hopeful(self, branches: list[Branch], length: int) -> list[Branch]:
        """Those that may still overtake the n-th best finished hypothesis."""
        if self._worst is None or not branches:
            return branches
        bound, worst, limit = self._plan.scoring.bound, self._worst, self._limit
        if not bound(-max(one.loss for one in branches), length, limit) <= worst:
            return branches
        return [one for one in branches if not bound(-one.loss, length, limit) <= worst]


def _read(
    number: int, score: float, branch: Branch, reason: FinishReason, weights: Sequence[Floats]
) -> Hypothesis:
    texts = branch.trace()
    looks = [some[text.row] for some, text in zip(weights, texts, strict=False)]
    return Hypothesis(
        sentence=number,
        ids=tuple(text.id for text in texts),
        log_probs=tuple(text.log_prob for text in texts),
        log_prob=-branch.loss,
        score=score,
        finish_reason=reason,
        attention=np.stack(looks) if looks else None,
    )
