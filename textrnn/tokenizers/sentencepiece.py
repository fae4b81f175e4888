"""Subwords by sentencepiece (Kudo and Richardson 2018), set up so that every text comes back exactly."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Self

from textrnn.errors import TokenizerError, UsageError
from textrnn.tokenizers._base import BOS, EOS, PAD, SPECIAL_PIECES, UNK, Tokenizer, utf8
from textrnn.tokenizers._settings import TokenizerSettings

__all__ = ["SentencePieceTokenizer"]

MODEL_FILE = "tokenizer.model"
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # how sentencepiece writes a space inside a piece
LONGEST = (
    2000  # characters of one training line; sentencepiece leaves longer ones out without a word
)
BATCH = 4096  # lines encoded in one call
THREADS = 2  # of training; fixed, because the pieces depend on it
_SEEDING = Lock()  # sentencepiece's sampling has one seed for the whole process


class SentencePieceTokenizer(Tokenizer):
    """Unigram or BPE pieces; with byte fallback nothing is unknown, otherwise UNK decodes to ``<unk>``.

    Text is cut at newlines before sentencepiece sees it, so ``splits_at_newline`` holds by construction, and it is
    decoded from the bytes of the pieces, so double spaces, ``U+2581`` and broken byte sequences come out right.
    The stated normalisation is the one in the settings; ``identity`` is none.

    Args:
        model: the bytes of a sentencepiece model.
        normalization: the rule it was trained with, to be reported.

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
        | {"user_symbols", "max_sentences", "seed"}
    )

    def __init__(self, model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = model
        self._processor = SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise TokenizerError(f"not a sentencepiece model: {one_line(error)}") from None
        processor = self._processor
        given = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
        if given != (PAD, UNK, BOS, EOS):
            raise TokenizerError(
                f"the model's pad, unk, bos and eos ids are {given}: they must be 0, 1, 2, 3"
            )
        ids = list(range(processor.vocab_size()))
        pieces = processor.id_to_piece(ids)
        contents = [piece.replace(SPACE, " ").encode() for piece in pieces]
        contents[: len(SPECIAL_PIECES)] = [b"", b"<unk>", b"", b""]
        for id in ids:
            if processor.is_byte(id):
                contents[id] = bytes([int(pieces[id][3:5], 16)])
        super().__init__([*SPECIAL_PIECES, *pieces[len(SPECIAL_PIECES) :]], contents)
        self._newline = self._spelt("\n")
        self._block = self._spelt(SPACE)

    def _spelt(self, char: str) -> list[int]:
        """The ids of a character that sentencepiece is never shown: its own piece, else its bytes, else UNK."""
        own = self.id_of(char)
        if own is not None and char != SPACE:
            return [own]
        spelt = [self.id_of(f"<0x{byte:02X}>") for byte in char.encode()]
        return [UNK] if None in spelt else [id for id in spelt if id is not None]

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        return next(self.encode_lines([text]))

    def encode_lines(self, lines: Iterable[str]) -> Iterator[list[int]]:
        """The ids of each text, in order; sentencepiece gets thousands of lines at a time."""
        remaining = iter(lines)
        while texts := list(islice(remaining, BATCH)):
            yield from self._encode_batch(texts)

    def _encode_batch(self, texts: list[str], **sampling: Any) -> Iterator[list[int]]:
        """Encode the parts between newlines and U+2581, and put those two back in."""
        split = [split_keeping(text) for text in texts]
        parts = [part for text in split for part, _ in text]
        encoded = iter(self._processor.encode(parts, out_type=int, num_threads=1, **sampling))
        between = {"\n": self._newline, SPACE: self._block, "": []}
        for text in split:
            ids: list[int] = []
            for _, mark in text:
                ids += next(encoded)
                ids += between[mark]
            yield ids

    def encode_sampled(self, text: str, *, alpha: float, seed: int) -> list[int]:
        """One segmentation drawn at random; see :meth:`Tokenizer.encode_sampled`."""
        if not 0.0 <= alpha <= 1.0:
            raise UsageError(f"alpha is {alpha}: use 0 to 1")
        from sentencepiece import set_random_generator_seed

        with _SEEDING:
            set_random_generator_seed(seed % 2**32)
            sampling = {"enable_sampling": True, "alpha": alpha, "nbest_size": -1}
            return next(self._encode_batch([text], **sampling))

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """Pieces learnt from a sample of the lines of ``texts``; see :meth:`Tokenizer.train`."""
        from sentencepiece import SentencePieceTrainer

        settings.refuse_unused(cls.settings_used)
        sample = sample_lines(texts, settings.max_sentences, random.Random(settings.seed))
        if not sample:
            raise TokenizerError(
                "the training text is empty: a tokenizer needs some text to learn from"
            )
        model = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=iter(sample),
                model_writer=model,
                vocab_size=settings.vocab_size or 8000,
                model_type=settings.model_type,
                byte_fallback=settings.byte_fallback,
                character_coverage=settings.character_coverage,
                normalization_rule_name=settings.normalization,
                user_defined_symbols=["\n", *settings.user_symbols],
                remove_extra_whitespaces=False,
                add_dummy_prefix=False,
                max_sentence_length=8 * LONGEST,
                pad_id=PAD,
                unk_id=UNK,
                bos_id=BOS,
                eos_id=EOS,
                num_threads=THREADS,
                minloglevel=2,
            )
        except (RuntimeError, OSError) as error:
            raise TokenizerError(f"sentencepiece cannot train this: {one_line(error)}") from None
        return cls(model.getvalue())

    def _saved(self, directory: Path) -> dict[str, Any]:
        (directory / MODEL_FILE).write_bytes(self._model)
        digest = hashlib.sha256(self._model).hexdigest()
        return {"vocab_size": self.vocab_size, "model": MODEL_FILE, "sha256": digest}

    @classmethod
    def _from_saved(cls, saved: dict[str, Any], directory: Path) -> Self:
        path = directory / MODEL_FILE
        try:
            model = path.read_bytes()
        except OSError as error:
            raise TokenizerError(f"{path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(model).hexdigest() != saved.get("sha256"):
            raise TokenizerError(f"{path} is damaged: its sha256 is not the one in tokenizer.json")
        tokenizer = cls(model)
        if tokenizer.vocab_size != saved.get("vocab_size"):
            raise TokenizerError(
                f"{path} has {tokenizer.vocab_size} pieces, tokenizer.json says {saved.get('vocab_size')}"
            )
        return tokenizer


def split_keeping(text: str) -> list[tuple[str, str]]:
    """The parts of ``text`` between newlines and U+2581, each with the mark that ends it ("" at the end).

    >>> split_keeping("a\\nb")
    [('a', '\\n'), ('b', '')]
    """
    utf8(text)
    parts: list[tuple[str, str]] = []
    for line in text.split("\n"):
        if SPACE in line:
            *blocks, last = line.split(SPACE)
            parts += [(block, SPACE) for block in blocks]
            parts.append((last, "\n"))
        else:
            parts.append((line, "\n"))
    parts[-1] = (parts[-1][0], "")
    return parts


def sample_lines(texts: Iterable[str], size: int, rng: random.Random) -> list[str]:
    """At most ``size`` lines of ``texts``, each with the same chance, shuffled; long lines are cut at a space."""
    sample: list[str] = []
    lines = (
        part for text in texts for line in text.split("\n") if line for part in cut(line, LONGEST)
    )
    for seen, line in enumerate(lines):
        place = rng.randrange(seen + 1)
        if len(sample) < size:
            sample.append(line)
            sample[place], sample[-1] = sample[-1], sample[place]
        elif place < size:
            sample[place] = line
    return sample


def cut(line: str, longest: int) -> Sequence[str]:
    """``line`` in parts of at most ``longest`` characters, cut before a space where there is one.

    >>> cut("one two three", 8)
    ['one two', ' three']
    """
    utf8(line)
    parts = []
    while len(line) > longest:
        end = line.rfind(" ", 1, longest + 1)
        end = end if end > 0 else longest
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]


def one_line(error: Exception) -> str:
    """sentencepiece's message without its source lines."""
    text = " ".join(str(error).split())
    return text.split("] ", 1)[-1] if "] " in text else text
