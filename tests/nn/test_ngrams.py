"""N-grams of texts, and what a linear model makes of them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from textrnn.nn.ngrams import NgramScores
from textrnn.tokenizers import distinct_ngrams, ngrams

BUCKETS = 1 << 20  # so many that the n-grams of a test do not meet


def runs(text: list[int], longest: int) -> list[tuple[int, ...]]:
    """All n-grams of a text, as they are."""
    return [
        tuple(text[begin : begin + n])
        for n in range(1, longest + 1)
        for begin in range(len(text) - n + 1)
    ]


def random_texts(count: int, kinds: int = 9) -> list[list[int]]:
    draw = np.random.default_rng(5)
    return [draw.integers(4, 4 + kinds, draw.integers(1, 12)).tolist() for _ in range(count)]


def padded(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(text) for text in texts])
    ids = np.zeros((len(texts), lengths.max()), np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
    return ids, lengths


@pytest.mark.parametrize("longest", [1, 2, 3, 5])
def test_each_ngram_has_a_bucket_of_its_own(longest: int) -> None:
    texts = random_texts(200)
    ids, lengths = padded(texts)
    every = ngrams(ids, lengths, longest, BUCKETS)
    known: dict[tuple[int, ...], int] = {}
    for row, text in enumerate(texts):
        assert (every[row] < BUCKETS).sum() == len(runs(text, longest))
        for n in range(1, longest + 1):
            for begin in range(len(text) - n + 1):
                bucket = int(every[row, n - 1, begin])
                assert known.setdefault(tuple(text[begin : begin + n]), bucket) == bucket
    meeting = len(known) - len(set(known.values()))
    assert meeting <= 3 * len(known) ** 2 / BUCKETS + 2
    for row, found in enumerate(distinct_ngrams(ids, lengths, longest, BUCKETS)):
        real = found[found < BUCKETS].tolist()
        assert sorted(real) == sorted({known[run] for run in runs(texts[row], longest)})


def test_buckets_are_filled_evenly() -> None:
    ids = np.arange(30_000)[np.newaxis]
    counts = np.bincount(ngrams(ids, np.array([30_000]), 2, 1000).ravel(), minlength=1001)[:1000]
    assert counts.sum() == 59_999
    assert counts.min() > 20
    assert counts.max() < 110


@pytest.mark.parametrize("least", [1, 4])
def test_ratios_are_naive_bayes_and_a_text_is_their_sum(least: int) -> None:
    texts, labels = random_texts(60), [row % 3 for row in range(60)]
    scores = NgramScores(2, BUCKETS, 3)
    some = ((np.array(text), label) for text, label in zip(texts, labels, strict=True))
    scores.count(some, least)
    every = [set(runs(text, 2)) for text in texts]
    times = Counter(run for kinds in every for run in kinds)
    has = [{run for run in kinds if times[run] >= least} for kinds in every]
    own = [Counter[tuple[int, ...]]() for _ in range(3)]
    for kinds, label in zip(has, labels, strict=True):
        own[label].update(kinds)
    whole = own[0] + own[1] + own[2]
    scale = math.sqrt(sum(map(len, has)) / 60)
    with torch.no_grad():
        found = scores(*map(torch.from_numpy, padded(texts[:5])))
    for row in range(5):
        for label in range(3):
            total, rest = sum(own[label].values()), sum(whole.values()) - sum(own[label].values())
            wanted = sum(
                math.log((own[label][run] + 1) / (total + len(whole)))
                - math.log((whole[run] - own[label][run] + 1) / (rest + len(whole)))
                for run in has[row]
            )
            assert found[row, label].item() == pytest.approx(0.4 * wanted / scale, abs=1e-4)


def test_texts_of_several_labels_count_for_each_of_them() -> None:
    several, single = NgramScores(1, 1024, 2), NgramScores(1, 1024, 2)
    texts = [np.array([5, 6]), np.array([6, 7]), np.array([8])]
    several.count(zip(texts, np.array([[0, 1], [1, 0], [1, 0]]), strict=True))
    single.count(zip(texts, [1, 0, 0], strict=True))
    torch.testing.assert_close(several.ratios, single.ratios)
    both = NgramScores(1, 1024, 2)
    both.count([(np.array([5, 6]), np.array([1, 1])), (np.array([7]), np.array([0, 0]))])
    assert (both.ratios[:, 0] == both.ratios[:, 1]).all()


def test_what_was_never_counted_says_nothing() -> None:
    scores = NgramScores(2, BUCKETS, 2)
    scores.count([(np.array([5, 6]), 0), (np.array([7, 6]), 1)])
    ids, lengths = torch.tensor([[40, 41, 0], [6, 0, 0]]), torch.tensor([2, 1])
    assert scores(ids, lengths).abs().max() < 1e-6
    scores(ids, lengths).sum().backward()
    assert scores.weight.grad is not None
    assert not scores.weight.grad[-1].any()


def test_occurrences_sum_to_the_scores() -> None:
    scores = NgramScores(3, BUCKETS, 2)
    scores.count((np.array(text), row % 2) for row, text in enumerate(random_texts(40)))
    text = torch.tensor([5, 6, 5, 6, 5, 9])
    adds, within = scores.occurrences(text)
    assert within.sum(1).tolist() == [1] * 6 + [2] * 5 + [3] * 4
    torch.testing.assert_close(
        (adds.sum(0) + scores.bias)[None], scores(text[None], torch.tensor([6]))
    )
