"""What a beam search is asked for, and what it answers with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from textrnn.engines import Floats
from textrnn.errors import UsageError
from textrnn.generation.loop import FinishReason
from textrnn.generation.repetition import RepetitionGuard
from textrnn.generation.rules import Rule
from textrnn.generation.scoring import LengthPenalty, Scoring
from textrnn.generation.terms import Terms

__all__ = ["BeamPlan", "Hypothesis", "Wish"]

_BY_LENGTH = LengthPenalty()


@dataclass(frozen=True)
class BeamPlan:
    """What to search for.

    Args:
        beam_size: K, the places of a sentence.
        max_new_tokens: where a hypothesis ends at the latest.
        n_best: how many hypotheses to return, at most K.
        rules: in the order in which they apply.
        scoring: how finished hypotheses are compared.
        stopped: whether a text of these new ids has come to a stop text; None: there are none.
        coverage_penalty: beta, see :func:`~textrnn.generation.scoring.coverage_penalty`; needs
            attention.
        threshold: a hypothesis that is less likely than its sentence's likeliest one, finished or
            not, by more than so many nats is given up (absolute threshold pruning: Freitag and
            Al-Onaizan 2017, section 3, https://arxiv.org/abs/1702.01806); fewer than ``n_best``
            may then be found.
        guard: keeps texts from saying the same for ever; it comes before the rules.
        unknown: the model may say UNK.

    Raises:
        UsageError: more hypotheses are asked for than there are places, or beta or the threshold
            is below 0.
    """

    beam_size: int
    max_new_tokens: int
    n_best: int = 1
    rules: tuple[Rule, ...] = ()
    scoring: Scoring = _BY_LENGTH
    stopped: Callable[[tuple[int, ...]], bool] | None = None
    coverage_penalty: float = 0.0
    threshold: float = math.inf
    guard: RepetitionGuard | None = None
    unknown: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.n_best <= self.beam_size:
            raise UsageError(
                f"n_best is {self.n_best}: give a whole number from 1 to {self.beam_size}, "
                "the beam size"
            )
        for name in ("coverage_penalty", "threshold"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}: give a number of at least 0")


@dataclass(frozen=True)
class Wish:
    """What one sentence is to have beyond the plan.

    Args:
        limit: where its hypotheses end at the latest, prefix counted; None: as the plan says. The
            tokens of its terms are granted on top of it.
        prefix: the ids that come first.
        terms: what its text must contain.
        source_length: how many source positions the coverage penalty counts, from the first on.
        guarded: the plan's guard applies.
    """

    limit: int | None = None
    prefix: tuple[int, ...] = ()
    terms: Terms | None = None
    source_length: int | None = None
    guarded: bool = True


@dataclass(frozen=True)
class Hypothesis:
    """A finished text of the search.

    Args:
        sentence: which of the batch it belongs to.
        ids: its new tokens (T,).
        log_probs: theirs under the model's own distribution.
        log_prob: the sum under the distribution that the rules leave; what the search goes by.
        score: the log-probability weighed by length, and the coverage penalty.
        finish_reason: why it ends.
        attention: for each token, where the decoder looked when it chose it (T, S); None where the
            search was not given the engine's attention.
    """

    sentence: int
    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    log_prob: float
    score: float
    finish_reason: FinishReason
    attention: Floats | None = field(default=None, compare=False, repr=False)
