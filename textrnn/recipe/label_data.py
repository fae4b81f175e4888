"""A user's labelled texts to fine-tune a classifier on, and those that it was validated on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from textrnn.config import LabelledDataSettings, read_yaml, validate
from textrnn.data import LabelledSource, Labels, open_labelled
from textrnn.data.holding_out import held_out
from textrnn.data.labels import named_labels
from textrnn.errors import DataError, TextRNNError
from textrnn.model_folder import ModelFolder
from textrnn.recipe.kept import write_records
from textrnn.recipe.label_scores import find_labelled, folder_labels
from textrnn.recipe.label_sets import Split
from textrnn.recipe.run_folder import RECIPE
from textrnn.recipe.tasks._base import Asked, HeldOut
from textrnn.tokenizers import fold_markup

__all__ = ["hold_out_labelled", "old_labelled"]

HELD_OUT = 0.1
LEAST = 6
"""Texts of which a tenth, rounded, is one."""

Record = dict[str, Any]


def hold_out_labelled(folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
    """A user's texts in two files, a tenth of each label's held out, none of it learnt from.

    Raises:
        DataError: they cannot be read, are too few, or have labels that the model has not.
    """
    head, labels = folder.network["head"], folder_labels(folder, asked)
    source = find_labelled(folder, asked)
    advice = (
        f"; for labels of your own: textrnn train sentiment_finetune init_from={folder.path} "
        "data.train=FILE data.held_out=0.1 --output DIR"
    )
    kept, held = _divided(source, labels, HELD_OUT, advice)
    if not held:
        raise DataError(
            f"{source.name} has {len(kept)} texts: a tenth of each label's is held out, so "
            f"give at least {LEAST} different ones of one label"
        )
    write_records(place / "train.jsonl", kept)
    write_records(place / "valid.jsonl", held)
    settings = {
        "data.train": str(place / "train.jsonl"),
        "data.valid": str(place / "valid.jsonl"),
        "data.label_names": list(labels.names),
        "data.separator": labels.separator,
        "head.multi_label": labels.several,
        "head.ngrams": head.get("ngrams", 0),
    }
    if head.get("ngrams"):
        settings["head.ngram_buckets"] = head["ngram_buckets"]
    return HeldOut(settings, Asked(place / "valid.jsonl"))


def old_labelled(folder: ModelFolder, place: Path) -> Asked | None:
    """The validation texts of the model's own recipe, where they are one file here.

    A share of its training texts that was held out is written to ``place``.
    """
    recipe = folder.path / RECIPE
    try:
        data = validate(LabelledDataSettings, read_yaml(recipe)["data"], str(recipe))
        split: Split = "valid" if data.held_out is None else "train"
        found = open_labelled(data, split, named_labels(data))
        if found is not None and data.held_out is not None:
            _, held = _divided(found, folder_labels(folder, Asked("")), data.held_out)
            write_records(place / "valid.jsonl", held)
            return Asked(place / "valid.jsonl") if held else None
    except (TextRNNError, KeyError):
        return None
    path = getattr(found.parts[0], "path", None) if found and len(found.parts) == 1 else None
    if not isinstance(path, Path) or len(data.texts()) > 1:
        return None
    return Asked(path, column=data.texts()[0], label=data.label)


def _divided(
    source: LabelledSource, labels: Labels, share: float, advice: str = ""
) -> tuple[list[Record], list[Record]]:
    """The texts without a share that is held out, and that share: a run's own division."""
    records: list[Record] = []
    firsts: list[int] = []
    numbers: dict[str, int] = {}
    texts: list[int] = []
    for row in source.rows():
        text = fold_markup(row.text)
        if not text:
            continue
        try:
            found = labels.of(row)
        except DataError as error:
            raise DataError(f"{error}{advice}") from error
        names = [labels.names[number] for number in found]
        records.append({"text": text, "label": names if labels.several else names[0]})
        firsts.append(min(found, default=0))
        texts.append(numbers.setdefault(text, len(numbers)))
    held = held_out(texts, firsts, share)
    kept, out = ([records[row] for row in np.flatnonzero(some)] for some in (~held, held))
    return kept, out
