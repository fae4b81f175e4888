"""The language model: text in, text out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Unpack, cast, overload

import numpy as np

from textrnn.engines import Engine, open_engine
from textrnn.errors import ModelFolderError, UsageError
from textrnn.generation import GenerationOptions, GenerationSettings, TextOptions, pad_right
from textrnn.models.pool import ROWS, Pool
from textrnn.models.results import Generation, Score, TokenScore
from textrnn.models.session import Session
from textrnn.models.writing import begin, search, write_tokens
from textrnn.tokenizers import UNK, Tokenizer

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["LanguageModel", "in_batches"]

_PARTS = (r"\s?\S+", r"\s?\w+|\s?[^\w\s]", ".")  # words, words without marks, characters
_ROWS = 64  # texts generated or scored at once
_SCORED_AT_ONCE = 32_768  # tokens, padding included


class LanguageModel:
    """A language model, ready to use; :func:`textrnn.load` and :meth:`open` make it.

    Every text begins with BOS, so an empty prompt is a prompt too. PAD, UNK and BOS are never
    generated.

    Args:
        folder: the model folder.
        engine: what runs it.
        tokenizer: text to ids and back.

    Raises:
        ModelFolderError: the folder recommends a generation setting that does not exist or is not
            allowed.
    """

    def __init__(self, folder: ModelFolder, engine: Engine, tokenizer: Tokenizer) -> None:
        self.folder = folder
        self.engine = engine
        self.tokenizer = tokenizer
        try:
            GenerationSettings().resolve(folder.generation)
        except UsageError as error:
            raise ModelFolderError(f"{folder.path}/config.json: generation: {error}") from error

    @classmethod
    def open(
        cls,
        folder: ModelFolder,
        *,
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> LanguageModel:
        """Make a model folder ready; see :func:`textrnn.engines.open_engine`.

        Raises:
            ModelFolderError: the folder holds another kind of model, or is damaged.
            UsageError: an unknown engine or device, or a number of threads that is not allowed.
            EngineError: the engine cannot run this model here.
        """
        if folder.task != "language_modeling":
            raise ModelFolderError(
                f"{folder.path} is a model for {folder.task}, not a language model"
            )
        opened = open_engine(folder, engine=engine, device=device, threads=threads)
        return cls(folder, cast(Engine, opened), folder.tokenizer())

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
        in a list gives the same text as alone.

        Returns:
            One result for one prompt and one sample; else a list, all samples of the first prompt
            first.

        Raises:
            UsageError: an option that is unknown, not allowed, or does not apply beside another.
            GenerationError: the rules leave no token to choose.
        """
        wanted = self.resolve_settings(settings, options)
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        jobs = [(text, index) for text in prompts for index in range(wanted.num_samples or 1)]
        results: list[Generation] = []
        if wanted.beam_size is None:
            pool = Pool(self)
            requests = [pool.enter(*job, wanted) for job in jobs]
            results += [request.result() for request in requests]
        else:
            for first in range(0, len(jobs), _ROWS):
                results += search(self, jobs[first : first + _ROWS], wanted)
        return results[0] if isinstance(prompt, str) and len(results) == 1 else results

    def stream(
        self,
        prompt: str = "",
        settings: GenerationSettings | None = None,
        **options: Unpack[TextOptions],
    ) -> Iterator[str]:
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
        texts = [text] if isinstance(text, str) else list(text)
        rows = [begin(self, one) for one in texts]
        scores: dict[int, Score] = {}
        for batch in in_batches(map(len, rows)):
            log_probs, _ = self.engine.score(*pad_right([rows[place] for place in batch]))
            bits = (log_probs.astype(np.float64) / -math.log(2)).tolist()
            for place, surprisals in zip(batch, bits, strict=True):
                ids = rows[place][1:]
                pieces = self.tokenizer.pieces(ids)
                tokens = map(TokenScore, pieces, ids, surprisals[1 : len(ids) + 1])
                scores[place] = Score(texts[place], tuple(tokens))
        return scores[0] if isinstance(text, str) else [scores[i] for i in range(len(texts))]

    def unknown_pieces(self, text: str) -> list[str]:
        """The parts of a text that the vocabulary lacks, each once, in order.

        The model reads UNK in their place. They are words where the tokenizer takes words whole,
        else characters.
        """
        if UNK not in self.tokenizer.encode(text):
            return []
        return list(dict.fromkeys(_unknown(self.tokenizer, text, _PARTS)))

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
        return (settings or GenerationSettings.of(options)).resolve(self.folder.generation)


def _unknown(tokenizer: Tokenizer, text: str, parts: Sequence[str]) -> Iterator[str]:
    """Parts of a text that are one UNK, looked for in smaller and smaller parts."""
    for part in re.findall(parts[0], text, re.DOTALL):
        ids = tokenizer.encode(part)
        if UNK in ids:
            body = part.lstrip()
            before = tokenizer.encode(part[: len(part) - len(body)])
            if len(parts) == 1 or ids[len(before) :] == [UNK]:
                yield body or part
            else:
                yield from _unknown(tokenizer, part, parts[1:])


def in_batches(lengths: Iterable[int]) -> Iterator[list[int]]:
    """Places of texts of about the same length, as many together as there are rows and tokens for.

    >>> list(in_batches([3, 40_000, 2]))
    [[2, 0], [1]]
    """
    known, batch = list(lengths), list[int]()
    for place in sorted(range(len(known)), key=known.__getitem__):
        size = len(batch) + 1
        if batch and (size > _ROWS or known[place] * size > _SCORED_AT_ONCE):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
