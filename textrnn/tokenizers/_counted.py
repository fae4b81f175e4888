"""Vocabularies that are counted: the words or the characters of a text, the frequent ones first in line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textrnn.errors import TokenizerError
from textrnn.tokenizers._base import SPECIAL_PIECES
from textrnn.tokenizers._settings import TokenizerSettings

__all__ = ["choose", "read_vocab"]


def choose(
    counts: Mapping[str, int], settings: TokenizerSettings, *, always: tuple[str, ...]
) -> list[str]:
    """The types that get an id: ``always`` first, then by falling count, ties by code point.

    Raises:
        TokenizerError: nothing was counted.

    >>> choose({"a": 1, "b": 3, "c": 1}, TokenizerSettings(kind="char", vocab_size=7), always=("\\n",))
    ['\\n', 'b', 'a']
    """
    if not counts:
        raise TokenizerError("the training text is empty: a tokenizer needs some text to count")
    frequent = (type_ for type_, count in counts.items() if count >= settings.min_frequency)
    ordered = sorted(
        (type_ for type_ in frequent if type_ not in always),
        key=lambda type_: (-counts[type_], type_),
    )
    vocab = [*always, *ordered]
    if settings.vocab_size is not None:
        del vocab[max(settings.vocab_size - len(SPECIAL_PIECES), len(always)) :]
    return vocab


def read_vocab(saved: Mapping[str, Any], directory: Path, *, flags: tuple[str, ...]) -> list[str]:
    """The ``vocab`` of a tokenizer.json, every entry checked, and that each of ``flags`` is true or false.

    Raises:
        TokenizerError: it is missing or damaged.
    """
    vocab = saved.get("vocab")
    path = directory / "tokenizer.json"
    if not isinstance(vocab, list) or not all(isinstance(type_, str) and type_ for type_ in vocab):
        raise TokenizerError(f"{path} is damaged: vocab is not a list of texts")
    if len(set(vocab)) != len(vocab):
        raise TokenizerError(f"{path} is damaged: vocab holds an entry twice")
    if any("\ud800" <= char <= "\udfff" for char in "".join(vocab)):
        raise TokenizerError(f"{path} is damaged: vocab holds a lone surrogate")
    for flag in flags:
        if not isinstance(saved.get(flag), bool):
            raise TokenizerError(f"{path} is damaged: {flag} is not true or false")
    return vocab
