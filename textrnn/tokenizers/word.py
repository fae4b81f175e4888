"""Words: raw text split reversibly, or the tokens of a pre-tokenised benchmark."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.errors import TokenizerError
from textrnn.tokenizers._base import SPECIAL_PIECES, UNK, Tokenizer, utf8
from textrnn.tokenizers._counted import choose, read_vocab
from textrnn.tokenizers._settings import TokenizerSettings

__all__ = ["WordTokenizer"]

FIRST = len(SPECIAL_PIECES)
UNKNOWN = "<unk>"
# A word may hold apostrophes ("don't"); it, or a mark, takes the space before it along, so that spaces cost nothing.
SPLIT = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")


class WordTokenizer(Tokenizer):
    r"""Each word, punctuation mark and white-space character is one id; rare words are UNK, shown as ``<unk>``.

    Raw text: a word or mark takes one space before it along (``" cat"`` and ``"cat"`` are two types), so every text
    of known words comes back exactly. Where only ``"cat"`` is known, ``" cat"`` is the two ids ``" "``, ``"cat"``.

    Pre-tokenised text (``pretokenized``, the format of wikitext-2): tokens stand between white space, ``<unk>`` is
    UNK, and each newline is one token. The stated normalisation: one space before each token and each newline,
    which is how those files are written, so they come back byte for byte.

    Args:
        vocab: the types, in the order of their ids from 4 on.
        lowercase: fold case before encoding, a stated normalisation, off unless asked for.
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
        space = b" " if pretokenized else b""
        contents = [space + type_.encode() for type_ in self._vocab]
        super().__init__(
            [*SPECIAL_PIECES, *self._vocab], [b"", space + UNKNOWN.encode(), b"", b"", *contents]
        )
        self._id_of_type = {type_: id for id, type_ in enumerate(self._vocab, FIRST)}
        self._newline = self._id_of_type["\n"]

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        if self._lowercase:
            text = text.lower()
        utf8(text)
        return self._encode_tokens(text) if self._pretokenized else self._encode_raw(text)

    def _encode_tokens(self, text: str) -> list[int]:
        ids: list[int] = []
        first, *others = text.split("\n")
        get = self._id_of_type.get
        ids.extend([get(token, UNK) for token in first.split()])
        for line in others:
            ids.append(self._newline)
            ids.extend([get(token, UNK) for token in line.split()])
        return ids

    def _encode_raw(self, text: str) -> list[int]:
        tokens = SPLIT.findall(text)
        table = self._id_of_type
        try:
            return list(map(table.__getitem__, tokens))
        except KeyError:
            return [id for token in tokens for id in self._ids_of_token(token)]

    def _ids_of_token(self, token: str) -> tuple[int, ...]:
        table = self._id_of_type
        if token in table:
            return (table[token],)
        if token[0] == " " and len(token) > 1:
            return (table[" "], table.get(token[1:], UNK))
        return (UNK,)

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """The frequent words of ``texts``, the space and the newline; see :meth:`Tokenizer.train`."""
        settings.refuse_unused(cls.settings_used)
        counts: Counter[str] = Counter()
        for text in texts:
            utf8(text)
            folded = text.lower() if settings.lowercase else text
            counts.update(folded.split() if settings.pretokenized else SPLIT.findall(folded))
        if settings.pretokenized:
            del counts[UNKNOWN]
        always = ("\n",) if settings.pretokenized else ("\n", " ")
        vocab = choose(counts, settings, always=always)
        return cls(vocab, lowercase=settings.lowercase, pretokenized=settings.pretokenized)

    def _saved(self, directory: Path) -> dict[str, Any]:
        return {
            "lowercase": self._lowercase,
            "pretokenized": self._pretokenized,
            "vocab": self._vocab,
        }

    @classmethod
    def _from_saved(cls, saved: dict[str, Any], directory: Path) -> Self:
        vocab = read_vocab(saved, directory, flags=("lowercase", "pretokenized"))
        needed = {"\n"} if saved["pretokenized"] else {"\n", " "}
        if not needed <= set(vocab):
            raise TokenizerError(
                f"{directory / 'tokenizer.json'} is damaged: vocab lacks the newline or the space"
            )
        return cls(vocab, lowercase=saved["lowercase"], pretokenized=saved["pretokenized"])
