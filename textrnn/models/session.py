"""A text that is gone on with again and again, kept in a file meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Unpack

import numpy as np

from textrnn.engines import Learning
from textrnn.errors import GenerationError
from textrnn.generation import (
    HISTORY,
    GenerationSettings,
    RandomStream,
    Row,
    TextOptions,
    Token,
    Writer,
    fresh_seed,
    generate_tokens,
    pad_right,
)
from textrnn.models.results import Draft, Generation, Interrupted
from textrnn.models.session_file import Snapshot, read_session, write_session
from textrnn.models.writing import begin, make_plan

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["Session"]


class Session:
    """A text in the making, of constant size for ever; :meth:`LanguageModel.session` makes it.

    Each call goes on where the last one ended, as if it had been one: the model's state, the random
    stream, the last tokens that rules look at, a character or a stop text of which only a part has
    come. What is held back at the end of a call is given with the next. Saved, loaded or forked, it
    goes on exactly as it would have.

    Args:
        model: the language model.
        snapshot: where the text has come to.
    """

    def __init__(self, model: LanguageModel, snapshot: Snapshot) -> None:
        self._model = model
        self._prompt = snapshot.prompt
        self._state = snapshot.state
        self._pending = snapshot.pending
        self._ended = snapshot.ended
        self._recent = deque(snapshot.recent, HISTORY)
        self._row = Row(
            snapshot.recent,
            RandomStream(snapshot.seed, 0, snapshot.drawn),
            Writer(model.tokenizer, recent=snapshot.recent, held=snapshot.held),
        )
        self._calls = 0

    @classmethod
    def begin(cls, model: LanguageModel, prompt: str) -> Session:
        """A session that goes on from ``prompt``, with a fresh seed until one is given."""
        ids = tuple(begin(model, prompt))
        return cls(model, Snapshot(prompt, pending=ids, recent=ids[-HISTORY:], seed=fresh_seed()))

    @classmethod
    def load(cls, model: LanguageModel, path: str | PathLike[str]) -> Session:
        """The session that :meth:`save` wrote.

        Raises:
            GenerationError: the file is damaged, or was saved with another model or engine.
        """
        return cls(model, read_session(path, model.engine, model.parameters_sha256))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the session to a file, whole or not at all; its cache with it, if it has one.

        Raises:
            GenerationError: the file cannot be written, or the session's model has learnt from a
                text, as such a file does not hold parameters.
        """
        if self._model.learnt:
            raise GenerationError(
                "a session's file does not hold what its model has learnt: save the session before "
                "it adapts, and let it adapt again when it is loaded"
            )
        write_session(path, self._now(), self._model.engine, self._model.parameters_sha256)

    def adapt(self, text: str, learning: Learning | None = None) -> None:
        """Let the session's own model learn from a text; see :meth:`LanguageModel.adapt`.

        The session stays at its place: the text does not become a part of it. The model that the
        session was made by is not changed, nor are its other sessions.

        Raises:
            EngineError: the engine has no gradients, or the learning rate is too high.
            UsageError: it is not text.
        """
        self._model = self._model.adapt(text, learning)

    def fork(self) -> Session:
        """Another session at the same place; with the same options, it goes on to the same text."""
        return Session(self._model, self._now())

    def generate(
        self, settings: GenerationSettings | None = None, **options: Unpack[TextOptions]
    ) -> Generation:
        """Go on; see :meth:`LanguageModel.generate` for the options.

        Without a seed the session's random stream goes on; a seed begins a new one. Once the model
        has ended the text, the result is empty and its finish reason ``eos``.

        Raises:
            UsageError: as there, and for several samples and beam search.
            GenerationError: the rules leave no token to choose.
            Interrupted: by Ctrl-C; it holds what has come, and the session stands where that ends.
        """
        wanted, stream = self._settle(settings, options)
        draft = Draft("eos" if self._ended else "stop")
        try:
            for piece in self._write(wanted, stream):
                draft.add(piece)
        except KeyboardInterrupt as error:
            raise Interrupted([draft.done(self._prompt, 0, wanted, whole=False)]) from error
        return draft.done(self._prompt, 0, wanted)

    def stream(
        self, settings: GenerationSettings | None = None, **options: Unpack[TextOptions]
    ) -> Generator[str, None, None]:
        """Go on and yield the text as it comes; where the caller stops, the session stands.

        Raises:
            UsageError: as for :meth:`generate`.
            GenerationError: the rules leave no token to choose, or the session has gone on
                otherwise since.
        """
        pieces = self._write(*self._settle(settings, options))
        texts = (piece if isinstance(piece, str) else piece.text for piece in pieces)
        return (text for text in texts if text)

    def _settle(
        self, settings: GenerationSettings | None, options: TextOptions
    ) -> tuple[GenerationSettings, RandomStream]:
        """Resolved settings, and the random stream: the session's own where no seed is given."""
        given = settings.seed if settings else options.get("seed")
        wanted = self._model.resolve_settings(settings, options)
        wanted.refuse_several("a session")
        if given is not None:
            return wanted, RandomStream(given, 0)
        stream = self._row.stream
        return replace(wanted, seed=stream.seed), stream

    def _write(self, settings: GenerationSettings, stream: RandomStream) -> Iterator[Token | str]:
        """Go on: first the text held back that is now certain, then tokens."""
        self._calls += 1
        call, model, recent = self._calls, self._model, tuple(self._recent)
        if self._ended:
            return
        stream = RandomStream(stream.seed, 0, stream.drawn)
        writer = Writer(model.tokenizer, settings.stop, recent=recent, held=self._row.writer.held)
        self._row = Row(recent, stream, writer, goes_on=True)
        text, stopped = writer.reopen()
        yield text
        if stopped:
            return
        if self._state is None:
            logits, state = model.engine.start(*pad_right([self._pending]))
        else:
            logits, state = model.engine.step(np.array(self._pending), self._state)
        plan = make_plan(model, settings)
        for step in generate_tokens(model.engine, [self._row], logits, state, plan):
            if call != self._calls:
                raise GenerationError(
                    "the session has gone on since this stream began: begin another stream"
                )
            (token,) = step.tokens
            self._state, self._pending = step.state, (token.id,)
            self._recent.append(token.id)
            self._ended = token.finish_reason == "eos"
            yield token

    def _now(self) -> Snapshot:
        row = self._row
        return Snapshot(
            prompt=self._prompt,
            pending=self._pending,
            recent=tuple(self._recent),
            seed=row.stream.seed,
            drawn=row.stream.drawn,
            held=row.writer.held,
            ended=self._ended,
            state=self._state,
        )
