"""The neural cache: a language model that remembers what came after states like the present one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.engines._base import Engine, Floats, Ids, State
from textrnn.engines._cache import Cache, Memory
from textrnn.engines._learning import Learner, Learning, Reading, as_learning
from textrnn.engines._mixing import log_softmax
from textrnn.errors import EngineError
from textrnn.tokenizers import PAD

__all__ = ["CachedEngine"]

_AT_ONCE = 256  # tokens of a row that are read at once


class CachedState(NamedTuple):
    """The state of a :class:`CachedEngine`: the engine's own, and a memory a row."""

    inner: State
    memories: tuple[Memory, ...]


class CachedEngine:
    """An engine whose distribution is mixed with that of a :class:`Cache` of each text.

    With h the present hidden state, and h_i the one that was followed by the token w_i::

        p(w) = (1 - lambda) p_model(w) + lambda p_cache(w)
        p_cache(w)  is proportional to  the sum over i with w_i = w of exp(theta h . h_i)

    (equations 3 and 5), with a smaller lambda while the cache fills. What the caller sees as logits
    are log-probabilities. The memory is a part of the state: it is reordered, saved and forked with
    it, and never grows beyond the cache's size.

    Args:
        engine: the model.
        cache: how much is remembered, and how it counts.
    """

    def __init__(self, engine: Engine, cache: Cache) -> None:
        self.engine = engine
        self.cache = cache
        self.name = f"{engine.name}+cache"
        self.vocab_size = engine.vocab_size
        self.hidden_size = engine.hidden_size

    def start(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.start`."""
        _, state = self.read(ids, lengths - 1, state)
        return self.step(ids[np.arange(len(ids)), lengths - 1], state)

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.step`."""
        logits, _ = self.engine.step(ids, state.inner)
        hidden, after = self.read(ids[:, np.newaxis], np.ones_like(ids), state)
        rows = zip(log_softmax(logits), after.memories, hidden[:, 0], strict=True)
        return np.stack([self.cache.mix(*row) for row in rows]), after

    def reorder(self, state: State, rows: Ids) -> State:
        """See :meth:`textrnn.engines.Engine.reorder`."""
        memories = tuple(state.memories[row] for row in rows)
        return CachedState(self.engine.reorder(state.inner, rows), memories)

    def read(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.read`."""
        hidden, inner = self.engine.read(ids, lengths, None if state is None else state.inner)
        memories = list(_memories(state, len(ids)))
        for row in np.flatnonzero(lengths):
            real = slice(0, lengths[row])
            memories[row] = memories[row].follow(ids[row, real], hidden[row, real], self.cache.size)
        return hidden, CachedState(inner, tuple(memories))

    def log_probs(self, hidden: Floats, targets: Ids) -> Floats:
        """The model's own, without a cache; see :meth:`textrnn.engines.Engine.log_probs`."""
        return self.engine.log_probs(hidden, targets)

    def score(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.score`."""
        log_probs = np.zeros(ids.shape, np.float32)
        inner, memories = None if state is None else state.inner, list(_memories(state, len(ids)))
        for begin in range(0, max(1, int(lengths.max()) - 1), _AT_ONCE):
            real = np.clip(lengths - 1 - begin, 0, _AT_ONCE)
            hidden, inner = self.engine.read(ids[:, begin : begin + int(real.max())], real, inner)
            for row in np.flatnonzero(real):
                end = begin + int(real[row])
                shown = hidden[row, : end - begin]
                own = self.engine.log_probs(shown, ids[row, begin + 1 : end + 1])
                reading = Reading(ids[row, begin : end + 1], own, shown)
                mixed, memories[row] = self.cache.mix_targets(reading, memories[row])
                log_probs[row, begin + 1 : end + 1] = mixed
        return log_probs, CachedState(inner, tuple(memories))

    def state_arrays(self, state: State) -> dict[str, NDArray[Any]]:
        """See :meth:`textrnn.engines.Engine.state_arrays`.

        ``cache/ids`` (B, N) is PAD where nothing is remembered, ``cache/hidden`` (B, N, H) 0 there;
        ``cache/last`` (B, H) is not a number before the first token.
        """
        rows, size, width = len(state.memories), self.cache.size, self.hidden_size
        ids = np.full((rows, size), PAD, np.int64)
        hidden = np.zeros((rows, size, width), np.float32)
        last = np.full((rows, width), np.nan, np.float32)
        for row, memory in enumerate(state.memories):
            ids[row, : len(memory.ids)] = memory.ids
            hidden[row, : len(memory.ids)] = memory.states(width)
            if memory.last is not None:
                last[row] = memory.last
        own = self.engine.state_arrays(state.inner)
        return {**own, "cache/ids": ids, "cache/hidden": hidden, "cache/last": last}

    def state_from_arrays(self, arrays: dict[str, NDArray[Any]]) -> State:
        """See :meth:`textrnn.engines.Engine.state_from_arrays`."""
        own = {name: array for name, array in arrays.items() if not name.startswith("cache/")}
        inner = self.engine.state_from_arrays(own)
        rows, size, width = len(next(iter(own.values()))), self.cache.size, self.hidden_size
        wanted = {"ids": (rows, size), "hidden": (rows, size, width), "last": (rows, width)}
        found = {name: arrays.get(f"cache/{name}", np.empty(0)) for name in wanted}
        if {name: array.shape for name, array in found.items()} != wanted:
            raise EngineError(
                f"the arrays are not a state with a cache of {size}: their cache has another size"
            )
        ids = found["ids"]
        if ids.dtype != np.int64 or ids.min() < 0 or ids.max() >= self.vocab_size:
            raise EngineError("the cache has ids outside the vocabulary")
        memories = []
        for row in range(rows):
            kept = ids[row] != PAD
            last = None if np.isnan(found["last"][row]).any() else found["last"][row]
            memories.append(Memory(ids[row, kept], (found["hidden"][row, kept],), last))
        return CachedState(inner, tuple(memories))

    def learner(self, learning: Learning, statistics: Ids | None = None) -> CachedLearner:
        """See :meth:`textrnn.engines.LearningEngine.learner`."""
        return CachedLearner(as_learning(self.engine).learner(learning, statistics), self.cache)


class CachedLearner:
    """A model that learns, mixed with a cache; see :class:`textrnn.engines.Learner`.

    Args:
        learner: the model.
        cache: as for :class:`CachedEngine`.
    """

    def __init__(self, learner: Learner, cache: Cache) -> None:
        self._learner = learner
        self._cache = cache
        self._memory = Memory()
        self.engine: Engine = CachedEngine(learner.engine, cache)

    def read(self, ids: Ids) -> Iterator[Reading]:
        """See :meth:`textrnn.engines.Learner.read`."""
        for reading in self._learner.read(ids):
            mixed, self._memory = self._cache.mix_targets(reading, self._memory)
            yield reading._replace(log_probs=mixed)


def _memories(state: State | None, rows: int) -> tuple[Memory, ...]:
    return (Memory(),) * rows if state is None else state.memories
