"""The contract of every tokenizer: text to ids and back, exactly.

Each id stands for a fixed run of bytes, whatever stands before or after it. So decoding is joining
bytes, a stream of ids decodes to the same text as the whole, and ids may be cut and joined at will.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.errors import TokenizerError, UsageError
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._stored import read_saved, write_saved

__all__ = ["BOS", "EOS", "PAD", "SPECIAL_PIECES", "UNK", "StreamDecoder", "Tokenizer"]

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL_PIECES = ("<pad>", "<unk>", "<s>", "</s>")


class StreamDecoder:
    """Decodes ids one at a time and gives out whole characters only.

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
        return self._decoder.decode(self._tokenizer.content_of(id))

    def flush(self) -> str:
        """What is left, U+FFFD for a character never completed; then the stream starts anew."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest


class Tokenizer(ABC):
    """Text to ids and back: ``decode(encode(text)) == text``, a stated normalisation aside.

    Ids 0 to 3 are PAD, UNK, BOS and EOS in every tokenizer. ``encode`` never adds them; UNK stands
    only for what the vocabulary lacks.

    Args:
        pieces: a readable piece for each id from 4 on, ``(V - 4,)``.
        contents: the UTF-8 bytes that each of these ids stands for, ``(V - 4,)``.
        unknown: the text that UNK decodes to; PAD, BOS and EOS decode to nothing.
    """

    kind: ClassVar[str]
    #: The fields of :class:`TokenizerSettings` that this kind uses.
    settings_used: ClassVar[frozenset[str]]
    #: False where there is nothing to be learnt from a text.
    needs_text: ClassVar[bool] = True
    #: ``encode(a + b) == encode(a) + encode(b)`` wherever ``a`` ends with a newline.
    splits_at_newline: bool = True

    def __init__(self, pieces: Sequence[str], contents: Sequence[bytes], *, unknown: str) -> None:
        self._pieces = (*SPECIAL_PIECES, *pieces)
        self._contents = (b"", unknown.encode(), b"", b"", *contents)
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
        """The ids of each text, in order."""
        return map(self.encode, lines)

    def encode_sampled(self, text: str, *, alpha: float, seed: int) -> list[int]:
        """The ids of one segmentation of ``text``, drawn at random (Kudo 2018, section 3).

        Args:
            text: what to encode.
            alpha: 0 to 1; unigram: the smoothing, nearer to 0 is more random; BPE: the share of
                merges left out.
            seed: draws it; the same seed gives the same ids.

        Raises:
            UsageError: this kind has one segmentation only, or alpha is out of range.
        """
        raise UsageError(f"a {self.kind} tokenizer has no subword sampling: sentencepiece has")

    def to_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes that ``ids`` stand for; they need not be valid UTF-8.

        Raises:
            UsageError: an id is outside the vocabulary.
        """
        return b"".join([self._contents[id] for id in self._known(ids)])

    def content_of(self, id: int) -> bytes:
        """The bytes that one id stands for.

        Raises:
            UsageError: it is outside the vocabulary.
        """
        if not 0 <= id < len(self._contents):
            self._known((id,))
        return self._contents[id]

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
        return [self._pieces[id] for id in self._known(ids)]

    def id_of(self, piece: str) -> int | None:
        """The id of a piece, or None where the vocabulary has no such piece."""
        return self._ids.get(piece)

    def _known(self, ids: Iterable[int]) -> list[int]:
        chosen = list(ids)
        if chosen and (min(chosen) < 0 or max(chosen) >= self.vocab_size):
            wrong = next(id for id in chosen if not 0 <= id < self.vocab_size)
            raise UsageError(f"no id {wrong} in this vocabulary: use 0 to {self.vocab_size - 1}")
        return chosen

    def facts(self) -> dict[str, Any]:
        """What it is: kind, vocab_size, and what tokenizer.json says, the vocabulary aside."""
        saved = {name: value for name, value in self._saved().items() if name != "vocab"}
        return {"kind": self.kind, "vocab_size": self.vocab_size, **saved}

    def save(self, directory: Path) -> None:
        """Write ``tokenizer.json``, and what else the kind needs, into ``directory``."""
        write_saved(directory, {"kind": self.kind, **self._saved()}, self._files())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            TokenizerError: a file is missing or damaged, or the folder holds another kind.
        """
        saved = read_saved(directory)
        if saved["kind"] != cls.kind:
            raise TokenizerError(
                f"{directory} holds a tokenizer of kind {saved['kind']!r}, not {cls.kind!r}"
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

    @classmethod
    def refuse_unused(cls, names: Iterable[str]) -> None:
        """Refuse the settings that were given and that this kind does not use.

        Raises:
            UsageError: naming the first of them, and those that apply.
        """
        for name in names:
            if name not in cls.settings_used:
                listed = ", ".join(sorted(cls.settings_used)) or "none"
                raise UsageError(
                    f"{name} does not apply to a {cls.kind} tokenizer (it takes: {listed})"
                )

    @abstractmethod
    def _saved(self) -> dict[str, Any]:
        """What tokenizer.json holds for this kind."""

    def _files(self) -> Mapping[str, bytes]:
        """Other files to be saved, by name."""
        return {}

    @classmethod
    @abstractmethod
    def _from_saved(cls, saved: Mapping[str, Any], directory: Path) -> Self:
        """The reverse of :meth:`_saved`; checks everything it reads."""
