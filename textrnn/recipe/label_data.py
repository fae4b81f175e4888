"""A user's labelled texts to fine-tune a classifier on, and those that it was validated on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from textrnn.config import LabelledDataSettings, read_yaml, validate
from textrnn.data import open_labelled
from textrnn.data.holding_out import held_out
from textrnn.data.labels import named_labels
from textrnn.errors import DataError, TextRNNError
from textrnn.model_folder import ModelFolder
from textrnn.recipe.kept import write_text
from textrnn.recipe.label_scores import find_labelled, folder_labels
from textrnn.recipe.run_folder import RECIPE
from textrnn.recipe.tasks._base import Asked, HeldOut
from textrnn.tokenizers import fold_markup

__all__ = ["hold_out_labelled", "old_labelled"]

HELD_OUT = 0.1
LEAST = 6
"""Texts of which a tenth, rounded, is one."""


def hold_out_labelled(folder: ModelFolder, asked: Asked, place: Path) -> HeldOut:
    """A user's texts in two files, a tenth of each label's held out, none of it learnt from.

    Raises:
        DataError: they cannot be read, are too few, or have labels that the model has not.
    """
    head, labels = folder.network["head"], folder_labels(folder, asked)
    source = find_labelled(folder, asked)
    records: list[dict[str, Any]] = []
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
            raise DataError(
                f"{error}; for labels of your own: textrnn train sentiment_finetune "
                f"init_from={folder.path} data.train=FILE data.held_out=0.1 --output DIR"
            ) from error
        names = [labels.names[number] for number in found]
        records.append({"text": text, "label": names if labels.several else names[0]})
        firsts.append(found[0] if found else -1)
        texts.append(numbers.setdefault(text, len(numbers)))
    held = held_out(texts, firsts, HELD_OUT).tolist()
    if not any(held):
        raise DataError(
            f"{source.name} has {len(records)} texts: a tenth of each label's is held out, so "
            f"give at least {LEAST} different ones of one label"
        )
    for name, part in (("train", False), ("valid", True)):
        some = (record for record, is_held in zip(records, held, strict=True) if is_held is part)
        write_text(place / f"{name}.jsonl", _lines(some))
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


def old_labelled(folder: ModelFolder) -> Asked | None:
    """The validation texts of the model's own recipe, where they are one file here."""
    recipe = folder.path / RECIPE
    try:
        data = validate(LabelledDataSettings, read_yaml(recipe)["data"], str(recipe))
        found = open_labelled(data, "valid", named_labels(data))
    except (TextRNNError, KeyError):
        return None
    path = getattr(found.parts[0], "path", None) if found and len(found.parts) == 1 else None
    if not isinstance(path, Path) or len(data.texts()) > 1:
        return None
    return Asked(path, column=data.texts()[0], label=data.label)


def _lines(records: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
