"""Several engines that answer as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from textrnn.engines._base import Engine, Floats, Ids, State, StepEngine
from textrnn.engines._learning import Learner, Learning, Reading, as_learning
from textrnn.engines._mixing import log_mean, log_softmax
from textrnn.errors import EngineError

__all__ = ["EnsembleEngine", "StepEnsemble"]

AnyStepEngine = TypeVar("AnyStepEngine", bound=StepEngine)


class StepEnsemble(Generic[AnyStepEngine]):
    """Engines of one vocabulary that write together.

    The mean is of probabilities, so that it is a distribution itself. What the caller sees as
    logits are log-probabilities. A state is a tuple of the engines' states.

    Args:
        engines: at least one.
    """

    def __init__(self, engines: Sequence[AnyStepEngine]) -> None:
        self.engines = tuple(engines)
        self.name = "+".join(engine.name for engine in engines)
        self.vocab_size = engines[0].vocab_size

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.StepEngine.step`."""
        return self._together(
            [engine.step(ids, at) for engine, at in zip(self.engines, state, strict=True)]
        )

    def reorder(self, state: State, rows: Ids) -> State:
        """See :meth:`textrnn.engines.StepEngine.reorder`."""
        pairs = zip(self.engines, state, strict=True)
        return tuple(engine.reorder(at, rows) for engine, at in pairs)

    @staticmethod
    def _together(answers: Sequence[tuple[Floats, State]]) -> tuple[Floats, State]:
        """One answer of all engines' logits (B, V) and states."""
        return log_mean([log_softmax(logits) for logits, _ in answers]), tuple(
            state for _, state in answers
        )


class EnsembleEngine(StepEnsemble[Engine]):
    """A language model whose distribution is the mean of those of several.

    Its hidden states are those of all of them side by side.
    """

    def start(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.start`."""
        return self._together(
            [engine.start(ids, lengths, at) for engine, at in self._paired(state)]
        )

    def score(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.score`."""
        scored = [engine.score(ids, lengths, at) for engine, at in self._paired(state)]
        return log_mean([log_probs for log_probs, _ in scored]), tuple(at for _, at in scored)

    def read(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.read`."""
        read = [engine.read(ids, lengths, at) for engine, at in self._paired(state)]
        return np.concatenate([hidden for hidden, _ in read], axis=2), tuple(at for _, at in read)

    def log_probs(self, hidden: Floats, targets: Ids) -> Floats:
        """See :meth:`textrnn.engines.Engine.log_probs`."""
        ends = np.cumsum([engine.hidden_size for engine in self.engines])
        parts = zip(self.engines, np.split(hidden, ends[:-1], axis=1), strict=True)
        return log_mean([engine.log_probs(part, targets) for engine, part in parts])

    @property
    def hidden_size(self) -> int:
        """See :attr:`textrnn.engines.Engine.hidden_size`."""
        return sum(engine.hidden_size for engine in self.engines)

    def state_arrays(self, state: State) -> dict[str, NDArray[Any]]:
        """See :meth:`textrnn.engines.Engine.state_arrays`: each name after its engine's number."""
        return {
            f"{number}/{name}": array
            for number, (engine, at) in enumerate(self._paired(state))
            for name, array in engine.state_arrays(at).items()
        }

    def state_from_arrays(self, arrays: dict[str, NDArray[Any]]) -> State:
        """See :meth:`textrnn.engines.Engine.state_from_arrays`."""
        parts: list[dict[str, NDArray[Any]]] = [{} for _ in self.engines]
        for name, array in arrays.items():
            number, _, inner = name.partition("/")
            if not (number.isdecimal() and int(number) < len(parts)):
                raise EngineError(f"the arrays are not a state of {len(parts)} models: {name}")
            parts[int(number)][inner] = array
        pairs = zip(self.engines, parts, strict=True)
        return tuple(engine.state_from_arrays(part) for engine, part in pairs)

    def learner(self, learning: Learning, statistics: Ids | None = None) -> EnsembleLearner:
        """See :meth:`textrnn.engines.LearningEngine.learner`: each of them learns by itself."""
        return EnsembleLearner(
            [as_learning(engine).learner(learning, statistics) for engine in self.engines]
        )

    def _paired(self, state: State | None) -> Iterator[tuple[Engine, State | None]]:
        states = (None,) * len(self.engines) if state is None else state
        return zip(self.engines, states, strict=True)


class EnsembleLearner:
    """Several models that learn side by side; see :class:`textrnn.engines.Learner`.

    Args:
        learners: of the same segments.
    """

    def __init__(self, learners: Sequence[Learner]) -> None:
        self._learners = tuple(learners)
        self.engine: Engine = EnsembleEngine([learner.engine for learner in learners])

    def read(self, ids: Ids) -> Iterator[Reading]:
        """See :meth:`textrnn.engines.Learner.read`."""
        for parts in zip(*(learner.read(ids) for learner in self._learners), strict=True):
            log_probs = log_mean([part.log_probs for part in parts])
            hidden = np.concatenate([part.hidden for part in parts], axis=1)
            yield Reading(parts[0].ids, log_probs, hidden)
