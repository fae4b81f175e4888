"""Words: raw text split reversibly, or the tokens of a pre-tokenised benchmark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.tokenizers._base import SPECIAL_PIECES, UNK, Tokenizer
from textrnn.tokenizers._counted import choose, read_vocab
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._text import utf8

__all__ = ["WordTokenizer"]

UNKNOWN = "<unk>"
# A word may hold apostrophes; it, or a mark, takes one space before it along: spaces cost nothing.
SPLIT = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")


class WordTokenizer(Tokenizer):
    r"""Each word, mark and white-space character is one id; rare words are UNK, shown as ``<unk>``.

    Raw text: a word or mark takes one space before it along (``" cat"`` and ``"cat"`` are two
    types), so text of known words comes back exactly. Where only ``"cat"`` is known, ``" cat"`` is
    two ids.

    Pre-tokenised text (``pretokenized``, the format of wikitext-2): tokens stand between white
    space, ``<unk>`` is UNK, and each newline is one token. The stated normalisation is one space
    before each token and each newline; those files are written so, and come back byte for byte.

    Args:
        vocab: the types, in the order of their ids from 4 on.
        lowercase: fold case before encoding, a stated normalisation; off unless asked for.
        pretokenized: the text is one of those benchmarks.

    >>> tokenizer = WordTokenizer.train(["the cat, the dog"], TokenizerSettings(kind="word"))
    >>> tokenizer.pieces(tokenizer.encode("the dog\n"))
    ['the', ' dog', '\n']
    >>> tokenizer.decode(tokenizer.encode("the cow"))
    'the <unk>'
    """

    kind: ClassVar[str] = "word"
    settings_used: ClassVar[frozenset[str]] = frozenset(
        {"vocab_size", "min_frequency", "lowercase", "pretokenized"}
    )

    def __init__(
        self, vocab: Iterable[str], *, lowercase: bool = False, pretokenized: bool = False
    ) -> None:
        self._vocab = list(vocab)
        self._lowercase = lowercase
        self._pretokenized = pretokenized
        space = " " if pretokenized else ""
        contents = [utf8(space + type_) for type_ in self._vocab]
        super().__init__(self._vocab, contents, unknown=space + UNKNOWN)
        self._id_of_type = {type_: id for id, type_ in enumerate(self._vocab, len(SPECIAL_PIECES))}

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        utf8(text)
        if self._lowercase:
            text = text.lower()
        return self._encode_tokens(text) if self._pretokenized else self._encode_raw(text)

    def _encode_tokens(self, text: str) -> list[int]:
        known, newline = self._id_of_type, self._id_of_type["\n"]
        ids: list[int] = []
        for line in text.split("\n"):
            ids += [known.get(token, UNK) for token in line.split()]
            ids.append(newline)
        return ids[:-1]

    def _encode_raw(self, text: str) -> list[int]:
        known = self._id_of_type
        ids: list[int] = []
        for token in SPLIT.findall(text):
            if token in known:
                ids.append(known[token])
            elif token[0] == " ":
                ids += (known[" "], known.get(token[1:], UNK))
            else:
                ids.append(UNK)
        return ids

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """The frequent words of ``texts``, and the newline; see :meth:`Tokenizer.train`."""
        cls.refuse_unused(settings.given())
        counts: Counter[str] = Counter()
        for text in texts:
            utf8(text)
            folded = text.lower() if settings.lowercase else text
            counts.update(folded.split() if settings.pretokenized else SPLIT.findall(folded))
        if settings.pretokenized:
            del counts[UNKNOWN]
        return cls(
            choose(counts, settings, always=always(settings.pretokenized)),
            lowercase=settings.lowercase,
            pretokenized=settings.pretokenized,
        )

    def _saved(self) -> dict[str, Any]:
        flags = {"lowercase": self._lowercase, "pretokenized": self._pretokenized}
        return {**flags, "vocab": self._vocab}

    @classmethod
    def _from_saved(cls, saved: Mapping[str, Any], directory: Path) -> Self:
        needed = always(saved.get("pretokenized") is True)
        vocab = read_vocab(saved, directory, always=needed, flags=("lowercase", "pretokenized"))
        return cls(vocab, lowercase=saved["lowercase"], pretokenized=saved["pretokenized"])


def always(pretokenized: bool) -> tuple[str, ...]:
    """The types that every vocabulary has."""
    return ("\n",) if pretokenized else ("\n", " ")
