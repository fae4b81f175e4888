"""Text to ids and back. An open folder: a file is a kind of tokenizer.

>>> FAMILY.names()
('byte', 'char', 'sentencepiece', 'word')
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textrnn.errors import TokenizerError, UnknownNameError
from textrnn.registry import Family
from textrnn.tokenizers._base import BOS, EOS, PAD, UNK, StreamDecoder, Tokenizer
from textrnn.tokenizers._familiar import Familiarity
from textrnn.tokenizers._ngrams import distinct_ngrams, ngrams
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._stored import SETTINGS_FILE, read_saved, vocab_names, vocab_path
from textrnn.tokenizers._text import decoded_lines, fold_markup, fold_spaces, read_lines

__all__ = [
    "BOS",
    "EOS",
    "FAMILY",
    "PAD",
    "UNK",
    "Familiarity",
    "StreamDecoder",
    "Tokenizer",
    "TokenizerSettings",
    "decoded_lines",
    "distinct_ngrams",
    "fold_markup",
    "fold_spaces",
    "load_tokenizer",
    "ngrams",
    "read_lines",
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
    try:
        return FAMILY.get(kind).load(directory)
    except UnknownNameError as error:
        raise TokenizerError(f"{directory / SETTINGS_FILE}: {error}") from None


def train_tokenizer(files: Sequence[Path], settings: TokenizerSettings) -> Tokenizer:
    """A tokenizer trained on UTF-8 text files (``.gz`` too).

    Raises:
        UnknownNameError: no such kind.
        UsageError: a setting that does not apply to the kind.
        DataError: a file that cannot be read.
        TokenizerError: the text does not suffice.
    """
    return FAMILY.get(settings.kind).train(read_lines(files), settings)
