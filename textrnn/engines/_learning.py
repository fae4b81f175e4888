"""What it takes to learn from what is read: settings, and what an engine that can offers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from textrnn.engines._base import Engine, Floats, Ids
from textrnn.errors import EngineError, UsageError

__all__ = ["Learner", "Learning", "LearningEngine", "Reading", "as_learning"]


@dataclass(frozen=True)
class Learning:
    """How a model learns from what it reads: dynamic evaluation (arXiv:1709.07432, section 4).

    Args:
        learning_rate: how far a segment moves the parameters (the paper's eta).
        decay: how strongly they are drawn back to those of the folder (lambda), from 0 to 1.
        segment: tokens that are predicted before they are learnt from (n).
        epsilon: added to the root mean square of a gradient, so that what hardly ever had one does
            not move far.

    Raises:
        UsageError: a value that is not allowed.

    >>> Learning(segment=0)
    Traceback (most recent call last):
    textrnn.errors.UsageError: segment is 0: give a whole number of at least 1
    """

    learning_rate: float = 3e-3
    decay: float = 1e-3
    segment: int = 40
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("learning_rate", "epsilon"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value!r}: give a number above 0")
        if not 0 <= self.decay <= 1:
            raise UsageError(f"decay is {self.decay!r}: give a number from 0 to 1")
        if isinstance(self.segment, bool) or not isinstance(self.segment, int) or self.segment < 1:
            raise UsageError(f"segment is {self.segment!r}: give a whole number of at least 1")


class Reading(NamedTuple):
    """A segment that was read, as the model saw it before it learnt from it.

    Args:
        ids: the token before it, and its own (N + 1,).
        log_probs: of its tokens (N,), natural logarithm.
        hidden: the hidden states (N, H) that they were predicted from.
    """

    ids: Ids
    log_probs: Floats
    hidden: Floats


class Learner(Protocol):
    """A model that learns from a text while it reads it; the model that it came of stays."""

    @property
    def engine(self) -> Engine:
        """Runs the model as it is now; what is learnt later shows in it."""
        ...

    def read(self, ids: Ids) -> Iterator[Reading]:
        """Go on reading a text, ``ids`` (T,): one segment after the other, then learnt from.

        A segment ends where ``ids`` does. The first token of the text is not predicted.
        """
        ...


@runtime_checkable
class LearningEngine(Protocol):
    """What an engine with gradients offers beside being an :class:`~textrnn.engines.Engine`."""

    def learner(self, learning: Learning, statistics: Ids | None = None) -> Learner:
        """A copy that learns.

        Args:
            learning: how.
            statistics: ids (T,) of a text, best of the training text, over which the mean squares
                of the gradients are taken once; None takes them over what is read, as it goes.
        """
        ...


def as_learning(engine: Engine) -> LearningEngine:
    """The engine itself, if it can learn.

    Raises:
        EngineError: it has no gradients.
    """
    if isinstance(engine, LearningEngine):
        return engine
    raise EngineError(
        f"the engine {engine.name} cannot learn, as it has no gradients: open the model with the "
        "engine torch (--engine torch)"
    )
