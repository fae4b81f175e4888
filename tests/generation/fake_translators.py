"""Translation engines that need no model: one that translates by a table, one with random
weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from textrnn.engines import Floats, Ids, State
from textrnn.tokenizers import BOS, EOS, Tokenizer


class FakeTranslationEngine:
    """What both have in common: everything follows from ``_read``, one token a row.

    A state is a tuple of arrays (B, ...), of which the last is the attention.
    """

    name = "fake"
    vocab_size: int

    def _begin(self, ids: Ids, lengths: Ids) -> State:
        raise NotImplementedError

    def _read(self, ids: Ids, state: State) -> tuple[Floats, State]:
        raise NotImplementedError

    def start(self, ids: Ids, lengths: Ids) -> tuple[Floats, State]:
        assert ids.dtype == np.int64
        assert ids.shape == (len(lengths), lengths.max())
        assert (ids[np.arange(len(ids)), lengths - 1] == EOS).all()
        return self._read(np.full(len(ids), BOS), self._begin(ids, lengths))

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        assert ids.shape == (len(state[0]),)
        return self._read(ids, state)

    def reorder(self, state: State, rows: Ids) -> State:
        return tuple(part[rows] for part in state)

    def attention(self, state: State) -> Floats:
        weights: Floats = state[-1].astype(np.float32)
        return weights

    def score(self, source: Ids, source_lengths: Ids, target: Ids, target_lengths: Ids) -> Floats:
        log_probs = np.zeros(target.shape, np.float32)
        logits, state = self.start(source, source_lengths)
        for t in range(1, target.shape[1]):
            totals = np.log(np.exp(logits.astype(np.float64)).sum(axis=1))
            found = logits[np.arange(len(target)), target[:, t]] - totals
            log_probs[:, t] = np.where(t < target_lengths, found, 0)
            logits, state = self.step(target[:, t], state)
        return log_probs


class TableTranslator(FakeTranslationEngine):
    """Says ``table`` of each source token in order, then EOS; looks at the token it translates."""

    def __init__(self, table: dict[int, int], vocab_size: int, sure: float = 12.0) -> None:
        self._table = table
        self._sure = sure
        self.vocab_size = vocab_size

    def _begin(self, ids: Ids, lengths: Ids) -> State:
        said = np.full((len(ids), 1), -1)
        return ids, lengths[:, None], said, np.zeros(ids.shape)

    def _read(self, ids: Ids, state: State) -> tuple[Floats, State]:
        source, lengths, said, _ = state
        said = said + 1
        place = np.minimum(said, lengths - 1)[:, 0]
        looked_at = source[np.arange(len(source)), place]
        logits = np.tile(-0.01 * np.arange(self.vocab_size, dtype=np.float32), (len(ids), 1))
        for row, token in enumerate(looked_at.tolist()):
            logits[row, EOS if token == EOS else self._table.get(token, token)] += self._sure
        weights = np.zeros(source.shape)
        weights[np.arange(len(source)), place] = 1.0
        return logits, (source, lengths, said, weights)


class RandomTranslator(FakeTranslationEngine):
    """A tanh unit with attention, random weights; rounded, so that a row is the same in any
    batch."""

    def __init__(
        self, vocab_size: int, seed: int = 0, eos: float = 0.0, source_vocab_size: int | None = None
    ) -> None:
        self.vocab_size = vocab_size
        self._eos = eos
        draw = np.random.default_rng(seed).standard_normal
        self._source, self._target = (
            draw((source_vocab_size or vocab_size, 8)),
            draw((vocab_size, 8)),
        )
        self._cell, self._head = draw((24, 8)) * 0.5, draw((16, vocab_size))

    def _begin(self, ids: Ids, lengths: Ids) -> State:
        real = np.arange(ids.shape[1]) < lengths[:, None]
        memory = self._source[ids] * real[:, :, None]
        hidden = np.tanh(memory.sum(axis=1) / lengths[:, None]).round(9)
        return memory, real, hidden, np.zeros(ids.shape)

    def _read(self, ids: Ids, state: State) -> tuple[Floats, State]:
        memory, real, hidden, weights = state
        context = (weights[:, :, None] * memory).sum(axis=1)
        hidden = np.tanh(np.hstack([self._target[ids], hidden, context]) @ self._cell).round(9)
        energy = np.where(real, (memory * hidden[:, None]).sum(axis=2).round(6), -np.inf)
        weights = np.exp(energy - energy.max(axis=1, keepdims=True)).round(9)
        weights = (weights / weights.sum(axis=1, keepdims=True)).round(6)
        context = (weights[:, :, None] * memory).sum(axis=1)
        logits = (np.hstack([hidden, context]) @ self._head).round(4).astype(np.float32)
        logits[:, EOS] += self._eos
        return logits, (memory, real, hidden, weights)


def translator_folder(tokenizer: Tokenizer, **generation: Any) -> Any:
    """What a translator asks of its folder."""
    return SimpleNamespace(
        path="runs/fake",
        task="translation",
        config={"languages": ["en", "de"], "files": {}},
        parameters_sha256="5e" * 32,
        generation=generation,
        vocab_size=tokenizer.vocab_size,
    )
