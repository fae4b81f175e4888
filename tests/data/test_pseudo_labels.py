"""Labels for texts that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.data import LabelledCorpus
from textrnn.data.pseudo_labels import labels_of_alike, surest
from textrnn.errors import DataError

TOPICS = 3


def corpus(texts: list[list[int]], targets: list[int]) -> LabelledCorpus:
    return LabelledCorpus(
        name="toy",
        ids=np.concatenate([np.array([2, *text, 3], np.uint32) for text in texts]),
        ends=np.cumsum([len(text) + 2 for text in texts]),
        targets=np.array(targets, np.int64),
        digests=np.arange(len(texts)),
        classes=tuple(f"topic {number}" for number in range(TOPICS + 1)),
    )


def texts_of_topics(count: int, seed: int) -> tuple[list[list[int]], list[int]]:
    """Texts of 8 words, 40 to a topic, and what each is about."""
    draw = np.random.default_rng(seed)
    topics = [number % TOPICS for number in range(count)]
    return [(draw.choice(40, 8) + 10 + 40 * topic).tolist() for topic in topics], topics


@pytest.mark.parametrize("of_each", [1, 2, 5])
def test_texts_get_the_label_of_those_like_them(of_each: int) -> None:
    few = corpus(*texts_of_topics(TOPICS * of_each, 1))
    texts, topics = texts_of_topics(300, 2)
    found = labels_of_alike(few, corpus(texts, [-1] * 300))
    assert found.shape == (300, TOPICS + 1)
    assert found.sum(1) == pytest.approx(np.ones(300))
    assert not found[:, TOPICS].any()  # no text has that label
    rows, targets = surest(found, 0.5)
    assert (targets == np.array(topics)[rows]).mean() > 0.95


@pytest.mark.parametrize("words_of_one", [1, 8])
def test_words_that_no_two_texts_share_tell_nothing(words_of_one: int) -> None:
    """Each text has words of its own, or eight texts have the same."""
    texts = [[10 + 2 * (number // words_of_one), 11] for number in range(40)]
    few, many = corpus(texts[::20], [0, 1]), corpus(texts[1:20] + texts[21:], [-1] * 38)
    if words_of_one == 1:
        with pytest.raises(DataError, match="hardly a word stands in 3 or more of the 40 texts"):
            labels_of_alike(few, many)
    else:
        assert labels_of_alike(few, many).argmax(1)[[0, 37]].tolist() == [0, 1]


def test_one_label_cannot_be_told_from_others() -> None:
    texts, _ = texts_of_topics(60, 1)
    with pytest.raises(DataError, match="has only the label 'topic 2'"):
        labels_of_alike(corpus(texts[:5], [2] * 5), corpus(texts[5:], [-1] * 55))


@given(st.integers(1, 60), st.integers(2, 5), st.floats(0.01, 1.0), st.integers(0, 100))
def test_of_each_label_the_surest_are_kept(
    count: int, labels: int, share: float, seed: int
) -> None:
    said = np.random.default_rng(seed).dirichlet(np.ones(labels), count)
    rows, targets = surest(said, share)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert (said.argmax(1)[rows] == targets).all()
    for label in range(labels):
        own = said.argmax(1) == label
        kept = np.isin(np.arange(count), rows) & own
        assert kept.sum() == np.ceil(share * own.sum())
        if kept.any() and (own & ~kept).any():
            assert said[kept, label].min() >= said[own & ~kept, label].max()
