"""Distributions mixed with each other, as logarithms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textrnn.engines._base import Floats

__all__ = ["log_mean", "log_softmax"]


def log_softmax(logits: Floats) -> Floats:
    """Logits (B, V) to log-probabilities.

    >>> np.exp(log_softmax(np.float32([[1.0, 1.0]]))).tolist()
    [[0.5, 0.5]]
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normal


def log_mean(log_probs: Sequence[Floats]) -> Floats:
    """The logarithm of the mean of probabilities of one shape.

    >>> np.exp(log_mean([np.log(np.float32([0.5])), np.log(np.float32([0.25]))])).tolist()
    [0.375]
    """
    mean: Floats = np.logaddexp.reduce(log_probs, axis=0) - np.float32(np.log(len(log_probs)))
    return mean
