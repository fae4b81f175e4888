"""Engines that need no model: one that spells a text, and a small random recurrent network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from textrnn.engines import Floats, Ids, State
from textrnn.errors import EngineError
from textrnn.models import LanguageModel
from textrnn.tokenizers import BOS, EOS, Tokenizer
from textrnn.tokenizers.byte import ByteTokenizer


class FakeEngine:
    """What both have in common: everything follows from ``_read``, one token a row."""

    name = "fake"
    vocab_size: int
    shapes: tuple[tuple[int, ...], ...]  # a layer's widths

    def _read(self, ids: Ids, state: State) -> tuple[Floats, State]:
        raise NotImplementedError

    def _empty(self, rows: int) -> State:
        return tuple(tuple(np.zeros((rows, w)) for w in layer) for layer in self.shapes)

    def start(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        rows = []
        for row, length in enumerate(lengths):
            at = self._empty(1) if state is None else self.reorder(state, np.array([row]))
            for token in ids[row, :length]:
                logits, at = self._read(np.array([token]), at)
            rows.append((logits, at))
        layers = [
            tuple(np.concatenate([at[i][j] for _, at in rows]) for j in range(len(layer)))
            for i, layer in enumerate(self.shapes)
        ]
        return np.concatenate([logits for logits, _ in rows]), tuple(layers)

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        assert ids.shape == (len(state[0][0]),)
        return self._read(ids, state)

    def reorder(self, state: State, rows: Ids) -> State:
        return tuple(tuple(array[rows] for array in layer) for layer in state)

    def score(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        log_probs = np.zeros(ids.shape, np.float32)
        states = []
        for row, length in enumerate(lengths):
            at = self._empty(1) if state is None else self.reorder(state, np.array([row]))
            for t in range(1, length):
                logits, at = self._read(ids[row, t - 1 : t], at)
                total = np.log(np.exp(logits[0].astype(np.float64)).sum())
                log_probs[row, t] = logits[0, ids[row, t]] - total
            states.append(at)
        return log_probs, tuple(
            tuple(np.concatenate([at[i][j] for at in states]) for j in range(len(layer)))
            for i, layer in enumerate(self.shapes)
        )

    def state_arrays(self, state: State) -> dict[str, Any]:
        return {f"{i}.{j}": array for i, layer in enumerate(state) for j, array in enumerate(layer)}

    def state_from_arrays(self, arrays: dict[str, Any]) -> State:
        try:
            return tuple(
                tuple(arrays[f"{i}.{j}"].reshape(-1, width) for j, width in enumerate(layer))
                for i, layer in enumerate(self.shapes)
            )
        except (KeyError, ValueError) as error:
            raise EngineError(f"not a state of this model: {error}") from error


class SpellingEngine(FakeEngine):
    """Says the ids of its script, whatever it reads, then EOS; a token of the prompt skips one."""

    shapes = ((1,),)

    def __init__(self, script: list[int], vocab_size: int) -> None:
        self._script = [*script, EOS]
        self.vocab_size = vocab_size

    def _read(self, ids: Ids, state: State) -> tuple[Floats, State]:
        places = state[0][0] + (ids != BOS)[:, None]
        logits = np.zeros((len(ids), self.vocab_size), np.float32)
        for row, place in enumerate(places[:, 0].astype(int)):
            logits[row, self._script[min(place, len(self._script) - 1)]] = 20.0
        return logits, ((places,),)


class RandomRnn(FakeEngine):
    """Two layers of tanh units with random weights; rounded, so that a row is the same in any
    batch."""

    shapes = ((8,), (8, 8))

    def __init__(self, vocab_size: int, seed: int = 0, eos: float = 0.0) -> None:
        self.vocab_size = vocab_size
        self._eos = eos
        draw = np.random.default_rng(seed).standard_normal
        self._embedding, self._head = draw((vocab_size, 8)), draw((8, vocab_size))
        self._first, self._second, self._slow = (
            draw((16, 8)) * 0.7,
            draw((16, 8)),
            draw((8, 8)) * 0.3,
        )

    def _read(self, ids: Ids, state: State) -> tuple[Floats, State]:
        (first,), (second, slow) = state
        first = np.tanh(np.hstack([self._embedding[ids], first]) @ self._first).round(9)
        second = np.tanh(np.hstack([first, second]) @ self._second).round(9)
        slow = np.tanh(0.9 * slow + second @ self._slow).round(9)
        logits = ((second + slow) @ self._head).round(4).astype(np.float32)
        logits[:, EOS] += self._eos
        return logits, ((first,), (second, slow))


def folder(**generation: Any) -> Any:
    """What a language model asks of its folder."""
    return SimpleNamespace(
        path="runs/fake",
        task="language_modeling",
        parameters_sha256="5e" * 32,
        generation=generation,
    )


def speller(text: str, tokenizer: Tokenizer | None = None, **generation: Any) -> LanguageModel:
    """A model that says ``text`` and ends it."""
    tokenizer = tokenizer or ByteTokenizer()
    engine = SpellingEngine(tokenizer.encode(text), tokenizer.vocab_size)
    return LanguageModel(folder(**generation), engine, tokenizer)


def babbler(seed: int = 0, eos: float = 0.0, **generation: Any) -> LanguageModel:
    """A model with random weights over bytes."""
    tokenizer = ByteTokenizer()
    engine = RandomRnn(tokenizer.vocab_size, seed, eos)
    return LanguageModel(folder(**generation), engine, tokenizer)
