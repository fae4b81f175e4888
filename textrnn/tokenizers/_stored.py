"""Reading and writing tokenizer.json, and finding the tokenizers that ship."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textrnn.errors import TokenizerError, UnknownNameError

__all__ = ["SETTINGS_FILE", "read_saved", "vocab_names", "vocab_path", "write_saved"]

SETTINGS_FILE = "tokenizer.json"
FORMAT_VERSION = 1
PACKAGE = Path(__file__).parent.parent
#: In a checkout the folder beside the package; in an installed package the one inside it.
VOCAB_FOLDERS = (PACKAGE.parent / "vocab", PACKAGE / "_vocab")


def vocab_names() -> tuple[str, ...]:
    """The names of the tokenizers that ship, sorted."""
    found = (path for folder in VOCAB_FOLDERS for path in folder.glob(f"*/{SETTINGS_FILE}"))
    return tuple(sorted({path.parent.name for path in found}))


def vocab_path(name: str) -> Path:
    """The folder of a tokenizer that ships.

    Raises:
        UnknownNameError: there is no such tokenizer.

    >>> vocab_path("tinyshakespeare_char").name
    'tinyshakespeare_char'
    """
    if name not in vocab_names():
        raise UnknownNameError("tokenizer in vocab/", name, vocab_names())
    folders = (folder / name for folder in VOCAB_FOLDERS)
    return next(folder for folder in folders if (folder / SETTINGS_FILE).is_file())


def write_saved(directory: Path, saved: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write a tokenizer's files; tokenizer.json comes last, so a kill leaves no half that loads.

    Args:
        directory: made if it is missing.
        saved: what tokenizer.json holds, the format's version aside.
        files: other files by name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format_version": FORMAT_VERSION, **saved}, ensure_ascii=False, indent=1)
    for name, content in {**files, SETTINGS_FILE: f"{text}\n".encode()}.items():
        sibling = directory / f".{name}.{os.getpid()}.tmp"
        sibling.write_bytes(content)
        os.replace(sibling, directory / name)


def read_saved(directory: Path) -> dict[str, Any]:
    """The contents of ``directory``'s tokenizer.json, checked as far as all kinds agree.

    Raises:
        TokenizerError: it is missing, damaged, or of another format.
    """
    path = directory / SETTINGS_FILE
    try:
        saved = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise TokenizerError(f"no tokenizer in {directory}: {SETTINGS_FILE} is missing") from None
    except OSError as error:
        raise TokenizerError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is damaged: {error}") from None
    if not isinstance(saved, dict) or not isinstance(saved.get("kind"), str):
        raise TokenizerError(f"{path} does not name the kind of a textrnn tokenizer")
    if saved.get("format_version") != FORMAT_VERSION:
        given = saved.get("format_version")
        raise TokenizerError(
            f"{path} has format_version {given!r}: this textrnn reads {FORMAT_VERSION}"
        )
    return saved
