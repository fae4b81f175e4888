"""The sentiment challenge set: well formed, balanced, and beyond a bag of words."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def bench() -> Any:
    path = Path(__file__).parents[1] / "benchmarks" / "bench_sentiment_challenge.py"
    spec = importlib.util.spec_from_file_location("bench_sentiment_challenge", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_set_is_well_formed(bench: Any) -> None:
    rows = bench.read_challenge()
    assert len(rows) >= 100
    assert len({row["text"] for row in rows}) == len(rows)
    assert {row["label"] for row in rows} == {"positive", "negative"}
    phenomena = Counter(row["phenomenon"] for row in rows)
    assert len(phenomena) >= 10
    assert min(phenomena.values()) >= 5
    shares = Counter(row["label"] for row in rows)
    assert 0.4 < shares["positive"] / len(rows) < 0.6


def test_the_scorer_counts(bench: Any) -> None:
    labels = {row["text"]: row["label"] for row in bench.read_challenge()}
    right = bench.score_challenge(lambda texts: [labels[text].upper() for text in texts])
    assert all(good == count for good, count in right.values())
    assert right["all"][0] == len(labels)
    wrong = bench.score_challenge(lambda texts: ["positive"] * len(texts))
    assert wrong["all"][0] == sum(label == "positive" for label in labels.values())


def test_words_of_feeling_alone_are_not_enough(bench: Any) -> None:
    """Counting good and bad words, with no eye for negation, is near chance on it."""
    good = {"good", "funny", "enjoy", "like", "masterpiece", "interesting", "convincing", "worth"}
    bad = {"bad", "boring", "complaints", "dislike", "dull", "disappointed", "regret", "silly"}

    def count(texts: list[str]) -> list[str]:
        words = [text.lower().replace(".", "").replace(",", "").split() for text in texts]
        score = [sum(w in good for w in one) - sum(w in bad for w in one) for one in words]
        return ["positive" if value > 0 else "negative" for value in score]

    scores = bench.score_challenge(count)
    right, total = scores["negation"]
    assert right / total < 0.5
