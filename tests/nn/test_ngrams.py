"""N-grams of texts, and what a linear model makes of them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from textrnn.nn.ngrams import NgramScores
from textrnn.tokenizers import Ngrams, Spelling
from textrnn.tokenizers.byte import ByteTokenizer

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
    every = Ngrams(longest, BUCKETS)
    known: dict[tuple[int, ...], int] = {}
    for text in texts:
        found, within = every.occurrences(np.array(text))
        assert len(found) == len(runs(text, longest))
        for bucket, places in zip(found.tolist(), within, strict=True):
            assert known.setdefault(tuple(np.array(text)[places]), bucket) == bucket
    meeting = len(known) - len(set(known.values()))
    assert meeting <= 3 * len(known) ** 2 / BUCKETS + 2
    for row, found in enumerate(every.distinct(*padded(texts))):
        real = found[found < BUCKETS].tolist()
        assert sorted(real) == sorted({known[run] for run in runs(texts[row], longest)})


def test_buckets_are_filled_evenly() -> None:
    found, _ = Ngrams(2, 1000).occurrences(np.arange(5_000))
    counts = np.bincount(found, minlength=1000)
    assert counts.sum() == 9_999
    assert counts.min() > 1
    assert counts.max() < 50


def test_texts_are_spelt_in_characters() -> None:
    byte = ByteTokenizer()
    contents = [byte.content_of(id) for id in range(byte.vocab_size)]
    spelling = Spelling([*contents, "über".encode(), b" the", "語".encode()[:2]])
    size = byte.vocab_size
    texts = [[2, size, size + 1, 3], [2, *byte.encode("ab"), size + 2, 3], [2, 3]]
    spelt = spelling.spell(*padded(texts))
    words = [row[:length].tolist() for row, length in zip(*spelt[:2], strict=True)]
    assert "".join(map(chr, words[0])) == "über the"
    assert words[1][:2] == [ord("a"), ord("b")]
    assert len(words[1]) == 4  # of two bytes that are no character, each by itself
    assert min(words[1][2:]) > 0x10FFFF
    assert words[2] == []
    assert spelt.tokens[0].tolist() == [1] * 4 + [2] * 4
    assert spelt.tokens[1, :4].tolist() == [1, 2, 3, 3]


def test_ngrams_of_characters_do_not_depend_on_how_a_text_is_cut() -> None:
    spelling = Spelling([b"", b"<unk>", b"", b"", b"good", b"go", b"od", b" film"])
    every = Ngrams(0, BUCKETS, 4, spelling)
    one, other = every.distinct(*padded([[4, 7], [5, 6, 7]]))
    assert sorted(one[one < BUCKETS]) == sorted(other[other < BUCKETS])
    assert (one < BUCKETS).sum() == 7 + 6  # of 9 characters
    found, within = every.occurrences(np.array([5, 6, 7]))
    assert len(found) == 13
    assert within[0].tolist() == [True, True, False]  # "goo"
    assert within[4].tolist() == [False, False, True]  # " fi"
    assert within.any(axis=1).all()
    both = Ngrams(2, BUCKETS, 4, spelling)
    tokens = set(Ngrams(2, BUCKETS).distinct(*padded([[4, 7]]))[0].tolist())
    assert set(both.distinct(*padded([[4, 7]]))[0].tolist()) == tokens | set(one.tolist())
    assert not set(one[one < BUCKETS].tolist()) & tokens
    nothing = every.distinct(*padded([[2, 3]]))
    assert not (nothing < BUCKETS).any()


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


@pytest.mark.parametrize("characters", [0, 4])
def test_occurrences_sum_to_the_scores(characters: int) -> None:
    scores = NgramScores(3, BUCKETS, 2, characters)
    scores.spell_by(ByteTokenizer())
    scores.count((np.array(text), row % 2) for row, text in enumerate(random_texts(40)))
    text = torch.tensor([5, 6, 5, 6, 5, 9])
    adds, within = scores.occurrences(text)
    assert within.sum(1).tolist()[:15] == [1] * 6 + [2] * 5 + [3] * 4
    assert len(within) == 15 + (4 + 3 if characters else 0)
    torch.testing.assert_close(
        (adds.sum(0) + scores.bias)[None], scores(text[None], torch.tensor([6]))
    )
