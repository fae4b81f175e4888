"""The generation loop: one for greedy choice and sampling, one text or many, whole or streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats, State, StepEngine
from textrnn.errors import GenerationError
from textrnn.generation.draw import draw
from textrnn.generation.history import History
from textrnn.generation.row import Failure, FinishReason, Place, Plan, Row, Step, Token
from textrnn.generation.rules import Ids, Logits, Rule, Shortlist, apply_rules, narrow
from textrnn.tokenizers import BOS, EOS, PAD, UNK

__all__ = [
    "Batch",
    "Failure",
    "FinishReason",
    "Plan",
    "Row",
    "Step",
    "Token",
    "allow",
    "generate_tokens",
    "pad_right",
]

_FIRST = EOS  # PAD, UNK and BOS, which are never generated, come before it
_AT_ONCE = 1 << 17  # logits looked at together: what comes of them stays in the processor's cache
_NOTHING: Ids = np.empty((0, 0), np.int64)


class Batch:
    """Texts that are written side by side, a token each at a time; they may come and go.

    A text does not depend on those beside it. One that is finished or fails leaves.

    Args:
        engine: the model.
    """

    def __init__(self, engine: StepEngine) -> None:
        self._engine = engine
        self._places: list[Place] = []
        self._history = History([])
        self._logits: Floats = np.empty((0, engine.vocab_size), np.float32)
        self._unread: Ids | None = None  # the last token of each row; the logits are those before
        self._state: State = None
        self._joined = 0

    def __len__(self) -> int:
        """How many texts are running."""
        return len(self._places)

    @property
    def state(self) -> State:
        """The engine's state, all tokens read."""
        if self._unread is not None:
            self._logits, self._state = self._engine.step(self._unread, self._state)
            self._unread = None
        return self._state

    def join(self, rows: Sequence[Row], plans: Sequence[Plan], logits: Floats, state: State) -> int:
        """Add N rows.

        Args:
            rows: the texts to go on with.
            plans: how to choose for each of them.
            logits: what follows each of them (N, V).
            state: the engine's state of all rows: that of those running (:attr:`state`), and after
                it theirs.

        Returns:
            The number that the tokens of the first of them bear; the others have those after it.
        """
        first = self._joined
        self._joined += len(rows)
        self._logits = np.concatenate([self._logits, logits]) if self._places else logits
        self._state = state
        self._history.join([row.ids for row in rows])
        pairs = zip(rows, plans, strict=True)
        self._places += [Place(first + place, *pair) for place, pair in enumerate(pairs)]
        return first

    def leave(self, number: int) -> None:
        """Let a row go before it is finished."""
        self._keep([i for i, place in enumerate(self._places) if place.number != number])

    def step(self) -> Step:
        """Choose the next token of each row."""
        state = self.state
        ids, log_probs, failed = self._choose()
        tokens: list[Token] = []
        failures: list[Failure] = []
        on: list[int] = []
        chosen = zip(self._places, ids.tolist(), log_probs.tolist(), strict=True)
        for i, (place, id, log_prob) in enumerate(chosen):
            if i in failed:
                failures.append(Failure(place.number, failed[i]))
                continue
            token = place.accept(id, log_prob)
            tokens.append(token)
            if token.finish_reason is None:
                on.append(i)
        self._unread = ids
        self._history.append(ids)
        self._keep(on)
        return Step(tuple(tokens), state, tuple(failures))

    def _keep(self, on: list[int]) -> None:
        """Go on with some rows only."""
        if len(on) == len(self._places):
            return
        self._places = [self._places[i] for i in on]
        self._history.take(on)
        if self._unread is None:
            self._logits = self._logits[on]
        else:
            self._unread = self._unread[on] if on else None
        self._state = self._engine.reorder(self._state, np.array(on)) if on else None

    def _choose(self) -> tuple[Ids, NDArray[Any], dict[int, Exception]]:
        """A token for each row and its log-probability, or what went wrong with that row."""
        waiting = self._alike()
        chosen = []
        failed: dict[int, Exception] = {}
        while waiting:
            some = waiting.pop()
            try:
                chosen.append((some, *self._choose_for(some)))
            except Exception as error:  # a rule may be anyone's
                if len(some) == 1:
                    failed[some[0]] = error
                else:
                    waiting += [[i] for i in some]
        if len(chosen) == 1 and not failed:
            return *chosen[0][1:], failed
        ids, log_probs = np.full(len(self), EOS), np.zeros(len(self), np.float32)
        for some, their_ids, their_log_probs in chosen:
            ids[some], log_probs[some] = their_ids, their_log_probs
        return ids, log_probs, failed

    def _alike(self) -> list[list[int]]:
        """The rows in groups of one kind, of a size that the processor's cache holds."""
        if len(self) == 1:
            return [[0]]
        kinds: dict[Any, list[int]] = {}
        for i, place in enumerate(self._places):
            kinds.setdefault(place.kind(), []).append(i)
        size = max(1, _AT_ONCE // self._engine.vocab_size)
        return [
            kind[first : first + size]
            for kind in kinds.values()
            for first in range(0, len(kind), size)
        ]

    def _choose_for(self, some: list[int]) -> tuple[Ids, NDArray[Any]]:
        """The same for rows of one kind.

        Raises:
            GenerationError: the rules leave no token to choose, or the model's output is not
                numbers.
        """
        place, history = self._places[some[0]], _NOTHING
        together = some[-1] - some[0] + 1 == len(some)
        rows = slice(some[0], some[-1] + 1) if together else some
        logits = self._logits[rows]
        if place.looks_back:
            history = self._history.window()[rows]
        every, likeliest = np.arange(len(some)), logits.argmax(axis=1)
        greatest = logits[every, likeliest]
        _check_numbers(greatest)
        shares = logits - greatest[:, np.newaxis]
        weights = np.exp(shares)
        log_totals = np.log(weights.sum(axis=1))
        if place.looks_back or likeliest.min() < _FIRST:
            left = Shortlist(logits[:, _FIRST:], first=_FIRST)
        else:  # whatever only shapes the distribution does as well with logits below 0
            shares, weights = shares[:, _FIRST:], weights[:, _FIRST:]
            left = Shortlist(shares, first=_FIRST, weights=weights, shifted=True)
        left = narrow(place.plan.rules, history, left, logits.shape[1], place.count)
        if place.plan.greedy:
            ids = left.ids(left.logits.argmax(axis=1))
        else:
            uniforms = [self._places[i].row.stream.next() for i in some]
            ids = draw(left, np.array(uniforms))
        return ids, logits[every, ids] - greatest - log_totals


def generate_tokens(
    engine: StepEngine, rows: Sequence[Row], logits: Floats, state: State, plan: Plan
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
    batch = Batch(engine)
    batch.join(rows, [plan] * len(rows), logits, state)
    while batch:
        step = batch.step()
        for failure in step.failures:
            raise failure.error
        yield step


def allow(
    rules: tuple[Rule, ...], ids: Ids, logits: Logits, new_tokens: int, *, unknown: bool = False
) -> Logits:
    """New logits (B, V): PAD, UNK and BOS, which are never generated, banned; then the rules.

    With ``unknown`` UNK may be generated.

    Raises:
        GenerationError: no token is left, or the model's output is not numbers.
    """
    _check_numbers(logits.max(axis=1))
    allowed = logits.copy()
    allowed[:, (PAD, BOS) if unknown else (PAD, UNK, BOS)] = -np.inf
    return apply_rules(rules, ids, allowed, new_tokens)


def _check_numbers(greatest: Logits) -> None:
    """Refuse rows that are no numbers, by their greatest (B,)."""
    if not all(map(math.isfinite, greatest.tolist())):
        raise GenerationError("the model's output is not numbers: its parameters may be damaged")


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
