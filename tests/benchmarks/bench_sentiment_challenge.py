"""How a classifier fares on sentences written for it, phenomenon by phenomenon.

    python tests/benchmarks/bench_sentiment_challenge.py runs/sst2/model

tests/data/sentiment_challenge.tsv holds hand-written sentences: negation near and far, twice and
strengthened, contrast, comparison, irony and others. Most stand in pairs that differ in a word and
have opposite labels, so that a bag of words is right about half of the time. The model's labels
must be negative and positive, or begin with neg and pos.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import textrnn
from textrnn.models import SentimentClassifier

SENTENCES = Path(__file__).parents[1] / "data" / "sentiment_challenge.tsv"


def read_challenge() -> list[dict[str, str]]:
    """The sentences, each with its phenomenon and its label."""
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def score_challenge(
    classify: Callable[[Sequence[str]], Sequence[str]],
) -> dict[str, tuple[int, int]]:
    """Of each phenomenon, and over all, how many sentences are labelled right, and how many are."""
    rows = read_challenge()
    scores: dict[str, tuple[int, int]] = {}
    for row, label in zip(rows, classify([row["text"] for row in rows]), strict=True):
        right = label.lower()[:3] == row["label"][:3]
        for name in (row["phenomenon"], "all"):
            before = scores.pop(name, (0, 0))
            scores[name] = before[0] + right, before[1] + 1
    return scores


def main(name: str) -> None:
    model = textrnn.load(name)
    if not isinstance(model, SentimentClassifier):
        sys.exit(f"{name} is no classifier")
    scores = score_challenge(lambda texts: [one.label for one in model.classify(list(texts))])
    for phenomenon, (right, count) in sorted(scores.items(), key=lambda item: item[0] == "all"):
        print(f"{phenomenon:<28} {right:>4} of {count:>4}  {100 * right / count:5.1f}%")


if __name__ == "__main__":
    main(sys.argv[1])
