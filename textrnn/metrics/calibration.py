"""From logits to probabilities that mean what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from textrnn.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["best_thresholds", "fit_share", "fit_temperature", "probabilities_of", "reliability"]

_COLDEST, _HOTTEST = 0.05, 20.0
_NARROW = 1e-5  # of the logarithm of a temperature
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_SHARES = np.exp2(np.arange(-16, 17) / 4.0)
_BELIEF = 4.0  # of a temperature of 1 beforehand: its logarithm is held to be within 0.5 of 0


def probabilities_of(
    logits: ArrayLike, temperature: float = 1.0, *, several: bool = False
) -> NDArray[np.float64]:
    """The softmax of logits (N, C) over a temperature; their sigmoids where labels do not exclude.

    >>> probabilities_of([[0.0, 0.0]]).tolist(), probabilities_of([[0.0]], several=True).tolist()
    ([[0.5, 0.5]], [[0.5]])
    """
    scaled = np.asarray(logits, np.float64) / temperature
    if several:
        return np.asarray(np.exp(-np.logaddexp(0.0, -scaled)))
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def fit_temperature(targets: ArrayLike, logits: ArrayLike, *, several: bool = False) -> float:
    """The temperature that makes the targets likeliest (Guo et al. 2017, section 4.2).

    It lies between 0.05 and 20, and leaves every decision as it was: only how sure it is changes.
    A handful of texts says little, and a network that is right on all of them would be made as
    sure as can be: beforehand 1 / T is held to follow a gamma distribution whose mode is 1. Against
    some hundred texts, of which it is wrong on some, that weighs nothing.

    Args:
        targets: labels (N,), or (N, C) of 0 and 1 where a text may have several.
        logits: (N, C).
        several: which of the two.

    Raises:
        DataError: there are none, they do not pair, or a label is not one of C.

    >>> round(fit_temperature([0, 0, 0, 1] * 500, [[9.0, 0.0]] * 2_000))  # 3 in 4 is log 3
    8
    >>> round(fit_temperature([0, 0, 0, 0], [[9.0, 0.0]] * 4), 1)
    1.0
    """
    wanted, values = np.asarray(targets), np.asarray(logits, np.float64)
    shape = values.shape if several else values.shape[:1]
    if values.ndim != 2 or not values.size or wanted.shape != shape:
        raise DataError(f"targets {wanted.shape} and logits {values.shape} do not pair")
    classes = 2 if several else values.shape[1]
    if wanted.min() < 0 or wanted.max() >= classes:
        raise DataError(
            f"targets from {wanted.min()} to {wanted.max()}: they lie between 0 and {classes - 1}"
        )

    def loss(log_temperature: float) -> float:
        colder = float(np.exp(-log_temperature))
        belief = _BELIEF * (colder + log_temperature) / wanted.size
        return _loss(wanted, values * colder, several) + belief

    low, high = float(np.log(_COLDEST)), float(np.log(_HOTTEST))
    while high - low > _NARROW:  # in 1 / T the loss is convex, so in log T it has one valley
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(first) < loss(second):
            high = second
        else:
            low = first
    return float(np.exp((low + high) / 2.0))


def fit_share(
    targets: ArrayLike, logits: ArrayLike, others: ArrayLike, *, several: bool = False
) -> float:
    """By how much to multiply another model's logits before they are added.

    Of shares between 1/16 and 16 the one with which the targets are likeliest at the temperature
    that suits it best (stacking, Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1). Few
    targets say little: the logarithm of the share is held to be normal beforehand, about 0.

    Args:
        targets: as for :func:`fit_temperature`, of texts that neither model has learnt from.
        logits: (N, C).
        others: (N, C), of the other model.
        several: whether a text may have several labels.

    Raises:
        DataError: there are none, or they do not pair.

    >>> targets = np.array([0, 1] * 80)
    >>> hints = np.eye(2)[np.where(np.arange(160) % 4 == 3, 1 - targets, targets)]
    >>> coins = np.eye(2)[np.where(np.isin(np.arange(160) % 8, [1, 5, 6, 7]), 1 - targets, targets)]
    >>> fit_share(targets, hints, coins) < 0.5, fit_share(targets, coins, hints) > 2
    (True, True)
    """
    wanted, first, second = np.asarray(targets), np.asarray(logits), np.asarray(others)

    def cost(share: float) -> float:
        together = first + share * second
        temperature = fit_temperature(wanted, together, several=several)
        doubt = np.log(share) ** 2 / 2.0
        return _loss(wanted, together / temperature, several) + float(doubt) / wanted.size

    return float(min(_SHARES, key=cost))


def _loss(wanted: NDArray[np.int64], logits: NDArray[np.float64], several: bool) -> float:
    """The mean cross-entropy in nats."""
    if several:
        return float(np.mean(np.logaddexp(0.0, logits) - wanted * logits))
    shifted = logits - logits.max(axis=1, keepdims=True)
    totals = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(totals - shifted[np.arange(len(wanted)), wanted]))


def reliability(
    targets: ArrayLike, probabilities: ArrayLike, *, bins: int = 15
) -> list[tuple[float, float, int]]:
    """The reliability diagram: of each bin of confidence that is not empty, three numbers.

    Returns:
        Mean confidence, accuracy, and how many texts, from the least confident bin to the most.

    >>> reliability([0, 1], [[0.75, 0.25], [0.75, 0.25]])
    [(0.75, 0.5, 2)]
    """
    table = np.asarray(probabilities, np.float64)
    confidence = table.max(axis=1)
    right = table.argmax(axis=1) == np.asarray(targets)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return [
        (float(confidence[place == one].mean()), float(right[place == one].mean()), int(count))
        for one, count in enumerate(np.bincount(place, minlength=bins))
        if count
    ]


def best_thresholds(
    targets: ArrayLike, probabilities: ArrayLike, *, belief: float = 0.0
) -> NDArray[np.float64]:
    """Of each label (C,), the probability from which on it is best given: that of the highest F1.

    A label that no text has keeps 0.5. The best threshold of a label that few texts have is an
    accident of those texts. With a belief in the probabilities, they stand for the targets in part
    (of a label that n texts have in belief / (n + belief)), and the F1 is the one to be expected
    (Lewis 1995, https://doi.org/10.1145/215206.215366).

    Args:
        targets: (N, C) of 0 and 1.
        probabilities: (N, C).
        belief: how many texts of a label its probabilities weigh as much as; 0 and more.

    >>> best_thresholds([[1], [1], [0]], [[0.4], [0.3], [0.1]]).round(2).tolist()
    [0.2]
    """
    wanted, table = np.asarray(targets), np.asarray(probabilities, np.float64)
    chosen = np.full(table.shape[1], 0.5)
    for label in range(table.shape[1]):
        texts = int(wanted[:, label].sum())
        if not texts:
            continue
        order = np.argsort(-table[:, label], kind="stable")
        values = table[order, label]
        expected = (texts * wanted[order, label] + belief * values) / (texts + belief)
        hits, total = np.cumsum(expected), expected.sum()
        scores = 2.0 * hits / (np.arange(1, len(values) + 1) + total)
        ends = np.append(values[1:] < values[:-1], True)  # equal ones stand together
        best = int(np.argmax(np.where(ends, scores, -1.0)))
        below = values[best + 1] if best + 1 < len(values) else 0.0
        chosen[label] = (values[best] + below) / 2.0
    return chosen
