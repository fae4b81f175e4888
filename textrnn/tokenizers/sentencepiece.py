"""Subwords by sentencepiece (Kudo and Richardson 2018), set up so that text comes back exactly."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.errors import TokenizerError, UsageError
from textrnn.tokenizers._base import BOS, EOS, PAD, SPECIAL_PIECES, UNK, Tokenizer
from textrnn.tokenizers._sampling import SPACE, BPESampler, TextSampler, UnigramSampler
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._text import fold_spaces, utf8
from textrnn.tokenizers._training import one_line, train_model

__all__ = ["SentencePieceTokenizer"]

MODEL_FILE = "tokenizer.model"


class SentencePieceTokenizer(Tokenizer):
    """Unigram or BPE pieces; with byte fallback nothing is unknown, else UNK decodes to ``<unk>``.

    Text is cut at newlines before sentencepiece sees it, so ``splits_at_newline`` holds by
    construction, and is decoded from the bytes of the pieces, so that double spaces, ``U+2581`` and
    broken byte sequences come out right. The stated normalisation is the setting of that name.

    Args:
        model: the bytes of a sentencepiece model.
        model_type: ``unigram`` or ``bpe``, which that model is.
        normalization: the rule it was trained with.
        user_symbols: the texts that are always one piece in it.
        spaces: ``folded`` reads and gives back single spaces only; see :class:`TokenizerSettings`.

    Raises:
        TokenizerError: the bytes are not such a model, or its special ids are not 0 to 3.

    >>> from textrnn.tokenizers import load_tokenizer, vocab_path
    >>> tokenizer = load_tokenizer(vocab_path("stories_sp8000"))
    >>> tokenizer.pieces(tokenizer.encode("Once upon a time"))
    ['Once', '▁upon', '▁a', '▁time']
    """

    kind: ClassVar[str] = "sentencepiece"
    settings_used: ClassVar[frozenset[str]] = frozenset(
        {"vocab_size", "model_type", "byte_fallback", "character_coverage", "normalization"}
        | {"user_symbols", "max_sentences", "seed", "spaces"}
    )

    def __init__(
        self,
        model: bytes,
        *,
        model_type: str = "unigram",
        normalization: str = "identity",
        user_symbols: Sequence[str] = (),
        spaces: str = "kept",
    ) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = model
        self._model_type = model_type
        self._normalization = normalization
        self._user_symbols = list(user_symbols)
        self._spaces = spaces
        self._processor = processor = SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(model)
            pieces: list[str] = processor.id_to_piece(list(range(processor.vocab_size())))
        except (RuntimeError, UnicodeDecodeError) as error:
            raise TokenizerError(f"not a sentencepiece model: {one_line(error)}") from None
        given = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if given != (PAD, UNK, BOS, EOS):
            raise TokenizerError(
                f"the pad, unk, bos and eos ids are {given}: they must be 0, 1, 2, 3"
            )
        special = len(SPECIAL_PIECES)
        contents = [content_of(processor, id, piece) for id, piece in enumerate(pieces)]
        super().__init__(pieces[special:], contents[special:], unknown="<unk>")
        self._between = {"\n": self._ids_of("\n"), SPACE: self._spelt(SPACE), "": []}

    def _spelt(self, text: str) -> list[int]:
        """The byte pieces of a text that is no piece itself, or UNK."""
        spelt = [self._ids.get(f"<0x{byte:02X}>", UNK) for byte in text.encode()]
        return [UNK] if UNK in spelt else spelt

    def _ids_of(self, piece: str) -> list[int]:
        id = self.id_of(piece)
        return self._spelt(piece) if id is None else [id]

    @cached_property
    def _sampler(self) -> TextSampler:
        scores = {
            piece: self._processor.get_score(id)
            for id, piece in enumerate(self._pieces)
            if self._contents[id] and not (id == UNK or self._processor.is_byte(id))
        }
        word_sampler = UnigramSampler if self._model_type == "unigram" else BPESampler
        return TextSampler(word_sampler(scores), pieces=scores, symbols=self._user_symbols)

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        ids: list[int] = []
        # Part by part: for a list of them sentencepiece makes a thread, which takes longer.
        for part, mark in split_at_marks(self._prepared(text)):
            ids += self._processor.encode(part)
            ids += self._between[mark]
        return ids

    def encode_sampled(self, text: str, *, alpha: float, seed: int) -> list[int]:
        """One segmentation drawn at random; see :meth:`Tokenizer.encode_sampled`."""
        if not 0.0 <= alpha <= 1.0:
            raise UsageError(f"alpha is {alpha}: use 0 to 1")
        rng = random.Random(seed)
        ids: list[int] = []
        for part, mark in split_at_marks(self._prepared(text)):
            for piece in self._sampler.sample(self._processor.normalize(part), alpha, rng):
                drawn = self._ids_of(piece)
                if drawn != [UNK] or ids[-1:] != drawn:  # a run of unknown characters is one UNK
                    ids += drawn
            ids += self._between[mark]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``; see :meth:`Tokenizer.decode`."""
        text = super().decode(ids)
        return fold_spaces(text) if self._spaces == "folded" else text

    def _prepared(self, text: str) -> str:
        """What sentencepiece is to read; folded, each word has a space before it."""
        if self._spaces == "kept":
            return text
        words = fold_spaces(text)
        return f" {words}" if words else ""

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """Pieces learnt from a sample of the lines of ``texts``; see :meth:`Tokenizer.train`."""
        cls.refuse_unused(settings.given())
        if settings.spaces == "folded":
            texts = (f" {words}" for text in texts if (words := fold_spaces(text)))
        return cls(
            train_model(texts, settings),
            model_type=settings.model_type,
            normalization=settings.normalization,
            user_symbols=settings.user_symbols,
            spaces=settings.spaces,
        )

    def _saved(self) -> dict[str, Any]:
        return {
            "model_type": self._model_type,
            "normalization": self._normalization,
            "user_symbols": self._user_symbols,
            "spaces": self._spaces,
            "vocab_size": self.vocab_size,
            "sha256": hashlib.sha256(self._model).hexdigest(),
        }

    def _files(self) -> Mapping[str, bytes]:
        return {MODEL_FILE: self._model}

    @classmethod
    def _from_saved(cls, saved: Mapping[str, Any], directory: Path) -> Self:
        path = directory / MODEL_FILE
        try:
            model = path.read_bytes()
        except OSError as error:
            raise TokenizerError(f"{path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(model).hexdigest() != saved.get("sha256"):
            raise TokenizerError(f"{path} is damaged: its sha256 is not the one in tokenizer.json")
        try:
            tokenizer = cls(model, **read_settings(saved))
        except TokenizerError as error:
            raise TokenizerError(f"{path}: {error}") from None
        if tokenizer.vocab_size != saved.get("vocab_size"):
            given, found = saved.get("vocab_size"), tokenizer.vocab_size
            raise TokenizerError(f"{path} has {found} pieces, but tokenizer.json says {given!r}")
        return tokenizer


def read_settings(saved: Mapping[str, Any]) -> dict[str, Any]:
    """What tokenizer.json says of the model beside it.

    Raises:
        TokenizerError: a setting is damaged.
    """
    settings = {
        "model_type": saved.get("model_type", "unigram"),
        "normalization": saved.get("normalization", "identity"),
        "user_symbols": saved.get("user_symbols", []),
        "spaces": saved.get("spaces", "kept"),
    }
    symbols = settings["user_symbols"]
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise TokenizerError("tokenizer.json is damaged: user_symbols is not a list of texts")
    try:
        TokenizerSettings(**settings)
    except (UsageError, TypeError) as error:
        raise TokenizerError(f"tokenizer.json is damaged: {error}") from None
    return settings


def content_of(processor: Any, id: int, piece: str) -> bytes:
    """The bytes that a piece stands for."""
    if processor.is_byte(id):
        return bytes.fromhex(piece[3:5])
    return b"" if processor.is_control(id) else piece.replace(SPACE, " ").encode()


def split_at_marks(text: str) -> list[tuple[str, str]]:
    r"""The parts of ``text`` between newlines and U+2581, each with the mark that ends it, or "".

    Raises:
        DataError: the text has a lone surrogate.

    >>> split_at_marks("a\nb")
    [('a', '\n'), ('b', '')]
    """
    utf8(text)
    parts: list[tuple[str, str]] = []
    for line in text.split("\n"):
        *blocks, last = line.split(SPACE)
        parts += [(block, SPACE) for block in blocks]
        parts.append((last, "\n"))
    parts[-1] = (parts[-1][0], "")
    return parts
