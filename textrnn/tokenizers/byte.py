"""Bytes: 256 ids and the four special ones; needs no training and knows every text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from textrnn.tokenizers._base import SPECIAL_PIECES, Tokenizer
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._text import utf8

__all__ = ["ByteTokenizer"]

FIRST = len(SPECIAL_PIECES)


class ByteTokenizer(Tokenizer):
    """Each byte of the UTF-8 text is one id, ``4 + byte``; nothing is unknown.

    >>> ByteTokenizer().encode("aé")
    [101, 199, 173]
    >>> ByteTokenizer().decode([101, 199, 173])
    'aé'
    """

    kind: ClassVar[str] = "byte"
    settings_used: ClassVar[frozenset[str]] = frozenset()
    needs_text: ClassVar[bool] = False

    def __init__(self) -> None:
        pieces = [chr(byte) if 0x20 < byte < 0x7F else f"<0x{byte:02X}>" for byte in range(256)]
        contents = [bytes([byte]) for byte in range(256)]
        super().__init__(pieces, contents, unknown="\N{REPLACEMENT CHARACTER}")

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``; see :meth:`Tokenizer.encode`."""
        return [FIRST + byte for byte in utf8(text)]

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> Self:
        """The byte tokenizer, whatever the texts; see :meth:`Tokenizer.train`."""
        cls.refuse_unused(settings.given())
        return cls()

    def _saved(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _from_saved(cls, saved: Mapping[str, Any], directory: Path) -> Self:
        return cls()
