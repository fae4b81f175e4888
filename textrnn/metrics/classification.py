"""Scores of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from textrnn.errors import DataError
from textrnn.metrics.calibration import best_thresholds, probabilities_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "ClassScore",
    "accuracy",
    "confusion",
    "expected_calibration_error",
    "label_scores",
    "macro_f1",
    "per_class",
]


class ClassScore(NamedTuple):
    """How one class fared.

    Args:
        precision: the share of the texts that were given it that have it.
        recall: the share of the texts that have it that were given it.
        f1: their harmonic mean.
        texts: how many have it.
    """

    precision: float
    recall: float
    f1: float
    texts: int


def accuracy(targets: ArrayLike, predictions: ArrayLike) -> float:
    """The share of predictions (N,) that are the target (N,).

    Raises:
        DataError: there are none, or not as many predictions as targets.

    >>> accuracy([0, 1, 1, 2], [0, 1, 2, 2])
    0.75
    """
    targets, predictions = _labels(targets, predictions)
    return float(np.mean(targets == predictions))


def confusion(targets: ArrayLike, predictions: ArrayLike, *, classes: int) -> np.ndarray:
    """The counts (C, C) of target (row) against prediction (column), of labels from 0 to C - 1.

    Raises:
        DataError: there are none, they do not pair, or one is not among the classes.

    >>> confusion([0, 1, 1, 2], [0, 1, 2, 2], classes=3).tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    """
    targets, predictions = _labels(targets, predictions)
    lowest = min(targets.min(), predictions.min())
    highest = max(targets.max(), predictions.max())
    if lowest < 0 or highest >= classes:
        raise DataError(f"labels run from {lowest} to {highest}, not from 0 to {classes - 1}")
    counts = np.bincount(targets * classes + predictions, minlength=classes * classes)
    return counts.reshape(classes, classes)


def macro_f1(targets: ArrayLike, predictions: ArrayLike, *, classes: int) -> float:
    """The mean F1 over the classes that occur among targets (N,) or predictions (N,).

    Raises:
        DataError: as for :func:`confusion`.

    >>> round(macro_f1([0, 1, 1, 2], [0, 1, 2, 2], classes=4), 4)
    0.7778
    """
    table = confusion(targets, predictions, classes=classes)
    found = table.sum(0) + table.sum(1)
    return float(np.mean(2 * np.diag(table)[found > 0] / found[found > 0]))


def expected_calibration_error(
    targets: ArrayLike, probabilities: ArrayLike, *, bins: int = 15
) -> float:
    """How far confidence is from accuracy: the mean gap over equal bins of confidence.

    "On Calibration of Modern Neural Networks" (Guo et al. 2017), equation 3. A bin takes the
    confidences above its lower edge, up to and with its upper one.

    Args:
        targets: labels (N,).
        probabilities: of each class (N, C).
        bins: how many bins there are between 0 and 1.

    Raises:
        DataError: there are none, they do not pair, or the table is not (N, C).

    >>> expected_calibration_error([0, 1], [[0.75, 0.25], [0.75, 0.25]])
    0.25
    """
    table = np.asarray(probabilities, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise DataError(f"probabilities have the shape {table.shape}, not (N, C)")
    confidence = table.max(axis=1)
    targets, predictions = _labels(targets, table.argmax(axis=1))
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=(targets == predictions) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(targets))


def _labels(targets: ArrayLike, predictions: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    targets, predictions = np.asarray(targets), np.asarray(predictions)
    if targets.shape != predictions.shape or targets.ndim != 1:
        raise DataError(f"targets {targets.shape} and predictions {predictions.shape} do not pair")
    if not targets.size:
        raise DataError("there is nothing to score: no targets")
    return targets.astype(np.int64), predictions.astype(np.int64)


def per_class(targets: ArrayLike, predictions: ArrayLike, *, classes: int) -> list[ClassScore]:
    """Precision, recall and F1 of each class, 0 where there is nothing to divide by.

    Args:
        targets: labels (N,), or (N, C) of 0 and 1 where a text may have several.
        predictions: of the same shape.
        classes: C.

    Raises:
        DataError: as for :func:`confusion`.

    >>> per_class([0, 1, 1], [0, 1, 0], classes=2)[0]
    ClassScore(precision=0.5, recall=1.0, f1=0.6666666666666666, texts=1)
    """
    wanted, found = np.asarray(targets), np.asarray(predictions)
    if wanted.ndim == 2:
        if wanted.shape != found.shape or not wanted.size:
            raise DataError(f"targets {wanted.shape} and predictions {found.shape} do not pair")
        hits = (wanted * found).sum(0)
        have, given = wanted.sum(0), found.sum(0)
    else:
        table = confusion(wanted, found, classes=classes)
        hits, have, given = np.diag(table), table.sum(1), table.sum(0)
    return [
        ClassScore(
            precision=float(hit / out) if out else 0.0,
            recall=float(hit / there) if there else 0.0,
            f1=float(2 * hit / (there + out)) if there + out else 0.0,
            texts=int(there),
        )
        for hit, there, out in zip(hits, have, given, strict=True)
    ]


def label_scores(
    targets: ArrayLike,
    logits: ArrayLike,
    *,
    several: bool = False,
    thresholds: ArrayLike | None = None,
) -> dict[str, float]:
    """The scores of logits (N, C).

    Args:
        targets: labels (N,), or (N, C) of 0 and 1.
        logits: of each label.
        several: whether a text may have several labels.
        thresholds: of the sigmoids (C,), from which on a label is given; None: those that are best
            on these very texts, which flatters.

    Returns:
        ``accuracy``, ``macro_f1`` and, of the softmax as it is, ``ece``; where a text may have
        several labels ``macro_f1``, ``micro_f1`` and the share of texts that have exactly the
        labels given, ``exact``.
    """
    values = np.asarray(logits, np.float64)
    wanted, classes = np.asarray(targets), values.shape[1]
    if several:
        probabilities = probabilities_of(values, several=True)
        if thresholds is None:
            thresholds = best_thresholds(wanted, probabilities)
        given = (probabilities >= np.asarray(thresholds)).astype(np.int64)
        each = per_class(wanted, given, classes=classes)
        hits, total = int((wanted * given).sum()), int(wanted.sum() + given.sum())
        return {
            "macro_f1": float(np.mean([score.f1 for score in each])),
            "micro_f1": 2 * hits / total if total else 0.0,
            "exact": float((wanted == given).all(axis=1).mean()),
        }
    predictions = values.argmax(axis=1)
    return {
        "accuracy": accuracy(wanted, predictions),
        "macro_f1": macro_f1(wanted, predictions, classes=classes),
        "ece": expected_calibration_error(wanted, probabilities_of(values)),
    }
