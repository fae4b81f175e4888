"""Characters: one id for each that the training text has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.errors import TokenizerError
from textrnn.tokenizers._base import SPECIAL_PIECES, UNK, Tokenizer
from textrnn.tokenizers._counted import choose, read_vocab
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._text import utf8

__all__ = ["CharTokenizer"]

ALWAYS = ("\n",)


class CharTokenizer(Tokenizer):
    """Each character is one id; one that training did not see is UNK, which decodes to U+FFFD.

    Args:
        vocab: the characters, in the order of their ids from 4 on.
        lowercase: fold case before encoding, a stated normalisation; off unless asked for.

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
        super().__init__(
            self._vocab, [utf8(char) for char in self._vocab], unknown="\N{REPLACEMENT CHARACTER}"
        )
        self._id_of_char = {char: id for id, char in enumerate(self._vocab, len(SPECIAL_PIECES))}

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        if self._lowercase:
            text = text.lower()
        try:
            return [self._id_of_char[char] for char in text]
        except KeyError:
            utf8(text)
            return [self._id_of_char.get(char, UNK) for char in text]

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """The characters of ``texts``, and the newline; see :meth:`Tokenizer.train`."""
        cls.refuse_unused(settings.given())
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text.lower() if settings.lowercase else text)
        utf8("".join(counts))
        return cls(sorted(choose(counts, settings, always=ALWAYS)), lowercase=settings.lowercase)

    def _saved(self) -> dict[str, Any]:
        return {"lowercase": self._lowercase, "vocab": self._vocab}

    @classmethod
    def _from_saved(cls, saved: Mapping[str, Any], directory: Path) -> Self:
        vocab = read_vocab(saved, directory, always=ALWAYS, flags=("lowercase",))
        if any(len(char) != 1 for char in vocab):
            raise TokenizerError(
                f"{directory / 'tokenizer.json'} is damaged: vocab has a whole word"
            )
        return cls(vocab, lowercase=saved["lowercase"])
