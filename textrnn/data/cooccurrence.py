"""Vectors of tokens, from how often they stand near each other in plain texts.

Counts within a window, as positive pointwise mutual information, and its singular vectors: what
skip-gram with negative sampling factorises, too (Levy and Goldberg 2014, "Neural Word Embedding as
Implicit Matrix Factorization").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textrnn.errors import DataError
from textrnn.tokenizers import EOS

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["token_vectors"]

SMOOTHING = 0.75
"""A context is as likely as its count to this power says: rare ones would tell too much (Levy,
Goldberg and Dagan 2015, "Improving Distributional Similarity", section 3.2)."""
AT_ONCE = 10_000_000  # pairs that are counted at a time: what they take bounds the memory
ROUNDS = 2
"""Of the randomised decomposition. More would bring it nearer to the exact one, for longer; what
classifiers make of it was measured with these (docs/results.md)."""

Ids = NDArray[np.int64]


def token_vectors(
    texts: Iterable[Ids], vocab_size: int, width: int, window: int = 5
) -> NDArray[np.float32]:
    """Vectors (V, E), each of length 1, that are alike where tokens stand among the same others.

    Special ids have none, and neither have tokens that stand near no other: their rows are 0.

    Args:
        texts: the ids of each (T,).
        vocab_size: V.
        width: E.
        window: how far apart tokens may stand that count as near; nearer ones count more, by one
            over their distance.

    Raises:
        DataError: the texts are too few for vectors of that width.

    >>> texts = [np.array([4, 5, 6, 7]), np.array([4, 8, 6, 7]), np.array([9, 5, 6, 9])] * 5
    >>> vectors = token_vectors(texts, 10, 3, window=2)
    >>> bool(vectors[5] @ vectors[8] > vectors[5] @ vectors[7])
    True
    """
    from sklearn.utils.extmath import randomized_svd

    information = _information(_counts(texts, vocab_size, window))
    known = int((np.diff(information.indptr) > 0).sum())
    if known <= width:
        raise DataError(
            f"{known:,} tokens stand near others more often than by chance, too few for vectors of "
            f"{width}: give more texts, or a smaller encoder.embedding_size"
        )
    left, sizes, _ = randomized_svd(information, width, n_iter=ROUNDS, random_state=0)
    vectors: NDArray[np.float32] = (left * np.sqrt(sizes)).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1.0)
    vectors[np.diff(information.indptr) == 0] = 0.0
    return vectors


def _counts(texts: Iterable[Ids], vocab_size: int, window: int) -> csr_array:
    """How often each token stands near each other one (V, V), weighed by distance."""
    from scipy.sparse import coo_array, csr_array

    counts = csr_array((vocab_size, vocab_size), dtype=np.float32)
    for ids in _in_pieces(texts, window):
        real = ids > EOS  # the last of the special ids
        rows, columns, weights = [], [], []
        for distance in range(1, window + 1):
            near = real[:-distance] & real[distance:]
            rows.append(ids[:-distance][near])
            columns.append(ids[distance:][near])
            weights.append(np.full(len(rows[-1]), 1 / distance, np.float32))
        pairs = np.concatenate(rows), np.concatenate(columns)
        counts += coo_array((np.concatenate(weights), pairs), shape=counts.shape).tocsr()
    return csr_array(counts + counts.T)


def _in_pieces(texts: Iterable[Ids], window: int) -> Iterator[NDArray[np.int32]]:
    """Texts one after the other, so far apart that none is near another."""
    apart = np.zeros(window, np.int32)
    held: list[NDArray[np.int32]] = []
    size = 0
    longest = max(1, AT_ONCE // window)
    for text in texts:
        for begin in range(0, len(text), longest):  # few pairs stand astride a cut
            piece = text[begin : begin + longest].astype(np.int32)
            held += [piece, apart]
            size += len(piece) + window
            if size >= longest:
                yield np.concatenate(held)
                held, size = [], 0
    if held:
        yield np.concatenate(held)


def _information(counts: csr_array) -> csr_array:
    """Positive pointwise mutual information, from counts (V, V)."""
    from scipy.sparse import csr_array

    pairs = counts.tocoo()
    rows, columns = pairs.coords
    totals = np.asarray(counts.sum(axis=1)).astype(np.float64)
    contexts = totals**SMOOTHING
    contexts /= max(contexts.sum(), 1.0)
    more = pairs.data / np.maximum(totals[rows] * contexts[columns], 1e-30)
    kept = more > 1.0
    values = np.log(more[kept]).astype(np.float32)
    return csr_array((values, (rows[kept], columns[kept])), shape=counts.shape)
