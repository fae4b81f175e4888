"""Scores of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from textrnn.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["accuracy", "confusion", "expected_calibration_error", "macro_f1"]


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
