"""Is one system better than another, or is it chance?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from textrnn.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Comparison", "paired_bootstrap"]


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same data: the difference, and how far it could be chance.

    Attributes:
        first: the score of the first system.
        second: the score of the second.
        interval: the 95% interval of ``second - first``, where the test gives one.
        p_value: how often resampling gives a difference this large where there is none.
        making: how it was made, with resamples and seed.
    """

    first: float
    second: float
    interval: tuple[float, float] | None
    p_value: float
    making: str


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    sizes: ArrayLike | None = None,
    *,
    samples: int = 1000,
    seed: int = 1,
) -> Comparison:
    """Compare two systems by the values (N,) that each has on the same N segments.

    A score is the sum of values over the sum of sizes: with a language model's bits and the bytes
    of each segment, bits per byte; with 0 and 1 for wrong and right, accuracy. Segments are drawn
    with replacement, the same ones for both (Koehn 2004, "Statistical Significance Tests for
    Machine Translation Evaluation"); the p-value is two-sided.

    Args:
        first: the first system's values.
        second: the second system's values.
        sizes: each segment's size, above 0; 1 where it is None.
        samples: how many times to resample.
        seed: of the resampling.

    Raises:
        DataError: there are no segments, they do not pair, or a size is not above 0.
        UsageError: samples is below 1.

    >>> result = paired_bootstrap([8, 8, 8], [6, 6, 6], [4, 4, 4])
    >>> result.first, result.second, result.interval
    (2.0, 1.5, (-0.5, -0.5))
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    size = np.ones_like(a) if sizes is None else np.asarray(sizes, np.float64)
    if not (a.shape == b.shape == size.shape and a.ndim == 1):
        raise DataError(f"values {a.shape}, {b.shape} and sizes {size.shape} do not pair")
    if not a.size or size.min() <= 0:
        raise DataError("there is nothing to compare: no segments, or one without a size above 0")
    if samples < 1:
        raise UsageError(f"samples is {samples}, and must be at least 1")
    random, count = np.random.default_rng(seed), len(a)
    drawn = np.empty(samples)
    for sample in range(samples):
        rows = random.integers(count, size=count)
        drawn[sample] = (b[rows] - a[rows]).sum() / size[rows].sum()
    scores = float(a.sum() / size.sum()), float(b.sum() / size.sum())
    difference = scores[1] - scores[0]
    extreme = int((np.abs(drawn - difference) >= abs(difference)).sum())
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    making = f"paired bootstrap, {samples} resamples of {count} segments, seed {seed}"
    return Comparison(*scores, (low, high), (extreme + 1) / (samples + 1), making)
