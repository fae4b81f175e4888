"""The translator: text in, text in another language out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack, cast, overload

import numpy as np

from textrnn.engines import TranslationEngine, open_engine
from textrnn.errors import ModelFolderError, UsageError
from textrnn.generation import in_batches, pad_right
from textrnn.models._texts import as_texts, check_text
from textrnn.models.together import check_alike
from textrnn.models.translating.assembling import assemble, token_scores
from textrnn.models.translating.coding import Coder, Sources
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.ensemble import Ensemble
from textrnn.models.translating.rendering import render
from textrnn.models.translating.results import AttentionMap, Translation, TranslationScore
from textrnn.models.translating.searching import Request
from textrnn.models.translating.segments import Segment, clean, split_text
from textrnn.models.translating.settings import TranslationOptions, TranslationSettings
from textrnn.models.translating.words import Words, word_weights
from textrnn.tokenizers import BOS, EOS, UNK, Tokenizer

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["Translator"]

_SCORED_AT_ONCE = 8192  # tokens of source and target, padding included
_FOREIGN = 0.5  # the share of letters that the vocabulary lacks from which on a text is foreign


class Translator:
    """A translator, ready to use; :func:`textrnn.load` and :meth:`open` make it.

    Args:
        folder: the model folder.
        engine: what runs it.
        source: the tokenizer of what is translated.
        target: the tokenizer of the translations.

    Raises:
        ModelFolderError: the folder recommends a setting that does not exist or is not allowed.
    """

    def __init__(
        self, folder: ModelFolder, engine: TranslationEngine, source: Tokenizer, target: Tokenizer
    ) -> None:
        self.folder = folder
        self.engine = engine
        self.source_tokenizer = source
        self.tokenizer = target
        self._coder = Coder(engine, source, target)
        try:
            TranslationSettings().resolve(folder.generation)
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
    ) -> Translator:
        """Make a model folder ready, or several that translate together (an ensemble).

        See :func:`textrnn.engines.open_engine`.

        Raises:
            ModelFolderError: a folder holds another kind of model, or is damaged.
            UsageError: an unknown engine or device, a number of threads that is not allowed, or
                models of different vocabularies.
            EngineError: the engine cannot run a model here.
        """
        folders = (folder, *others)
        for one in folders:
            if one.task != "translation":
                raise ModelFolderError(f"{one.path} is a model for {one.task}, not a translator")
        check_alike(folders)
        engines = [
            cast(TranslationEngine, open_engine(one, engine=engine, device=device, threads=threads))
            for one in folders
        ]
        together = engines[0] if len(engines) == 1 else Ensemble(engines)
        return cls(folder, together, folder.source_tokenizer(), folder.tokenizer())

    @property
    def languages(self) -> tuple[str, str]:
        """The source's and the target's language, as the folder names them; empty if it does not.

        A code of two letters as a rule: ``("en", "de")``.
        """
        named = self.folder.config.get("languages", [])
        return (named[0], named[1]) if len(named) == 2 else ("", "")

    @overload
    def translate(
        self,
        text: str,
        settings: TranslationSettings | None = None,
        **options: Unpack[TranslationOptions],
    ) -> Translation: ...

    @overload
    def translate(
        self,
        text: list[str] | tuple[str, ...],
        settings: TranslationSettings | None = None,
        **options: Unpack[TranslationOptions],
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Sequence[str],
        settings: TranslationSettings | None = None,
        **options: Unpack[TranslationOptions],
    ) -> Translation | list[Translation]:
        """Translate a text, or each of a list of texts.

        The options are the fields of :class:`TranslationSettings`. A text may have many lines: each
        is translated by itself, a long one sentence by sentence, and they are joined again in
        order, empty lines kept. A text's translation does not depend on the others of the list.

        Raises:
            UsageError: an option that is unknown, not allowed, or does not apply beside another; or
                something else than text.
            GenerationError: the rules leave no token to choose.
        """
        wanted = self.resolve_settings(settings, options)
        texts = as_texts(text)
        sources = Sources(self.source_tokenizer, map(clean, texts))
        longest = cast(int, wanted.split_tokens)
        split = [split_text(one, longest, sources.length, tags=wanted.copy) for one in texts]
        asked = [_requests(segments, clean(wanted.prefix)) for segments in split]
        requests = [request for some in asked for request in some if request.text]
        drafts = render(self._coder, sources, requests, wanted)
        results = [
            assemble(
                self.tokenizer,
                one,
                segments,
                [drafts.get(request, [Draft("")]) for request in requests],
                wanted,
            )
            for one, segments, requests in zip(texts, split, asked, strict=True)
        ]
        return results[0] if isinstance(text, str) else results

    @overload
    def score(self, source: str, target: str) -> TranslationScore: ...

    @overload
    def score(
        self, source: list[str] | tuple[str, ...], target: list[str] | tuple[str, ...]
    ) -> list[TranslationScore]: ...

    def score(
        self, source: str | Sequence[str], target: str | Sequence[str]
    ) -> TranslationScore | list[TranslationScore]:
        """How well the model predicts targets, given their sources (forced decoding).

        Raises:
            UsageError: there are not as many targets as sources, or something else than text.
        """
        sources, targets = as_texts(source), as_texts(target)
        if len(sources) != len(targets):
            raise UsageError(
                f"{len(sources)} sources and {len(targets)} targets: give one target a source"
            )
        given = Sources(self.source_tokenizer, map(clean, sources))
        reads = [given.ids(clean(one)) for one in sources]
        says = [[BOS, *self.tokenizer.encode(clean(one)), EOS] for one in targets]
        scores: dict[int, TranslationScore] = {}
        lengths = [len(r) + len(s) for r, s in zip(reads, says, strict=True)]
        for batch in in_batches(lengths, _SCORED_AT_ONCE):
            log_probs = self.engine.score(
                *pad_right([reads[i] for i in batch]), *pad_right([says[i] for i in batch])
            )
            for place, row in zip(batch, log_probs, strict=True):
                tokens = token_scores(self.tokenizer, says[place][1:], row[1:].tolist())
                scores[place] = TranslationScore(targets[place], tokens, sources[place])
        done = [scores[place] for place in range(len(sources))]
        return done[0] if isinstance(source, str) else done

    def attention(self, source: str, target: str | None = None) -> AttentionMap:
        """Where the decoder looks, word by word, while it writes a target.

        Args:
            source: a sentence.
            target: what it writes; None: its own translation, by beam search.

        Raises:
            UsageError: the source or the target is empty, or no text.
        """
        check_text(source)
        if target is None:
            target = self.translate(clean(source)).text
        check_text(target)
        reads = [*self.source_tokenizer.encode(clean(source)), EOS]
        says = [*self.tokenizer.encode(clean(target)), EOS]
        if len(reads) == 1 or len(says) == 1:
            raise UsageError("the source or the target is empty: give a sentence")
        _, state = self.engine.start(*pad_right([reads]))
        weights = [self.engine.attention(state)[0]]
        for id in says[:-1]:
            _, state = self.engine.step(np.array([id]), state)
            weights.append(self.engine.attention(state)[0])
        source_words = Words.of_ids(self.source_tokenizer, reads[:-1])
        target_words = Words.of_ids(self.tokenizer, says)
        shares = word_weights(np.stack(weights), source_words, target_words)
        return AttentionMap(source_words.texts, target_words.texts, shares[:, :-1])

    def is_foreign(self, text: str) -> bool:
        """Whether most of a text is in characters that the source's vocabulary does not have.

        It may be in another script than the model's: what comes out will make little sense.
        """
        ids = [id for id in self.source_tokenizer.encode(text) if id != UNK]
        contents = (self.source_tokenizer.to_bytes((id,)) for id in ids)
        known = sum(map(str.isalpha, b"".join(c for c in contents if _is_text(c)).decode()))
        return known < (1 - _FOREIGN) * sum(map(str.isalpha, text))

    def resolve_settings(
        self, settings: TranslationSettings | None, options: TranslationOptions
    ) -> TranslationSettings:
        """Settings or options, filled in as :meth:`translate` does.

        Raises:
            UsageError: both are given, or an option is not allowed.
        """
        if settings is not None and options:
            name = next(iter(options))
            raise UsageError(f"{name} stands beside settings: give all options in one of them")
        if not isinstance(settings, TranslationSettings | None):
            raise UsageError(
                f"settings is {settings!r}: give TranslationSettings, or options by name"
            )
        return (settings or TranslationSettings.of(options)).resolve(self.folder.generation)


def _is_text(content: bytes) -> bool:
    """Whether a piece is no part of a character."""
    return content.isascii() or len(content) > 1


def _requests(segments: Sequence[Segment], prefix: str) -> list[Request]:
    """The segments as requests; the prefix goes to the first that is not empty."""
    first = next((place for place, segment in enumerate(segments) if segment.text), -1)
    return [
        Request(segment.text, prefix if place == first else "")
        for place, segment in enumerate(segments)
    ]
