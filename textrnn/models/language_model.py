"""The language model: text in, text out."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from hashlib import sha256
from os import PathLike
from typing import TYPE_CHECKING, Unpack, overload

import numpy as np

from textrnn.engines import Cache, CachedEngine, Engine, Learning, as_learning
from textrnn.errors import ModelFolderError, UsageError
from textrnn.generation import GenerationOptions, GenerationSettings, TextOptions
from textrnn.models._texts import as_texts
from textrnn.models.pool import ROWS, Pool, Request
from textrnn.models.results import Generation, Interrupted, Score
from textrnn.models.scoring import score_texts
from textrnn.models.session import Session
from textrnn.models.together import open_together
from textrnn.models.unknown import unknown_pieces
from textrnn.models.writing import begin, search, write_tokens
from textrnn.tokenizers import Tokenizer

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["LanguageModel"]

_ROWS = 64  # texts searched for at once


class LanguageModel:
    """A language model, ready to use; :func:`textrnn.load` and :meth:`open` make it.

    Every text begins with BOS, so an empty prompt is a prompt too. PAD, UNK and BOS are never
    generated.

    Args:
        folder: the model folder.
        engine: what runs it.
        tokenizer: text to ids and back.
        others: further folders that the engine runs together with this one.
        learnt: whether the parameters are no longer those of the folders.

    Raises:
        ModelFolderError: the folder recommends a generation setting that does not exist or is not
            allowed.
    """

    def __init__(
        self,
        folder: ModelFolder,
        engine: Engine,
        tokenizer: Tokenizer,
        *,
        others: Sequence[ModelFolder] = (),
        learnt: bool = False,
    ) -> None:
        self.folder = folder
        self.engine = engine
        self.tokenizer = tokenizer
        self.others = tuple(others)
        self.learnt = learnt
        try:
            GenerationSettings().resolve(folder.generation)
        except UsageError as error:
            raise ModelFolderError(f"{folder.path}/config.json: generation: {error}") from error

    @classmethod
    def open(
        cls,
        folder: ModelFolder,
        *others: ModelFolder,
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> LanguageModel:
        """Make a model folder ready, or several that answer together (an ensemble).

        An ensemble's distribution is the mean of its models'; the first folder's recommended
        settings apply. See :func:`textrnn.engines.open_engine`.

        Raises:
            ModelFolderError: the folder holds another kind of model, or is damaged.
            UsageError: an unknown engine or device, a number of threads that is not allowed, a
                model that reads backward, or models of different vocabularies.
            EngineError: the engine cannot run this model here.
        """
        engines = open_together((folder, *others), engine=engine, device=device, threads=threads)
        folder.need_forward()
        return cls(folder, engines, folder.tokenizer(), others=others)

    @property
    def parameters_sha256(self) -> str:
        """Of the folder's parameters, or of those of all its folders."""
        hashes = [folder.parameters_sha256 for folder in (self.folder, *self.others)]
        return hashes[0] if len(hashes) == 1 else sha256("".join(hashes).encode()).hexdigest()

    def with_cache(self, cache: Cache) -> LanguageModel:
        """The same model with a neural cache, in the place of the one that it may have.

        Every text has its own, which is empty at the text's beginning; see
        :class:`textrnn.engines.Cache`. It makes what the text has said already more probable.
        """
        engine = self.engine.engine if isinstance(self.engine, CachedEngine) else self.engine
        return self._with(CachedEngine(engine, cache), self.learnt)

    def adapt(self, text: str, learning: Learning | None = None) -> LanguageModel:
        """A copy of the model that has learnt from a text; nothing else is changed.

        It reads the text after BOS, and learns from each segment as in dynamic evaluation
        (arXiv:1709.07432), the mean squares of the gradients being those of the text so far.

        Args:
            text: what to learn from.
            learning: how; None: as :class:`textrnn.engines.Learning` says.

        Raises:
            EngineError: the engine has no gradients, or the learning rate is too high.
            UsageError: it is not text.
        """
        learner = as_learning(self.engine).learner(learning or Learning())
        deque(learner.read(np.array(begin(self, text))), 0)
        return self._with(learner.engine, learnt=True)

    def _with(self, engine: Engine, learnt: bool) -> LanguageModel:
        return LanguageModel(self.folder, engine, self.tokenizer, others=self.others, learnt=learnt)

    @overload
    def generate(self, prompt: str = "", **options: Unpack[TextOptions]) -> Generation: ...

    @overload
    def generate(
        self,
        prompt: str = "",
        settings: GenerationSettings | None = None,
        **options: Unpack[GenerationOptions],
    ) -> Generation | list[Generation]: ...

    @overload
    def generate(
        self,
        prompt: list[str] | tuple[str, ...],
        settings: GenerationSettings | None = None,
        **options: Unpack[GenerationOptions],
    ) -> list[Generation]: ...

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        settings: GenerationSettings | None = None,
        **options: Unpack[GenerationOptions],
    ) -> Generation | list[Generation]:
        """Go on from a prompt, or from each of a list of prompts.

        The options are the fields of :class:`~textrnn.generation.GenerationSettings`. What is not
        given is filled in from the model's recommended settings (``generation`` in its
        config.json), then from the defaults; the result's ``settings`` say what was applied. A text
        depends on (seed, its index among the samples of its prompt) and on nothing else: a prompt
        in a list gives the same text as alone. (8-bit graphs round a product of many rows
        otherwise than that of one, some 1e-5 in a logit. That decides a token now and then: of 64
        texts of 60 tokens by stories-en, in none to two of greedy ones, in five to eight of drawn
        ones.)

        Returns:
            One result for one prompt and one sample; else a list, all samples of the first prompt
            first.

        Raises:
            UsageError: an option that is unknown, not allowed, or does not apply beside another.
            GenerationError: the rules leave no token to choose.
            Interrupted: by Ctrl-C; it holds the texts as far as they have come.
        """
        wanted = self.resolve_settings(settings, options)
        samples = range(wanted.num_samples or 1)
        jobs = [(text, index) for text in as_texts(prompt) for index in samples]
        results: list[Generation] = []
        requests: list[Request] = []
        try:
            if wanted.beam_size is None:
                pool = Pool(self)
                requests += [pool.enter(*job, wanted) for job in jobs]
                results += [request.result() for request in requests]
            else:
                for first in range(0, len(jobs), _ROWS):
                    results += search(self, jobs[first : first + _ROWS], wanted)
        except KeyboardInterrupt as error:
            begun = [request.so_far() for request in requests]
            raise Interrupted([one for one in begun if one.token_ids] or results) from error
        return results[0] if isinstance(prompt, str) and len(results) == 1 else results

    def stream(
        self,
        prompt: str = "",
        settings: GenerationSettings | None = None,
        **options: Unpack[TextOptions],
    ) -> Generator[str, None, None]:
        """Go on from a prompt and yield the text as it comes, at constant memory.

        The pieces joined are the text of :meth:`generate`.

        Raises:
            UsageError: as for :meth:`generate`, and for several samples and beam search.
            GenerationError: the rules leave no token to choose.
        """
        wanted = self.resolve_settings(settings, options)
        wanted.refuse_several("a stream")
        return (token.text for token in write_tokens(self, (prompt, 0), wanted) if token.text)

    def pool(self, rows: int = ROWS) -> Pool:
        """Write many texts at once, asked for at any time, each with settings of its own.

        Args:
            rows: the most texts at once; further requests wait.

        Raises:
            UsageError: not a whole number of at least 1.
        """
        return Pool(self, rows)

    def session(self, prompt: str = "", *, state: str | PathLike[str] | None = None) -> Session:
        """A text to be gone on with again and again, from a prompt or from a saved session.

        Raises:
            UsageError: both are given.
            GenerationError: the file is damaged, or was saved with another model or engine.
        """
        if state is None:
            return Session.begin(self, prompt)
        if prompt:
            raise UsageError(
                "a session begins with a prompt or with a saved state: give one of them"
            )
        return Session.load(self, state)

    @overload
    def score(self, text: str) -> Score: ...

    @overload
    def score(self, text: list[str] | tuple[str, ...]) -> list[Score]: ...

    def score(self, text: str | Sequence[str]) -> Score | list[Score]:
        """How well the model predicts a text after BOS, or each of a list of texts."""
        scores = score_texts(self, as_texts(text))
        return scores[0] if isinstance(text, str) else scores

    def unknown_pieces(self, text: str) -> list[str]:
        """What of a text the vocabulary lacks: words or characters, each once, in order."""
        return unknown_pieces(self.tokenizer, text)

    def resolve_settings(
        self, settings: GenerationSettings | None, options: GenerationOptions | TextOptions
    ) -> GenerationSettings:
        """Settings or options, filled in as :meth:`generate` does.

        Raises:
            UsageError: both are given, or an option is not allowed.
        """
        if settings is not None and options:
            name = next(iter(options))
            raise UsageError(f"{name} stands beside settings: give all options in one of them")
        if not isinstance(settings, GenerationSettings | None):
            raise UsageError(
                f"settings is {settings!r}: give GenerationSettings, or options by name"
            )
        return (settings or GenerationSettings.of(options)).resolve(self.folder.generation)
