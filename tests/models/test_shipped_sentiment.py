"""sentiment-en, the classifier that ships: what it weighs, and what it makes of texts."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import textrnn
from textrnn.model_folder import open_model_folder
from textrnn.models import SentimentClassifier

LIMIT = 12_000_000
CHALLENGE = Path(__file__).parents[1] / "data" / "sentiment_challenge.tsv"


@pytest.fixture(scope="module")
def model() -> SentimentClassifier:
    found = textrnn.load("sentiment-en")
    assert isinstance(found, SentimentClassifier)
    return found


def test_its_folder_is_small_and_whole(model: SentimentClassifier) -> None:
    folder = open_model_folder(textrnn.model_path("sentiment-en"))
    folder.verify()
    assert sum((folder.path / name).stat().st_size for name in folder.files) < LIMIT
    assert model.labels == ("negative", "positive")
    assert folder.config["calibration"]["ece_after"] < 0.05
    card = folder.card()
    for part in ("CC BY 4.0", "GoEmotions", "Pang", "Liu", "sentiment_shipped", "NOTICE"):
        assert part in card


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("positive", "A joy from start to finish."),
        ("positive", "LOVE this phone, best one i ever had!!!"),
        ("positive", "Thanks so much, you made my day :)"),
        ("positive", "the battery lasts for days and the screen is gorgeous ."),
        ("negative", "A tedious, overlong mess."),
        ("negative", "worst customer service ever"),
        ("negative", "The zipper broke after a week. Very disappointed."),
        ("negative", "it 's a dull and witless film ."),
    ],
)
def test_plain_texts(model: SentimentClassifier, label: str, text: str) -> None:
    assert model.classify(text).label == label


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("The soup was good.", "The soup was not good."),
        ("I like this phone.", "I don't like this phone."),
        ("I can't say that I disliked this phone.", "I can't say that I liked this phone."),
        ("Nobody would call this boring.", "Nobody would call this funny."),
        (
            "It is boring, but the songs are wonderful.",
            "It is wonderful, but the songs are boring.",
        ),
    ],
)
def test_a_negation_turns_a_text_round(
    model: SentimentClassifier, positive: str, negative: str
) -> None:
    labels = [one.label for one in model.classify([positive, negative])]
    assert labels == ["positive", "negative"]


def test_the_challenge_is_beyond_a_bag_of_words(model: SentimentClassifier) -> None:
    """Of its 123 sentences a bag of words and pairs of words has 67, or 60 without the grammar."""
    with CHALLENGE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    labels = [one.label for one in model.classify([row["text"] for row in rows])]
    right = [label == row["label"] for label, row in zip(labels, rows, strict=True)]
    assert sum(right) >= 90
    negated = [ok for ok, row in zip(right, rows, strict=True) if "negation" in row["phenomenon"]]
    assert sum(negated) / len(negated) > 0.7


def test_case_and_spaces_do_not_matter_much(model: SentimentClassifier) -> None:
    texts = ["I love it, really!", "i LOVE it , really !", "I LOVE IT, REALLY!"]
    assert {one.label for one in model.classify(texts)} == {"positive"}


def test_a_long_review_is_that_of_its_parts(model: SentimentClassifier) -> None:
    good = "The acting is superb and the story moved me to tears. "
    bad = "The acting is wooden and the story bored me to tears. "
    assert [one.label for one in model.classify([good * 40, bad * 40])] == ["positive", "negative"]


def test_the_torch_engine_says_the_same(model: SentimentClassifier) -> None:
    """Within what 8 bits lose."""
    texts = ["A joy from start to finish.", "Not my cup of tea.", "It broke.", "fine i guess"]
    other = textrnn.load("sentiment-en", engine="torch", device="cpu")
    assert isinstance(other, SentimentClassifier)
    np.testing.assert_allclose(other.probabilities(texts), model.probabilities(texts), atol=0.05)


def test_from_a_cold_start_without_torch() -> None:
    code = (
        "import sys; from textrnn.cli.main import app\n"
        "try: app(['sentiment', 'A joy from start to finish.'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'datasets', 'onnx'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    label, probability, text = done.stdout.rstrip("\n").split("\t")
    assert (label, text) == ("positive", "A joy from start to finish.")
    assert float(probability) > 0.7
    assert done.stderr.strip() == "set()"
