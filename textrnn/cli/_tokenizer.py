"""What the tokenizer commands do: train and save, find, encode, decode, measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textrnn.cli._io import read_texts
from textrnn.errors import TokenizerError, UnknownNameError, UsageError
from textrnn.tokenizers import (
    FAMILY,
    UNK,
    Tokenizer,
    TokenizerSettings,
    load_tokenizer,
    read_lines,
    vocab_names,
    vocab_path,
)

__all__ = [
    "STDIN",
    "encoded",
    "measured",
    "open_tokenizer",
    "parse_ids",
    "readable",
    "train_folder",
]

STDIN = Path("-")


def train_folder(
    kind: str, given: Mapping[str, Any], files: Sequence[Path], output: Path
) -> Tokenizer:
    """Train a tokenizer and write its folder.

    Args:
        kind: a registered kind.
        given: the settings that were given, by their names in ``TokenizerSettings``.
        files: text to train on; none, or ``-``, is stdin.
        output: the folder; a textrnn tokenizer that is there is replaced.

    Raises:
        UnknownNameError: no such kind.
        UsageError: a setting does not apply, or the folder holds something else.
        DataError: a file cannot be read.
        TokenizerError: the text does not suffice.
    """
    family = FAMILY.get(kind)
    family.refuse_unused(given)
    if files and not family.needs_text:
        raise UsageError(f"--input does not apply: a {kind} tokenizer is not trained on text")
    settings = TokenizerSettings(kind=kind, **given)
    if (output / "config.json").exists():
        raise UsageError(f"--output {output} is a model folder, which a new tokenizer would break")
    if (output / "tokenizer.json").exists():
        try:
            load_tokenizer(output)
        except TokenizerError as error:
            raise UsageError(f"--output {output} is not replaced: {error}") from None
    trained = family.train(training_lines(files), settings)
    trained.save(output)
    return trained


def training_lines(files: Sequence[Path]) -> Iterator[str]:
    """The lines to train on; stdin is looked at only when the first one is asked for."""
    if files and STDIN not in files:
        yield from read_lines(files)
    elif len(files) > 1:
        raise UsageError("--input - is stdin: give it alone, or files only")
    else:
        yield from read_texts([], files[0] if files else None)


def open_tokenizer(name: str) -> Tokenizer:
    """A tokenizer by a name in vocab/, its folder, or the model that it belongs to.

    Raises:
        UnknownNameError: there is nothing of that name.
        TokenizerError: the folder holds none, or a damaged one.
        ModelFolderError: the model is damaged.
    """
    path = vocab_path(name) if name in vocab_names() else Path(name)
    if (path / "tokenizer.json").exists() and not (path / "config.json").exists():
        return load_tokenizer(path)
    from textrnn.model_folder import find_model, open_model_folder, shipped_models

    try:
        folder = find_model(name)
    except UnknownNameError:
        known = {*vocab_names(), *shipped_models()}
        raise UnknownNameError("tokenizer or model", name, known) from None
    if (folder / "config.json").exists():
        return open_model_folder(folder).tokenizer()
    return load_tokenizer(folder)


def encoded(
    tokenizer: Tokenizer, texts: Iterable[str], sampling: tuple[float, int] | None
) -> Iterator[tuple[str, list[int]]]:
    """Each text with its ids.

    Args:
        tokenizer: what encodes.
        texts: one at a time, so that a pipe is answered line by line.
        sampling: alpha and seed of a random segmentation, the seed counting up from text to text.
    """
    for number, text in enumerate(texts):
        if sampling is None:
            yield text, tokenizer.encode(text)
        else:
            alpha, seed = sampling
            yield text, tokenizer.encode_sampled(text, alpha=alpha, seed=seed + number)


def parse_ids(line: str) -> list[int]:
    """Ids written with spaces between them.

    Raises:
        UsageError: one is not a whole number.

    >>> parse_ids("5 6  7")
    [5, 6, 7]
    """
    ids = []
    for word in line.split():
        try:
            ids.append(int(word))
        except ValueError:
            raise UsageError(f"{word!r} is not an id: give whole numbers and spaces") from None
    return ids


def readable(piece: str) -> str:
    r"""A piece without white space of its own.

    >>> readable(" cat"), readable("\n")
    ('▁cat', '\\n')
    """
    spaced = piece.replace(" ", "\N{LOWER ONE EIGHTH BLOCK}")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in spaced)


def measured(tokenizer: Tokenizer, lines: Iterable[str]) -> dict[str, Any]:
    """Bytes, tokens and unknown tokens of a text, and whether it comes back exactly."""
    size = tokens = unknown = 0
    exact = True
    for line in lines:
        ids = tokenizer.encode(line)
        size += len(line.encode())
        tokens += len(ids)
        unknown += ids.count(UNK)
        exact = exact and tokenizer.decode(ids) == line
    return {
        "bytes": size,
        "tokens": tokens,
        "bytes_per_token": size / tokens if tokens else None,
        "unknown": unknown,
        "unknown_rate": unknown / tokens if tokens else None,
        "exact_round_trip": exact,
    }
