"""Vocabularies that are counted: the words or the characters of a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textrnn.errors import TokenizerError
from textrnn.tokenizers._base import SPECIAL_PIECES
from textrnn.tokenizers._settings import TokenizerSettings
from textrnn.tokenizers._stored import SETTINGS_FILE

__all__ = ["choose", "read_vocab"]


def choose(
    counts: Mapping[str, int], settings: TokenizerSettings, *, always: tuple[str, ...]
) -> list[str]:
    r"""The types that get an id: ``always`` first, then by falling count, ties by code point.

    Raises:
        TokenizerError: nothing was counted.

    >>> settings = TokenizerSettings(kind="char", vocab_size=7)
    >>> choose({"a": 1, "b": 3, "c": 1}, settings, always=("\n",))
    ['\n', 'b', 'a']
    """
    if not counts:
        raise TokenizerError("the training text is empty: give some text to learn from")
    frequent = {type_: n for type_, n in counts.items() if n >= settings.min_frequency}
    ordered = sorted(frequent.keys() - set(always), key=lambda type_: (-counts[type_], type_))
    if settings.vocab_size is not None:
        del ordered[max(0, settings.vocab_size - len(SPECIAL_PIECES) - len(always)) :]
    return [*always, *ordered]


def read_vocab(
    saved: Mapping[str, Any], directory: Path, *, always: tuple[str, ...], flags: tuple[str, ...]
) -> list[str]:
    """The ``vocab`` of a tokenizer.json.

    Args:
        saved: the contents of tokenizer.json.
        directory: where it is.
        always: the types that it must have.
        flags: the settings that must be true or false.

    Raises:
        TokenizerError: one of these is missing or damaged.
    """
    path, vocab = directory / SETTINGS_FILE, saved.get("vocab")
    for flag in flags:
        if not isinstance(saved.get(flag), bool):
            raise TokenizerError(f"{path} is damaged: {flag} is not true or false")
    if not isinstance(vocab, list) or not all(isinstance(type_, str) and type_ for type_ in vocab):
        raise TokenizerError(f"{path} is damaged: vocab is not a list of texts")
    if len(set(vocab)) != len(vocab):
        raise TokenizerError(f"{path} is damaged: vocab has a text twice")
    if any("\ud800" <= char <= "\udfff" for char in "".join(vocab)):
        raise TokenizerError(f"{path} is damaged: vocab has a lone surrogate")
    for type_ in always:
        if type_ not in vocab:
            raise TokenizerError(f"{path} is damaged: vocab lacks {type_!r}")
    return vocab
