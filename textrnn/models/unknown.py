"""What of a text a vocabulary lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from textrnn.tokenizers import UNK, Tokenizer

__all__ = ["unknown_pieces"]

_PARTS = (r"\s?\S+", r"\s?\w+|\s?[^\w\s]", ".")  # words, words without marks, characters


def unknown_pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    """The parts of a text that the vocabulary lacks, each once, in order.

    A model reads UNK in their place. They are words where the tokenizer takes words whole, else
    characters.
    """
    if UNK not in tokenizer.encode(text):
        return []
    return list(dict.fromkeys(_unknown(tokenizer, text, _PARTS)))


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
