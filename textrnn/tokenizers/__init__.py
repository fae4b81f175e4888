"""Text to ids and back. An open folder: a file is a kind of tokenizer.

>>> FAMILY.names()
('byte', 'char', 'sentencepiece', 'word')
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textrnn.errors import TokenizerError
from textrnn.registry import Family
from textrnn.tokenizers._base import BOS, EOS, PAD, UNK, StreamDecoder, Tokenizer, read_saved
from textrnn.tokenizers._files import read_lines, vocab_names, vocab_path
from textrnn.tokenizers._settings import TokenizerSettings

__all__ = [
    "BOS",
    "EOS",
    "FAMILY",
    "PAD",
    "UNK",
    "StreamDecoder",
    "Tokenizer",
    "TokenizerSettings",
    "load_tokenizer",
    "train_tokenizer",
    "vocab_names",
    "vocab_path",
]

FAMILY: Family[type[Tokenizer]] = Family(__name__, Path(__file__).parent, "tokenizer")


def load_tokenizer(directory: Path) -> Tokenizer:
    """The tokenizer in a folder, of the kind that its tokenizer.json names.

    Raises:
        TokenizerError: a file is missing or damaged.

    >>> load_tokenizer(vocab_path("tinyshakespeare_char")).vocab_size
    69
    """
    kind = read_saved(directory)["kind"]
    if kind not in FAMILY.names():
        known = ", ".join(FAMILY.names())
        raise TokenizerError(
            f"{directory / 'tokenizer.json'} names a tokenizer of kind {kind!r} (known: {known})"
        )
    return FAMILY.get(kind).load(directory)


def train_tokenizer(files: Sequence[Path], settings: TokenizerSettings) -> Tokenizer:
    """A tokenizer trained on UTF-8 text files (``.gz`` too).

    Raises:
        UnknownNameError: no such kind.
        UsageError: a setting that does not apply to the kind.
        DataError: a file that cannot be read.
        TokenizerError: the text does not suffice.
    """
    return FAMILY.get(settings.kind).train(read_lines(files), settings)
