"""Runs of neighbouring ids, as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["distinct_ngrams", "ngrams"]

_MASK = (1 << 32) - 1
_STEP = 0x5BD1E995  # odd, below 2^31: a number of 32 bits times it stays below 2^63
_SPREAD = 2_654_435_761  # 2^32 over the golden ratio: neighbours land far apart


def ngrams(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], longest: int, buckets: int
) -> NDArray[np.int64]:
    """Every n-gram of every text, hashed.

    Hashing needs no list of those that occur; two that share a bucket are taken for one (Weinberger
    et al. 2009, "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206).

    Args:
        ids: texts (B, T), padded on the right.
        lengths: of the texts (B,).
        longest: N, the tokens of the longest n-grams; the shortest are single tokens.
        buckets: how many numbers there are.

    Returns:
        The buckets (B, N, T): at (b, n - 1, t) that of the n tokens from t on; ``buckets`` itself
        where the text ends before.

    >>> import numpy as np
    >>> found = ngrams(np.array([[5, 6, 5, 6]]), np.array([3]), 2, 1000)
    >>> (found == 1000).astype(int).tolist()
    [[[0, 0, 0, 1], [0, 0, 1, 1]]]
    """
    import numpy as np

    rows, times = ids.shape
    found = np.full((rows, longest, times), buckets, np.int64)
    begins = np.arange(times)
    mixed = np.zeros((rows, times), np.int64)
    for place in range(min(longest, times)):
        last = ids[:, place:]
        mixed = (mixed[:, : last.shape[1]] * _STEP + last + 1) & _MASK
        within = begins[: last.shape[1]] + place < lengths[:, np.newaxis]
        # A number of 32 bits, spread, times the buckets over 2^32: below the buckets.
        spread = (mixed * _SPREAD & _MASK) * buckets >> 32
        found[:, place, : last.shape[1]] = np.where(within, spread, buckets)
    return found


def distinct_ngrams(
    ids: NDArray[np.int64], lengths: NDArray[np.int64], longest: int, buckets: int
) -> NDArray[np.int64]:
    """Which n-grams each text has, in whatever order: the buckets (B, K), each once.

    What is left of a row is filled with ``buckets``. For the arguments see :func:`ngrams`.

    >>> import numpy as np
    >>> found = distinct_ngrams(np.array([[5, 6, 5, 6]]), np.array([4]), 2, 1000)
    >>> (found < 1000).sum(), found.shape[1]
    (np.int64(4), 8)
    """
    found = ngrams(ids, lengths, longest, buckets).reshape(len(ids), -1)
    found.sort(axis=1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = buckets
    return found
