"""Finding stored vocabularies and reading training text."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

from textrnn.errors import DataError, UnknownNameError

__all__ = ["read_lines", "vocab_names", "vocab_path"]

PACKAGE = Path(__file__).parent.parent
#: In a checkout the folder beside the package; in an installed package the one inside it.
VOCAB_FOLDERS = (PACKAGE.parent / "vocab", PACKAGE / "_vocab")


def vocab_names() -> tuple[str, ...]:
    """The stored tokenizers' names, sorted."""
    return tuple(
        sorted(
            {
                path.parent.name
                for folder in VOCAB_FOLDERS
                for path in folder.glob("*/tokenizer.json")
            }
        )
    )


def vocab_path(name: str) -> Path:
    """The folder of a stored tokenizer.

    Raises:
        UnknownNameError: there is no such tokenizer.

    >>> vocab_path("tinyshakespeare_char").name
    'tinyshakespeare_char'
    """
    if name in vocab_names():
        return next(
            folder / name
            for folder in VOCAB_FOLDERS
            if (folder / name / "tokenizer.json").is_file()
        )
    raise UnknownNameError("stored tokenizer", name, vocab_names())


def read_lines(files: Sequence[Path]) -> Iterator[str]:
    """The lines of UTF-8 text files, ``.gz`` included, each with its newline; nothing else ends a line.

    Raises:
        DataError: a file is missing, is not UTF-8, or is not what its name says.
    """
    for path in files:
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    yield decode_line(line, path, number)
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"cannot read {path}: {reason}") from None


def decode_line(line: bytes, path: Path, number: int) -> str:
    """One line as text.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise DataError(f"{path}, line {number}: not UTF-8; convert the file first") from None
