"""Vectors of tokens from where they stand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from textrnn.data import cooccurrence
from textrnn.data.cooccurrence import token_vectors
from textrnn.errors import DataError

SIZE = 64
HALF = 30


def texts(count: int = 400) -> Iterator[np.ndarray]:
    """Texts of two kinds of tokens, each among its own kind; BOS and EOS around them."""
    draw = np.random.default_rng(0)
    for row in range(count):
        begin = 4 + row % 2 * HALF
        yield np.array([2, *draw.integers(begin, begin + HALF, 12), 3])


def test_tokens_among_the_same_others_are_alike() -> None:
    vectors = token_vectors(texts(), SIZE, 2)
    assert vectors.dtype == np.float32
    assert vectors.shape == (SIZE, 2)
    alike = vectors @ vectors.T
    one, other = slice(4, 4 + HALF), slice(4 + HALF, 4 + 2 * HALF)
    assert min(alike[one, one].min(), alike[other, other].min()) > alike[one, other].max()
    assert not vectors[:4].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[4:], axis=1), 1.0, rtol=1e-5)


def test_information_is_that_of_the_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [[4, 5, 6, 5], [6, 7], [4], [7, 7, 5]]
    wanted = np.zeros((8, 8))
    for ids in some:
        for distance in (1, 2):
            for left, right in zip(ids, ids[distance:], strict=False):
                wanted[left, right] += 1 / distance
    wanted += wanted.T
    arrays = [np.array(ids) for ids in some]
    counts = cooccurrence._counts(arrays, 8, 2)
    np.testing.assert_allclose(counts.toarray(), wanted)
    monkeypatch.setattr(cooccurrence, "AT_ONCE", 8)  # text by text: the same
    np.testing.assert_allclose(cooccurrence._counts(arrays, 8, 2).toarray(), wanted)
    totals = wanted.sum(1)
    contexts = totals**0.75 / (totals**0.75).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.log(wanted / np.outer(totals, contexts))
    positive = np.where(np.nan_to_num(more, nan=-1) > 0, more, 0)
    np.testing.assert_allclose(cooccurrence._information(counts).toarray(), positive, rtol=1e-5)


def test_a_long_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooccurrence, "AT_ONCE", 8)
    counts = cooccurrence._counts([np.array([4, 5, 6, 7, 4, 5])], 8, 2).toarray()
    assert counts[4, 5] == 2.0
    assert counts[7, 4] == 0.0  # astride the cut


def test_special_ids_are_near_nothing_and_separate_nothing_else() -> None:
    ids = np.array([2, 5, 1, 6, 3])
    counts = cooccurrence._counts([ids], 8, 2).toarray()
    assert counts[5, 6] == counts[6, 5] == 0.5
    assert counts.sum() == 1.0


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(DataError, match=r"2 tokens stand near .* too few for vectors of 300"):
        token_vectors([np.array([4, 5])], 8, 300)
    with pytest.raises(DataError, match=r"0 tokens stand near"):
        token_vectors([], 8, 1)


def test_the_same_texts_give_the_same_vectors() -> None:
    np.testing.assert_array_equal(token_vectors(texts(), SIZE, 8), token_vectors(texts(), SIZE, 8))
