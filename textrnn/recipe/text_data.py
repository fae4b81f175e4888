"""A user's text to fine-tune a language model on, and the one that it was validated on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textrnn.config import DataSettings, read_yaml
from textrnn.data import LocalText, open_source
from textrnn.data.records import is_table
from textrnn.data.sources import end_lines
from textrnn.errors import DataError, TextRNNError
from textrnn.model_folder import ModelFolder
from textrnn.recipe.kept import write_records, write_text
from textrnn.recipe.run_folder import RECIPE
from textrnn.recipe.tasks._base import Asked, HeldOut
from textrnn.recipe.text_scores import documents_for, find_text

__all__ = ["hold_out_text", "old_text"]

HELD_OUT = 0.1
"""Of the lines of a user's text."""

Texts = list[list[str]]
"""Documents, each as its lines."""


def hold_out_text(folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
    """A user's text in two files, its last tenth by lines in the second, documents kept apart.

    The documents of tables and of several files become rows of a table; other text stays text.

    Raises:
        DataError: it cannot be read, or has fewer than 2 lines.
    """
    source = find_text(asked)
    kind = documents_for(folder, source)
    texts = [list(document) for document in source.documents(kind)]
    lines = sum(map(len, texts))
    if lines < 2:
        raise DataError(
            f"{source.name} has fewer than 2 lines: a tenth of them is held out, so give more"
        )
    as_rows = kind in ("file", "row") and len(texts) > 1
    ending, documents = (".jsonl", kind) if as_rows else (".txt", kind.replace("row", "file"))
    paths = {name: place / f"{name}{ending}" for name in ("train", "valid")}
    kept = lines - max(1, round(lines * HELD_OUT))
    for path, part in zip(paths.values(), _cut(texts, kept), strict=True):
        if as_rows:
            write_records(path, ({"text": "".join(document)} for document in part))
        else:
            write_text(path, "".join(_lines(part, parted=kind == "blank_line")))
    settings = {
        "data.path": None,
        "data.train": str(paths["train"]),
        "data.valid": str(paths["valid"]),
        "data.documents": documents,  # as before, else the scores are of different tokens
    }
    return HeldOut(settings, Asked(paths["valid"]))


def old_text(folder: ModelFolder) -> Asked | None:
    """The validation text of the model's own recipe, where it lies on this machine."""
    recipe = folder.path / RECIPE
    if not recipe.exists():
        return None
    try:
        source = open_source(DataSettings(**read_yaml(recipe)["data"]), "valid")
    except (TextRNNError, KeyError, ValueError):
        return None
    if not isinstance(source, LocalText) or len(source.paths) != 1:
        return None
    (path,) = source.paths
    return Asked(path, column=source.column if is_table(path) else None)


def _cut(texts: Texts, kept: int) -> tuple[Texts, Texts]:
    """The documents of the first so many lines, and those of the rest; one may be cut in two."""
    first: Texts = []
    rest: Texts = []
    for text in texts:
        parts = text[: max(0, kept)], text[max(0, kept) :]
        for part, side in zip(parts, (first, rest), strict=True):
            if part:
                side.append(part)
        kept -= len(text)
    return first, rest


def _lines(texts: Texts, *, parted: bool) -> Iterator[str]:
    """All lines, a blank one between documents where that is what parts them."""
    last = "\n"
    for text in texts:
        if parted and not last.isspace():
            yield "\n"
        yield from end_lines(text)
        last = text[-1]
