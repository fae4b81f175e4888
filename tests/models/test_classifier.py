"""The classifier: texts to labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textrnn
from textrnn.errors import ModelFolderError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.models import Classified, SentimentClassifier


@pytest.fixture(scope="module")
def classifier(toy_classifier: Path) -> SentimentClassifier:
    return SentimentClassifier.open(open_model_folder(toy_classifier))


TEXTS = ["the film is good", "it is not good", "we saw it and it is bad", "", "the <br /> is good"]


def test_load_gives_a_classifier(toy_classifier: Path) -> None:
    model = textrnn.load(toy_classifier, threads=1)
    assert isinstance(model, SentimentClassifier)
    assert model.labels == ("neg", "pos")


def test_it_has_learnt_the_language(classifier: SentimentClassifier) -> None:
    labels = [result.label for result in classifier.classify(TEXTS[:3])]
    assert labels == ["pos", "neg", "neg"]
    assert classifier.classify("it is not bad").label == "pos"


def test_scores_are_probabilities(classifier: SentimentClassifier) -> None:
    for result in classifier.classify(TEXTS):
        assert sum(result.scores.values()) == pytest.approx(1.0)
        assert result.score == max(result.scores.values()) == result.scores[result.label]
        assert result.tokens == ()


@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_an_answer_depends_on_no_other_text(
    classifier: SentimentClassifier, batch_size: int
) -> None:
    together = classifier.classify(TEXTS * 3, batch_size=batch_size)
    for text, result in zip(TEXTS * 3, together, strict=True):
        alone = classifier.classify(text)
        assert alone.text == result.text == text
        assert alone.scores == pytest.approx(result.scores, abs=1e-6)
    assert classifier.classify([]) == []


def test_below_the_threshold_it_is_unsure(classifier: SentimentClassifier) -> None:
    doubtful = classifier.classify("the film")
    above = float(np.nextafter(doubtful.score, 2.0))
    assert classifier.classify("the film", threshold=doubtful.score) == doubtful
    assert classifier.classify("the film", threshold=above).label == "unsure"
    sure = classifier.classify(TEXTS[0], threshold=0.5)
    assert (sure.label, sure.scores) == ("pos", classifier.classify(TEXTS[0]).scores)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_options_out_of_range(
    classifier: SentimentClassifier, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        classifier.classify("x", **options)


def test_an_explanation_has_a_weight_for_each_token(classifier: SentimentClassifier) -> None:
    result = classifier.classify("the film is not good", explain=True)
    assert "".join(piece for piece, _ in result.tokens).split() == result.text.split()
    weights = dict(result.tokens)
    best = max(weights, key=lambda piece: weights[piece])
    assert best.strip() == "not"
    assert classifier.classify("", explain=True).tokens == ()


def test_without_its_heaviest_tokens_an_answer_falls_more_than_without_others(
    classifier: SentimentClassifier,
) -> None:
    """The deletion test: the weights mean something."""
    texts = [
        f"{start} is {end}"
        for start in ("the film", "it", "we saw the film", "saw it we the")
        for end in ("good", "bad", "not good", "not bad")
    ]
    heavy, light = [], []
    for result in classifier.classify(texts, explain=True):
        words = [piece.strip() for piece, _ in result.tokens]
        order = np.argsort([-weight for _, weight in result.tokens])
        for place, falls in ((order[0], heavy), (order[-1], light)):
            rest = " ".join(word for number, word in enumerate(words) if number != place)
            falls.append(result.score - classifier.classify(rest).scores[result.label])
    assert np.mean(heavy) > 0.3
    assert np.mean(heavy) > 3 * abs(np.mean(light))


def test_a_long_text_is_explained_in_parts(classifier: SentimentClassifier) -> None:
    result = classifier.classify("the film it we " * 100 + "is good", explain=True)
    assert sum(bool(piece.strip()) for piece, _ in result.tokens) >= 402
    assert len({weight for _, weight in result.tokens}) <= 256


def test_a_megabyte(classifier: SentimentClassifier) -> None:
    result = classifier.classify("it is \U0001f600 " * 100_000)
    assert result.label in ("neg", "pos")


def test_what_is_no_classifier(toy_model: Path, toy_classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="is a model for language_modeling"):
        SentimentClassifier.open(open_model_folder(toy_model))
    folder = tmp_path / "less"
    shutil.copytree(toy_classifier, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"labels": ["pos"]}))
    with pytest.raises(ModelFolderError, match="1 labels and 1 thresholds, but the network has 2"):
        SentimentClassifier.open(open_model_folder(folder))


@pytest.mark.parametrize(
    "calibration",
    [
        {},
        {"temperature": 0},
        {"temperature": True},
        {"temperature": "1"},
        {"temperature": 1, "thresholds": 3},
        {"temperature": 1, "thresholds": [-1]},
        {"temperature": 1, "other": 1},
        [],
    ],
)
def test_a_calibration_that_is_none(calibration: Any, toy_classifier: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(toy_classifier, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"calibration": calibration}))
    with pytest.raises(ModelFolderError, match="not an object with a temperature above 0"):
        open_model_folder(folder)


def test_the_temperature_divides(toy_classifier: Path, tmp_path: Path) -> None:
    odds = []
    for temperature in (5.0, 50.0):
        folder = tmp_path / f"{temperature:g}"
        shutil.copytree(toy_classifier, folder)
        config = json.loads((folder / "config.json").read_text())
        config["calibration"] = {"temperature": temperature}
        (folder / "config.json").write_text(json.dumps(config))
        model = SentimentClassifier.open(open_model_folder(folder))
        score = model.classify("it is good").scores["pos"]
        odds.append(np.log(score / (1 - score)))
    assert odds[0] > 0.1
    assert odds[0] == pytest.approx(10 * odds[1], rel=1e-3)


def test_results_compare() -> None:
    assert Classified("a", "b", 1.0, {"b": 1.0}) == Classified("a", "b", 1.0, {"b": 1.0})
