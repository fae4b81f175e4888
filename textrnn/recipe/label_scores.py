"""The scores of a classifier's folder on labelled texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textrnn.config import LabelledDataSettings, read_yaml
from textrnn.data import LabelledSource, Labels, open_labelled
from textrnn.data.sources import SPLIT_NAMES
from textrnn.errors import DataError, UsageError
from textrnn.metrics import (
    Comparison,
    accuracy,
    confusion,
    expected_calibration_error,
    macro_f1,
    paired_bootstrap,
    per_class,
    reliability,
)
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.models.classifier import SentimentClassifier
from textrnn.recipe.run_folder import RECIPE
from textrnn.recipe.tasks._base import Asked, Figures
from textrnn.recipe.text_scores import local_or_hub
from textrnn.tokenizers import fold_markup

__all__ = ["compare_on_labels", "find_labelled", "folder_labels", "read_labelled", "score_labels"]

MOST_CLASSES = 30
"""Of which each one's scores are given."""


def score_labels(
    folder: ModelFolder, asked: Asked, source: LabelledSource | None = None
) -> Figures:
    """The scores of a classifier's calibrated probabilities, and what they are made of.

    Args:
        folder: the classifier.
        asked: the data, and what is to run it.
        source: the texts, where they are known already.

    Raises:
        DataError: the data cannot be read, or has a label that the model does not have.
        UsageError: an option that does not apply.
    """
    classifier = _open(folder, asked)
    texts, targets = read_labelled(
        source or find_labelled(folder, asked), folder_labels(folder, asked)
    )
    table = classifier.probabilities(texts)
    names, classes = classifier.labels, len(classifier.labels)
    figures: Figures = {}
    if classifier.several:
        given = (table >= classifier.thresholds).astype(np.int64)
        hits, total = int((targets * given).sum()), int(targets.sum() + given.sum())
        each = per_class(targets, given, classes=classes)
        figures["macro_f1"] = float(np.mean([score.f1 for score in each]))
        figures["micro_f1"] = 2 * hits / total if total else 0.0
        figures["exact"] = float((targets == given).all(axis=1).mean())
    else:
        given = table.argmax(axis=1)
        each = per_class(targets, given, classes=classes)
        figures["accuracy"] = accuracy(targets, given)
        figures["macro_f1"] = macro_f1(targets, given, classes=classes)
        figures["ece"] = expected_calibration_error(targets, table)
        figures["reliability"] = [list(row) for row in reliability(targets, table)]
    figures["texts"] = len(texts)
    if classes <= MOST_CLASSES:
        for name, score in zip(names, each, strict=True):
            figures[f"precision {name}"] = score.precision
            figures[f"recall {name}"] = score.recall
            figures[f"f1 {name}"] = score.f1
            figures[f"texts {name}"] = score.texts
        if not classifier.several:
            counts = confusion(targets, given, classes=classes)
            figures["confusion"] = counts.tolist()
    return figures


def compare_on_labels(
    first: ModelFolder, second: ModelFolder, asked: Asked
) -> dict[str, Comparison]:
    """The share of right answers of two classifiers on the same texts, by paired bootstrap.

    Raises:
        DataError: the data cannot be read.
        UsageError: they have other labels, or an option that does not apply.
    """
    models = [_open(folder, asked) for folder in (first, second)]
    if models[0].labels != models[1].labels:
        raise UsageError("the two models have other labels: there is nothing to compare")
    texts, targets = read_labelled(find_labelled(first, asked), folder_labels(first, asked))
    before, after = (_right(model, texts, targets) for model in models)
    return {"accuracy": paired_bootstrap(before, after, [1.0] * len(texts))}


def _right(model: SentimentClassifier, texts: list[str], targets: NDArray[np.int64]) -> list[float]:
    table = model.probabilities(texts)
    if model.several:
        given = (table >= model.thresholds).astype(np.int64)
        return [float(row) for row in (targets == given).all(axis=1)]
    return [float(row) for row in targets == table.argmax(axis=1)]


def _open(folder: ModelFolder, asked: Asked) -> SentimentClassifier:
    others = [open_model_folder(find_model(name)) for name in asked.ensemble]
    return SentimentClassifier.open(
        folder, *others, engine=asked.engine, device=asked.device, threads=asked.threads
    )


def folder_labels(folder: ModelFolder, asked: Asked) -> Labels:
    """The labels of a classifier, and what stands between them in the data that is asked for.

    Where that is not said, it is what the recipe says that lies in the folder, else a comma.
    """
    names = tuple(folder.config.get("labels", ()))
    several = folder.network["head"]["multi_label"] is True
    separator = asked.separator or (_separator(folder) if several else ",")
    return Labels(names, several, separator)


def _separator(folder: ModelFolder) -> str:
    match read_yaml(folder.file(RECIPE)) if RECIPE in folder.files else {}:
        case {"data": {"separator": str(found)}} if found:
            return found
    return ","


def find_labelled(folder: ModelFolder, asked: Asked) -> LabelledSource:
    """The labelled texts that ``--data`` and ``--split`` name.

    Raises:
        UsageError: a split of a single file, one column for both, or an option that does not apply.
        DataError: there is nothing of that name.
    """
    asked.refuse(
        "classifier",
        references=asked.references,
        source=asked.source,
        target=asked.target,
        tokenize=asked.tokenize,
        **asked.of_language_models,
    )
    path, split = local_or_hub(asked.data), asked.split
    if path.is_file() and split is not None:
        raise UsageError(f"--split {split}: {path} is a single file, which has no splits")
    text, label = asked.column or "text", asked.label or "label"
    if text == label:
        raise UsageError(f"--column {text} and --label {label} are one column: name two")
    columns = LabelledDataSettings(text=text, label=label)
    if path.exists() and split is None:
        settings = columns.model_copy(update={"test": str(path)})
    else:
        settings = columns.model_copy(update={"path": str(asked.data), "test": split or "test"})
    classes = tuple(folder.config.get("labels", ()))
    if settings.test in SPLIT_NAMES["valid"]:
        valid = settings.model_copy(update={"valid": settings.test})
        found = open_labelled(valid, "valid", classes)
    else:
        found = open_labelled(settings, "test", classes)
    assert found is not None  # the split is named
    return found


def read_labelled(source: LabelledSource, labels: Labels) -> tuple[list[str], NDArray[np.int64]]:
    """Texts and targets; texts without a word are left out.

    Raises:
        DataError: they cannot be read, or there are none.
    """
    texts: list[str] = []
    targets = []
    for row in source.rows():
        found = labels.of(row)
        if not fold_markup(row.text):
            continue
        texts.append(row.text)
        several = [int(place in found) for place in range(len(labels.names))]
        targets.append(several if labels.several else found[0])
    if not texts:
        raise DataError(f"{source.name} has no labelled text: there is nothing to score on")
    return texts, np.array(targets, np.int64)
