"""How a classifier fares on sentences written for it, phenomenon by phenomenon.

    python tests/benchmarks/bench_sentiment_challenge.py sentiment-en [FOLDER]

tests/data/sentiment_challenge.tsv holds hand-written sentences: negation near and far, twice and
strengthened, contrast, comparison, irony and others. Most stand in pairs that differ in a word and
have opposite labels, so that a bag of words is right about half of the time. The model's labels
must be negative and positive, or begin with neg and pos.

FOLDER is what recipes/sentiment_shipped_data.py writes: with it, a bag of words and pairs of words
(TF-IDF and logistic regression) learns from the same texts and stands beside the model, and both
are scored on the held-out texts of each set, too.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import textrnn
from textrnn.models import SentimentClassifier

Classify = Callable[[Sequence[str]], Sequence[str]]

SENTENCES = Path(__file__).parents[1] / "data" / "sentiment_challenge.tsv"


def read_challenge() -> list[dict[str, str]]:
    """The sentences, each with its phenomenon and its label."""
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def score_challenge(classify: Classify) -> dict[str, tuple[int, int]]:
    """Of each phenomenon, and over all, how many sentences are labelled right, and how many are."""
    rows = read_challenge()
    scores: dict[str, tuple[int, int]] = {}
    for row, label in zip(rows, classify([row["text"] for row in rows]), strict=True):
        right = label.lower()[:3] == row["label"][:3]
        for name in (row["phenomenon"], "all"):
            before = scores.pop(name, (0, 0))
            scores[name] = before[0] + right, before[1] + 1
    return scores


def bag_of_words(train: Path) -> Classify:
    """TF-IDF of words and pairs of words, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = read_labelled(train)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    model = make_pipeline(words, LogisticRegression(C=10.0, max_iter=1000))
    model.fit(texts, labels)
    return lambda some: list(model.predict(some))


def read_labelled(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [one["text"] for one in records], [one["label"] for one in records]


def main(name: str, folder: Path | None) -> None:
    """Print a row a phenomenon, and a row a set."""
    model = textrnn.load(name)
    if not isinstance(model, SentimentClassifier):
        sys.exit(f"{name} is no classifier")
    readers: list[Classify] = [lambda some: [one.label for one in model.classify(list(some))]]
    if folder is not None:
        readers.append(bag_of_words(folder / "train.jsonl"))
        print(f"{'':<28} {'texts':>5}  {name[-12:]:>12}  bag of words")
    scores = [score_challenge(reader) for reader in readers]
    for phenomenon, (_, count) in sorted(scores[0].items(), key=lambda item: item[0] == "all"):
        shares = [score[phenomenon][0] / count for score in scores]
        print(f"{phenomenon:<28} {count:>5}  " + "  ".join(f"{share:>12.1%}" for share in shares))
    for path in sorted(folder.glob("test_*.jsonl")) if folder is not None else ():
        texts, labels = read_labelled(path)
        given = [reader(texts) for reader in readers]
        shares = [sum(map(str.__eq__, one, labels)) / len(labels) for one in given]
        print(
            f"{path.stem.removeprefix('test_'):<28} {len(texts):>5}  "
            + "  ".join(f"{share:>12.1%}" for share in shares)
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None)
