"""Temperature, thresholds, and scores of labels."""

from __future__ import annotations

import numpy as np
import pytest

from textrnn.errors import DataError
from textrnn.metrics import (
    best_thresholds,
    expected_calibration_error,
    fit_share,
    fit_temperature,
    label_scores,
    per_class,
    probabilities_of,
    reliability,
)


def overconfident(several: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn by logits, and three times those logits."""
    random = np.random.default_rng(1)
    logits = random.normal(size=(4000, 3)) * 2
    if several:
        return (random.random((4000, 3)) < probabilities_of(logits, several=True)), 3 * logits
    shares = np.cumsum(probabilities_of(logits), axis=1)
    return (random.random((4000, 1)) > shares).sum(1), 3 * logits


@pytest.mark.parametrize("several", [False, True])
def test_the_temperature_is_found(several: bool) -> None:
    targets, logits = overconfident(several)
    assert fit_temperature(targets, logits, several=several) == pytest.approx(3.0, rel=0.1)


def test_calibration_makes_the_error_small() -> None:
    targets, logits = overconfident()
    temperature = fit_temperature(targets, logits)
    before = expected_calibration_error(targets, probabilities_of(logits))
    after = expected_calibration_error(targets, probabilities_of(logits, temperature))
    assert before > 0.1
    assert after < 0.03


def test_what_is_always_right_stays_within_bounds() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]] * 20_000)
    assert fit_temperature([0, 1] * 20_000, 0.1 * logits) == pytest.approx(0.05, rel=0.01)
    assert fit_temperature([1, 0] * 20_000, logits) == pytest.approx(20.0, rel=0.01)


def test_few_texts_hardly_move_a_temperature() -> None:
    """Six texts that are all labelled well do not make a network as sure as can be."""
    assert 0.6 < fit_temperature([0, 1] * 3, [[2.0, 0.0], [0.0, 2.0]] * 3) < 1.0
    assert 1.0 < fit_temperature([1, 0] * 3, [[2.0, 0.0], [0.0, 2.0]] * 3) < 20.0
    assert 0.6 < fit_temperature([[1]] * 6, [[2.0]] * 6, several=True) < 1.0


def test_few_texts_hardly_move_a_threshold() -> None:
    """Of a label's one text among a hundred, the F1 is the one its probabilities expect."""
    random = np.random.default_rng(2)
    probabilities = np.linspace(0.0, 1.0, 101)[:, None] ** 2
    targets = np.zeros((101, 1), np.int64)
    targets[20] = 1  # at 0.04
    assert best_thresholds(targets, probabilities)[0] < 0.05
    assert 0.25 < best_thresholds(targets, probabilities, belief=10.0)[0] < 0.5
    scores = {0.0: 0.0, 10.0: 0.0}
    texts = random.random((400, 40, 1)) ** 8  # a label of a ninth of the texts
    labels = (random.random(texts.shape) < texts).astype(np.int64)
    for belief in scores:
        for place in range(0, 400, 2):
            threshold = best_thresholds(labels[place], texts[place], belief=belief)
            given = (texts[1::2] >= threshold).astype(np.int64)
            scores[belief] += per_class(labels[1::2].ravel(), given.ravel(), classes=2)[1].f1 / 200
    assert scores[10.0] > scores[0.0]


def test_what_does_not_pair_is_refused() -> None:
    with pytest.raises(DataError, match="do not pair"):
        fit_temperature([0], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(DataError, match="do not pair"):
        fit_temperature([0, 1], [[1.0, 0.0], [0.0, 1.0]], several=True)
    for target in (-1, 2):
        with pytest.raises(DataError, match="lie between 0 and 1"):
            fit_temperature([target], [[1.0, 0.0]])
    with pytest.raises(DataError, match="do not pair"):
        per_class([[1, 0]], [[1, 0], [0, 1]], classes=2)


def test_reliability_counts_every_text_once() -> None:
    targets, logits = overconfident()
    table = reliability(targets, probabilities_of(logits), bins=10)
    assert sum(count for _, _, count in table) == len(targets)
    assert table == sorted(table)


def test_thresholds_are_those_of_the_best_f1() -> None:
    random = np.random.default_rng(2)
    probabilities = random.random((60, 2)).round(1)  # with ties
    targets = (random.random((60, 2)) < probabilities).astype(np.int64)
    chosen = best_thresholds(targets, probabilities)
    for label in range(2):
        wanted = targets[:, label]

        def f1(threshold: float, label: int = label, wanted: np.ndarray = wanted) -> float:
            given = (probabilities[:, label] >= threshold).astype(np.int64)
            return per_class(wanted, given, classes=2)[1].f1

        assert f1(chosen[label]) == max(map(f1, np.linspace(0.0, 1.0, 101)))
    assert best_thresholds([[0], [0]], [[0.1], [0.9]]).tolist() == [0.5]


def test_scores_of_one_label_a_text() -> None:
    scores = label_scores([0, 1, 1, 2], np.eye(3)[[0, 1, 2, 2]])
    assert scores["accuracy"] == 0.75
    assert scores["macro_f1"] == pytest.approx(0.7778, abs=1e-4)
    assert 0 < scores["ece"] < 1


def test_scores_of_several_labels_a_text() -> None:
    targets = [[1, 1], [0, 1], [0, 0]]
    scores = label_scores(
        targets, [[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0]], several=True, thresholds=[0.5, 0.5]
    )
    assert scores["exact"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["micro_f1"] == pytest.approx(6 / 7)
    nothing = label_scores([[0]], [[-9.0]], several=True)
    assert nothing == {"macro_f1": 0.0, "micro_f1": 0.0, "exact": 1.0}


@pytest.mark.parametrize("several", [False, True])
def test_a_share_makes_the_targets_likeliest(several: bool) -> None:
    draw = np.random.default_rng(3)
    sure, other = draw.normal(size=(2, 4_000, 3))
    logits = sure + 3.0 * other
    if several:
        targets = (draw.random((4_000, 3)) < 1 / (1 + np.exp(-logits))).astype(int)
    else:
        targets = (logits + draw.gumbel(size=logits.shape)).argmax(1)
    found = fit_share(targets, sure, other, several=several)
    assert 2.8 < found < 3.4  # shares are a fourth of an octave apart
    assert fit_share(targets, 0.5 * sure, 0.5 * other, several=several) == found


def test_few_targets_hardly_move_a_share() -> None:
    draw = np.random.default_rng(3)
    logits = np.array([[1.0, 0.0]])
    assert 0.5 < fit_share([0], logits, 4 * logits) < 2.0
    sure, other = draw.normal(size=(2, 20, 300))  # few texts, but many labels of each
    targets = (draw.random((20, 300)) < 1 / (1 + np.exp(-sure - 3.0 * other))).astype(int)
    assert 2.5 < fit_share(targets, sure, other, several=True) < 4.0
