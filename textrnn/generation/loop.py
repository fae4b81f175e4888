"""The generation loop: one for greedy choice and sampling, one text or many, whole or streamed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

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
]

_FIRST = EOS  # PAD, UNK and BOS, which are never generated, come before it
_NOTHING: Ids = np.empty((0, 0), np.int64)
_NO_NUMBERS = "the model's output is not numbers: its parameters may be damaged"


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
        self._looks_back = False

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
        new = [Place(first + place, *pair) for place, pair in enumerate(pairs)]
        self._places += new
        self._looks_back = self._looks_back or any(place.looks_back for place in new)
        return first

    def leave(self, number: int) -> None:
        """Let a row go before it is finished."""
        self._keep([i for i, place in enumerate(self._places) if place.number != number])

    def step(self) -> Step:
        """Choose the next token of each row."""
        state = self.state
        window = self._history.window() if self._looks_back else _NOTHING
        ids: list[int] = []
        tokens: list[Token] = []
        failures: list[Failure] = []
        on: list[int] = []
        for i, place in enumerate(self._places):
            try:
                id, log_prob = _choose(place, window[i : i + 1], self._logits[i])
            except Exception as error:  # a rule may be anyone's
                failures.append(Failure(place.number, error))
                ids.append(PAD)
                continue
            token = place.accept(id, log_prob)
            tokens.append(token)
            ids.append(id)
            if token.finish_reason is None:
                on.append(i)
        self._unread = np.array(ids)
        if self._looks_back:
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


def _choose(place: Place, ids: Ids, logits: Logits) -> tuple[int, float]:
    """The next token of one text, and its log-probability under the model's own distribution.

    Args:
        place: the text.
        ids: its last tokens (1, T), where its rules look back.
        logits: what follows (V,).

    Raises:
        GenerationError: the rules leave no token to choose, or the model's output is not numbers.
    """
    likeliest = logits.argmax()
    greatest = logits[likeliest]
    if not math.isfinite(greatest):
        raise GenerationError(_NO_NUMBERS)
    shares = logits - greatest
    weights = np.exp(shares)
    log_total = math.log(np.add.reduce(weights))
    if place.plan.greedy and not place.rules and likeliest >= _FIRST:
        return int(likeliest), 0.0 - log_total
    if place.looks_back or likeliest < _FIRST:
        left = Shortlist(logits[_FIRST:], _FIRST)
    else:  # whatever only shapes the distribution does as well with logits below 0
        left = Shortlist(shares[_FIRST:], _FIRST, weights=weights[_FIRST:], greatest=0.0)
    left = narrow(place.rules, ids, left, len(logits), place.count)
    if place.plan.greedy:
        id = left.id(int(left.logits.argmax()))
    else:
        id = draw(left, place.row.stream.next())
    return id, float(shares[id]) - log_total


def generate_tokens(
    engine: StepEngine,
    rows: Sequence[Row],
    logits: Floats,
    state: State,
    plan: Plan | Sequence[Plan],
) -> Iterator[Step]:
    """Generate from B rows, a token each at a time; a row that is finished leaves the batch.

    Args:
        engine: the model.
        rows: the texts to go on with.
        logits: what follows each row (B, V).
        state: the engine's state there.
        plan: how to choose; one for all rows, or one for each.

    Raises:
        GenerationError: the rules leave no token to choose, or the model's output is not numbers.
    """
    plans = [plan] * len(rows) if isinstance(plan, Plan) else plan
    batch = Batch(engine)
    batch.join(rows, plans, logits, state)
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
    if not np.isfinite(logits.max(axis=1)).all():
        raise GenerationError(_NO_NUMBERS)
    allowed = logits.copy()
    allowed[:, (PAD, BOS) if unknown else (PAD, UNK, BOS)] = -np.inf
    return apply_rules(rules, ids, allowed, new_tokens)
