"""Characters: one id for each that the training text has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.errors import TokenizerError
from textrnn.tokenizers._base import SPECIAL_PIECES, UNK, Tokenizer, utf8
from textrnn.tokenizers._counted import choose, read_vocab
from textrnn.tokenizers._settings import TokenizerSettings

__all__ = ["CharTokenizer"]

FIRST = len(SPECIAL_PIECES)


class CharTokenizer(Tokenizer):
    """Each character is one id; a character that training did not see is UNK, which decodes to U+FFFD.

    Args:
        vocab: the characters, in the order of their ids from 4 on.
        lowercase: fold case before encoding; the stated normalisation of this kind, off unless asked for.

    >>> tokenizer = CharTokenizer.train(["to be"], TokenizerSettings(kind="char"))
    >>> tokenizer.pieces(tokenizer.encode("to bet?"))
    ['t', 'o', ' ', 'b', 'e', 't', '<unk>']
    """

    kind: ClassVar[str] = "char"
    settings_used: ClassVar[frozenset[str]] = frozenset(
        {"vocab_size", "min_frequency", "lowercase"}
    )

    def __init__(self, vocab: Iterable[str], *, lowercase: bool = False) -> None:
        self._vocab = list(vocab)
        self._lowercase = lowercase
        unknown = "\N{REPLACEMENT CHARACTER}".encode()
        contents = [b"", unknown, b"", b"", *map(str.encode, self._vocab)]
        super().__init__([*SPECIAL_PIECES, *self._vocab], contents)
        self._id_of_char = {char: id for id, char in enumerate(self._vocab, FIRST)}

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        if self._lowercase:
            text = text.lower()
        try:
            return list(map(self._id_of_char.__getitem__, text))
        except KeyError:
            utf8(text)
            return [self._id_of_char.get(char, UNK) for char in text]

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """The characters of ``texts``, and the newline; see :meth:`Tokenizer.train`."""
        settings.refuse_unused(cls.settings_used)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text.lower() if settings.lowercase else text)
        utf8("".join(counts))
        return cls(sorted(choose(counts, settings, always=("\n",))), lowercase=settings.lowercase)

    def _saved(self, directory: Path) -> dict[str, Any]:
        return {"lowercase": self._lowercase, "vocab": self._vocab}

    @classmethod
    def _from_saved(cls, saved: dict[str, Any], directory: Path) -> Self:
        vocab = read_vocab(saved, directory, flags=("lowercase",))
        if any(len(char) != 1 for char in vocab):
            raise TokenizerError(
                f"{directory / 'tokenizer.json'} is damaged: vocab holds more than single characters"
            )
        return cls(vocab, lowercase=saved["lowercase"])
