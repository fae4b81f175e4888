"""The generation loop: one for greedy choice and sampling, one text or many, whole or streamed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from textrnn.engines import Engine, Floats, State
from textrnn.errors import GenerationError
from textrnn.generation.draw import RandomStream, draw, log_probs_of
from textrnn.generation.history import HISTORY, History
from textrnn.generation.rules import Ids, Logits, Rule, apply_rules
from textrnn.generation.text import Writer
from textrnn.tokenizers import BOS, EOS, PAD, UNK

__all__ = ["FinishReason", "Plan", "Row", "Step", "Token", "allow", "generate_tokens", "pad_right"]

FinishReason: TypeAlias = Literal["stop", "eos", "length"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token of one text.

    Args:
        row: which of the rows it belongs to.
        id: the token.
        logprob: log p(token | all before it) under the model's own distribution, before any rule;
            natural logarithm.
        text: the characters that became certain with it.
        finish_reason: why the text ends here; None where it goes on.
    """

    row: int
    id: int
    logprob: float
    text: str
    finish_reason: FinishReason | None


@dataclass(frozen=True, slots=True)
class Step:
    """One token of each row that was still running, and the engine's state before it reads them."""

    tokens: tuple[Token, ...]
    state: State


@dataclass(frozen=True)
class Plan:
    """How to choose: the rules in order, greedily or by a draw, and when to end at the latest."""

    rules: tuple[Rule, ...]
    greedy: bool
    max_new_tokens: int


class Row:
    """One text in the making.

    Args:
        ids: what it begins with, BOS first; the last :data:`HISTORY` are kept.
        stream: its random numbers.
        writer: turns its tokens into text.
        goes_on: the text may go on later, so at its end for now nothing that is held back is given
            out.
    """

    def __init__(
        self, ids: Sequence[int], stream: RandomStream, writer: Writer, *, goes_on: bool = False
    ) -> None:
        self.recent = deque(ids, HISTORY)
        self.stream = stream
        self.writer = writer
        self._goes_on = goes_on

    def accept(self, row: int, id: int, logprob: float, *, last: bool) -> Token:
        """Take a token in; ``last`` says that there is no room for another."""
        self.recent.append(id)
        text, stopped = self.writer.push(id)
        reason: FinishReason | None
        reason = "eos" if id == EOS else "stop" if stopped else "length" if last else None
        if reason == "eos" or (reason == "length" and not self._goes_on):
            text += self.writer.close()
        return Token(row, id, logprob, text, reason)


def generate_tokens(
    engine: Engine, rows: Sequence[Row], logits: Floats, state: State, plan: Plan
) -> Iterator[Step]:
    """Generate from B rows, a token each at a time; a row that is finished leaves the batch.

    Args:
        engine: the model.
        rows: the texts to go on with.
        logits: what follows each row (B, V).
        state: the engine's state there.
        plan: how to choose.

    Raises:
        GenerationError: the rules leave no token to choose, or the model's output is not numbers.
    """
    history = History(row.recent for row in rows)
    running = list(range(len(rows)))
    for count in range(plan.max_new_tokens):
        allowed = allow(plan.rules, history.window(), logits, count)
        if plan.greedy:
            ids = allowed.argmax(axis=1)
        else:
            uniforms = [rows[row].stream.next() for row in running]
            ids = np.array([draw(*pair) for pair in zip(allowed, uniforms, strict=True)])
        log_probs = log_probs_of(logits, np.arange(len(running)), ids)
        chosen = zip(running, ids.tolist(), log_probs.tolist(), strict=True)
        last = count + 1 == plan.max_new_tokens
        tokens = tuple(rows[row].accept(row, id, p, last=last) for row, id, p in chosen)
        yield Step(tokens, state)
        on = [place for place, token in enumerate(tokens) if token.finish_reason is None]
        if not on:
            return
        if len(on) < len(running):
            running, ids = [running[place] for place in on], ids[on]
            state = engine.reorder(state, np.array(on))
            history.take(on)
        history.append(ids)
        logits, state = engine.step(ids, state)


def allow(
    rules: tuple[Rule, ...], ids: Ids, logits: Logits, new_tokens: int, *, unknown: bool = False
) -> Logits:
    """New logits (B, V): PAD, UNK and BOS, which are never generated, banned; then the rules.

    With ``unknown`` UNK may be generated.

    Raises:
        GenerationError: no token is left, or the model's output is not numbers.
    """
    if not np.isfinite(logits.max(axis=1)).all():
        raise GenerationError("the model's output is not numbers: its parameters may be damaged")
    allowed = logits.copy()
    allowed[:, (PAD, BOS) if unknown else (PAD, UNK, BOS)] = -np.inf
    return apply_rules(rules, ids, allowed, new_tokens)


def pad_right(rows: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Rows of ids as ids (B, T), padded with PAD on the right, and their lengths (B,).

    >>> pad_right([[2, 5], [2]])
    (array([[2, 5],
           [2, 0]]), array([2, 1]))
    """
    lengths = np.array([len(row) for row in rows], np.int64)
    ids = np.full((len(rows), lengths.max()), PAD, np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids, lengths
