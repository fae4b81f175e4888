"""The contract of every tokenizer: text to ids and back, exactly.

Each id stands for a fixed run of bytes, whatever stands before or after it. So decoding is joining bytes, a stream
of ids decodes to the same text as the whole, and ids may be cut and joined anywhere.
"""

from __future__ import annotations

import codecs
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.errors import DataError, TokenizerError, UsageError
from textrnn.tokenizers._settings import TokenizerSettings

__all__ = ["BOS", "EOS", "PAD", "SPECIAL_PIECES", "UNK", "StreamDecoder", "Tokenizer"]

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL_PIECES = ("<pad>", "<unk>", "<s>", "</s>")
FORMAT_VERSION = 1
SETTINGS_FILE = "tokenizer.json"


class StreamDecoder:
    """Decodes ids one at a time and gives out only whole characters.

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> stream = ByteTokenizer().stream()
    >>> [stream.push(id) for id in ByteTokenizer().encode("é")], stream.flush()
    (['', 'é'], '')
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id: int) -> str:
        """The text that ``id`` completes, possibly none.

        Raises:
            UsageError: the id is outside the vocabulary.
        """
        return self._decoder.decode(self._tokenizer.to_bytes((id,)))

    def flush(self) -> str:
        """What is left: U+FFFD where a character was never completed; the stream can then start anew."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest


class Tokenizer(ABC):
    """Text to ids and back: ``decode(encode(text)) == text``, the kind's stated normalisation aside.

    Ids 0 to 3 are PAD, UNK, BOS and EOS in every tokenizer. ``encode`` adds none of them, and writes UNK only for
    what the vocabulary lacks.

    Args:
        pieces: a readable piece an id, ``(V,)``.
        contents: the UTF-8 bytes that each id stands for, ``(V,)``; none for PAD, BOS and EOS.
    """

    kind: ClassVar[str]
    #: The fields of :class:`TokenizerSettings` that this kind uses.
    settings_used: ClassVar[frozenset[str]]
    #: ``encode(a + b) == encode(a) + encode(b)`` wherever ``a`` ends with a newline.
    splits_at_newline: bool = True

    def __init__(self, pieces: Sequence[str], contents: Sequence[bytes]) -> None:
        self._pieces = tuple(pieces)
        self._contents = tuple(contents)
        self._ids = {piece: id for id, piece in reversed(list(enumerate(self._pieces)))}

    @property
    def vocab_size(self) -> int:
        """How many ids there are, V; ids run from 0 to V - 1."""
        return len(self._pieces)

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The ids of ``text``, without BOS and EOS.

        Raises:
            DataError: the text has a lone surrogate, which is not a character.
        """

    def encode_lines(self, lines: Iterable[str]) -> Iterator[list[int]]:
        """The ids of each text, in order, a batch at a time where that is faster."""
        return map(self.encode, lines)

    def encode_sampled(self, text: str, *, alpha: float, seed: int) -> list[int]:
        """The ids of one segmentation of ``text`` drawn at random (Kudo 2018, section 3).

        Args:
            text: what to encode.
            alpha: unigram: the smoothing, nearer to 0 is more random; BPE: the share of merges left out.
            seed: draws it; the same seed gives the same ids.

        Raises:
            UsageError: this kind has one segmentation only, or alpha is out of range.
        """
        raise UsageError(
            f"a {self.kind} tokenizer has no subword sampling: use one of kind sentencepiece"
        )

    def to_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes that ``ids`` stand for; they need not be valid UTF-8.

        Raises:
            UsageError: an id is outside the vocabulary.
        """
        chosen = list(ids)
        if chosen and not (min(chosen) >= 0 and max(chosen) < len(self._contents)):
            wrong = next(id for id in chosen if not 0 <= id < len(self._contents))
            raise UsageError(
                f"id {wrong} is outside the vocabulary: use 0 to {self.vocab_size - 1}"
            )
        return b"".join(map(self._contents.__getitem__, chosen))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``: special ids give nothing, bytes that are not UTF-8 give U+FFFD.

        Raises:
            UsageError: an id is outside the vocabulary.
        """
        return self.to_bytes(ids).decode("utf-8", errors="replace")

    def stream(self) -> StreamDecoder:
        """A decoder that takes one id at a time."""
        return StreamDecoder(self)

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """One readable piece an id.

        Raises:
            UsageError: an id is outside the vocabulary.
        """
        chosen = list(ids)
        self.to_bytes(chosen)
        return [self._pieces[id] for id in chosen]

    def id_of(self, piece: str) -> int | None:
        """The id of a piece, or None where the vocabulary has no such piece."""
        return self._ids.get(piece)

    def save(self, directory: Path) -> None:
        """Write ``tokenizer.json``, and what else the kind needs, into ``directory``, made if it is missing."""
        directory.mkdir(parents=True, exist_ok=True)
        saved = {"format_version": FORMAT_VERSION, "kind": self.kind, **self._saved(directory)}
        text = json.dumps(saved, ensure_ascii=False, indent=1) + "\n"
        (directory / SETTINGS_FILE).write_bytes(text.encode())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            TokenizerError: a file is missing or damaged, or the folder holds another kind.
        """
        saved = read_saved(directory)
        if saved["kind"] != cls.kind:
            raise TokenizerError(
                f"{directory} holds a {saved['kind']} tokenizer, not a {cls.kind} one: use load_tokenizer"
            )
        return cls._from_saved(saved, directory)

    @classmethod
    @abstractmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """A tokenizer made from ``texts`` (lines, paragraphs or documents).

        Raises:
            UsageError: a setting that does not apply to this kind.
            TokenizerError: the texts do not suffice for what was asked.
        """

    @abstractmethod
    def _saved(self, directory: Path) -> dict[str, Any]:
        """What tokenizer.json holds for this kind; may write other files into ``directory``."""

    @classmethod
    @abstractmethod
    def _from_saved(cls, saved: dict[str, Any], directory: Path) -> Self:
        """The reverse of :meth:`_saved`; checks everything it reads."""


def read_saved(directory: Path) -> dict[str, Any]:
    """The contents of ``directory``'s tokenizer.json, checked as far as all kinds agree.

    Raises:
        TokenizerError: it is missing, damaged, or written by a later version.
    """
    path = directory / SETTINGS_FILE
    try:
        saved = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise TokenizerError(f"no tokenizer in {directory}: {SETTINGS_FILE} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(saved, dict) or not isinstance(saved.get("kind"), str):
        raise TokenizerError(f"{path} is damaged: it does not say which kind of tokenizer it is")
    if saved.get("format_version") != FORMAT_VERSION:
        given = saved.get("format_version")
        raise TokenizerError(
            f"{path} has format_version {given!r}, this textrnn reads {FORMAT_VERSION}"
        )
    return saved


def utf8(text: str) -> bytes:
    """``text`` in UTF-8.

    Raises:
        DataError: a lone surrogate, which UTF-8 does not have.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise DataError(
            f"character {error.start + 1} of the text is a lone surrogate, U+{code:04X}"
        ) from None
