"""Continuous batching: requests as they come, all of them a token further in each step."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Unpack, cast

import numpy as np

from textrnn.engines import Engine, State
from textrnn.errors import GenerationError, UsageError
from textrnn.generation import (
    Batch,
    GenerationSettings,
    Plan,
    TextOptions,
    Token,
)
from textrnn.generation.rules import Rule
from textrnn.models._texts import check_text
from textrnn.models.results import Draft, Generation
from textrnn.models.writing import make_row, read_rows

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["ROWS", "Pool", "Request"]

ROWS = 64
"""Texts written at once where nothing else is said."""
_PLANS = 256  # settings whose rules are kept at hand


class Request:
    """A text that was asked of a pool; :meth:`Pool.submit` makes it.

    Args:
        pool: whose it is.
        prompt: what to go on from.
        index: which of the samples with the seed of its settings.
        settings: resolved settings.
    """

    def __init__(self, pool: Pool, prompt: str, index: int, settings: GenerationSettings) -> None:
        self.prompt = prompt
        self.index = index
        self.settings = settings
        self.done = False
        self.error: Exception | None = None
        self._pool = pool
        self._tokens: list[Token] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(token.text for token in self._tokens)

    def tokens(self) -> Iterator[Token]:
        """The tokens as they come, from the first on; the pool makes its steps meanwhile.

        Raises:
            GenerationError: the rules leave no token to choose, or the request was cancelled.
        """
        place = 0
        while True:
            while place < len(self._tokens):
                yield self._tokens[place]
                place += 1
            if self.done:
                break
            self._pool.step()
        if self.error is not None:
            raise self.error

    def result(self) -> Generation:
        """The whole text; the pool makes its steps until it is there.

        Raises:
            GenerationError: the rules leave no token to choose, or the request was cancelled.
        """
        deque(self.tokens(), 0)
        return self.so_far()

    def so_far(self) -> Generation:
        """What has come; its finish reason is None where more is to come."""
        draft = Draft()
        for token in self._tokens:
            draft.add(token)
        whole = self.done and self.error is None
        return draft.done(self.prompt, self.index, self.settings, whole=whole)

    def cancel(self) -> None:
        """Leave the pool at once; what has come stays. A request that is done stays as it is."""
        if not self.done:
            self._pool.withdraw(self)
            self.end(GenerationError("the request was cancelled"))

    def take(self, token: Token) -> None:
        """Add the next token; the pool does that."""
        self._tokens.append(token)
        self.done = token.finish_reason is not None

    def end(self, error: Exception) -> None:
        """End without a whole text; the pool does that."""
        self.done, self.error = True, error


class Pool:
    """Writes many texts at once, which may come at any time; :meth:`LanguageModel.pool` makes it.

    Each step gives one token to every text that is running. A text that is done leaves, and those
    that wait take its place at the next step, their prompts read together. Each text is the one
    that :meth:`LanguageModel.generate` gives alone, whatever the settings of those beside it, but
    for the rounding that is described there. One that fails does so for itself. To be used by one
    thread.

    Args:
        model: the language model.
        rows: the most texts at once; the others wait, first come, first served.

    Raises:
        UsageError: not a whole number of at least 1.
    """

    def __init__(self, model: LanguageModel, rows: int = ROWS) -> None:
        if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
            raise UsageError(f"rows is {rows!r}: give a whole number of at least 1")
        self.rows = rows
        self._model = model
        self._batch = Batch(model.engine)
        self._waiting: deque[Request] = deque()
        self._running: dict[int, Request] = {}
        self._rules = lru_cache(_PLANS)(self._build_rules)

    def __len__(self) -> int:
        """How many requests are not done."""
        return len(self._waiting) + len(self._running)

    def submit(
        self,
        prompt: str = "",
        settings: GenerationSettings | None = None,
        **options: Unpack[TextOptions],
    ) -> Request:
        """Ask for a text; see :meth:`LanguageModel.generate` for the options.

        Raises:
            UsageError: as there, and for several samples and beam search.
        """
        wanted = self._model.resolve_settings(settings, options)
        wanted.refuse_several("a request")
        return self.enter(prompt, 0, wanted)

    def enter(self, prompt: str, index: int, settings: GenerationSettings) -> Request:
        """Ask for one of several samples, by resolved settings.

        Raises:
            UsageError: the prompt is not text.
        """
        check_text(prompt)
        request = Request(self, prompt, index, settings)
        self._waiting.append(request)
        return request

    def step(self) -> list[Request]:
        """Let requests in where there is room, and give every running one a token.

        Returns:
            Those that are done now.
        """
        room = self.rows - len(self._running)
        new = [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]
        ended = self._admit(new) if new else []
        if not self._running:
            return ended
        step = self._batch.step()
        for token in step.tokens:
            request = self._running[token.row]
            request.take(token)
            if request.done:
                ended.append(self._running.pop(token.row))
        for number, error in step.failures:
            request = self._running.pop(number)
            request.end(error)
            ended.append(request)
        return ended

    def run(self) -> Iterator[Request]:
        """Make steps until nothing is left to do; yields requests as they are done."""
        while self:
            yield from self.step()

    def withdraw(self, request: Request) -> None:
        """Let go of a request; :meth:`Request.cancel` does that."""
        if request in self._waiting:
            self._waiting.remove(request)
            return
        (number,) = (n for n, running in self._running.items() if running is request)
        del self._running[number]
        self._batch.leave(number)

    def _admit(self, new: Sequence[Request]) -> list[Request]:
        """Read the prompts of new requests and let them join; those that cannot are returned."""
        model, before = self._model, self._batch.state
        try:
            rows = [make_row(model, (one.prompt, one.index), one.settings) for one in new]
            plans = [self._plan(one.settings) for one in new]
            logits, state = read_rows(model.engine, [row.ids for row in rows])
        except Exception as error:  # whatever it is, it must not hurt the others
            if len(new) > 1:
                return [failed for request in new for failed in self._admit([request])]
            new[0].end(error)
            return list(new)
        if self._running:
            state = _side_by_side(model.engine, before, state)
        first = self._batch.join(rows, plans, logits, state)
        self._running |= zip(range(first, first + len(new)), new, strict=True)
        return []

    def _plan(self, settings: GenerationSettings) -> Plan:
        """The plan of settings; the rules are the same object where they are the same rules."""
        plain = replace(settings, seed=None, max_new_tokens=None, stop=(), num_samples=None)
        try:
            rules = self._rules(plain)
        except TypeError:  # a rule that cannot be hashed
            rules = self._build_rules(plain)
        return Plan(rules, settings.greedy, cast(int, settings.max_new_tokens))

    def _build_rules(self, settings: GenerationSettings) -> tuple[Rule, ...]:
        return settings.build_rules(self._model.tokenizer)


def _side_by_side(engine: Engine, state: State, more: State) -> State:
    """One state of the rows of both."""
    arrays = engine.state_arrays(state)
    joined = {
        name: np.concatenate([arrays[name], array])
        for name, array in engine.state_arrays(more).items()
    }
    return engine.state_from_arrays(joined)
