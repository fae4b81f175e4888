"""Against scores worked by hand, and against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import DataError
from textrnn.metrics import accuracy, confusion, expected_calibration_error, macro_f1

CLASSES = 4
labels = st.lists(st.tuples(*[st.integers(0, CLASSES - 1)] * 2), min_size=1, max_size=50)


def test_scores_by_hand() -> None:
    # class 0: 2 right, 1 taken for 1 -> F1 = 4 / 5; class 1: 1 right, 1 from 0 -> F1 = 2 / 3
    targets, predictions = [0, 0, 0, 1], [0, 0, 1, 1]
    assert accuracy(targets, predictions) == 0.75
    assert confusion(targets, predictions, classes=2).tolist() == [[2, 1], [0, 1]]
    assert macro_f1(targets, predictions, classes=2) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert macro_f1(targets, predictions, classes=9) == pytest.approx((4 / 5 + 2 / 3) / 2)


def test_the_calibration_error_by_hand() -> None:
    # two bins: (0.5, 1] holds 0.6 and 0.8, one right -> |1 - 1.4| / 2; (0, 0.5] holds 0.5, wrong
    probabilities = [[0.6, 0.4], [0.8, 0.2], [0.5, 0.5]]
    error = expected_calibration_error([0, 1, 1], probabilities, bins=2)
    assert error == pytest.approx((0.4 + 0.5) / 3)


@pytest.mark.parametrize("bins", [1, 2, 15, 100])
def test_who_is_always_sure_and_right_is_calibrated(bins: int) -> None:
    assert expected_calibration_error([1, 0], [[0, 1], [1, 0]], bins=bins) == 0
    assert expected_calibration_error([0, 1], [[0, 1], [1, 0]], bins=bins) == 1


def test_no_confidence_falls_into_the_first_bin() -> None:
    assert expected_calibration_error([0], [[0.0, 0.0]]) == 1


@settings(max_examples=50, deadline=None)
@given(labels)
def test_as_scikit_learn_has_it(pairs: list[tuple[int, int]]) -> None:
    from sklearn import metrics

    targets, predictions = map(list, zip(*pairs, strict=True))
    everything = list(range(CLASSES))
    assert accuracy(targets, predictions) == metrics.accuracy_score(targets, predictions)
    np.testing.assert_array_equal(
        confusion(targets, predictions, classes=CLASSES),
        metrics.confusion_matrix(targets, predictions, labels=everything),
    )
    theirs = metrics.f1_score(targets, predictions, average="macro", zero_division=0)
    assert macro_f1(targets, predictions, classes=CLASSES) == pytest.approx(theirs)


@given(labels, st.integers(0, 2**32))
def test_the_calibration_error_by_its_definition(pairs: list[tuple[int, int]], seed: int) -> None:
    targets = np.array([target for target, _ in pairs])
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(CLASSES), len(targets))
    confidence, chosen = probabilities.max(1), probabilities.argmax(1)
    error = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            right = (chosen == targets)[inside].mean()
            error += inside.mean() * abs(right - confidence[inside].mean())
    found = expected_calibration_error(targets, probabilities)
    assert found == pytest.approx(error)
    assert 0 <= found <= 1


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([], [], "there is nothing to score: no targets"),
        ([1], [1, 2], r"targets \(1,\) and predictions \(2,\) do not pair"),
        ([[1]], [[1]], r"targets \(1, 1\) and predictions \(1, 1\) do not pair"),
        ([0], [5], "labels run from 0 to 5, not from 0 to 3"),
        ([-1], [1], "labels run from -1 to 1, not from 0 to 3"),
    ],
)
def test_what_cannot_be_scored(targets: Any, predictions: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        macro_f1(targets, predictions, classes=CLASSES)


@pytest.mark.parametrize(
    ("targets", "probabilities", "message"),
    [
        ([0], [0.5, 0.5], r"probabilities have the shape \(2,\), not \(N, C\)"),
        ([], np.ones((0, 2)), r"probabilities have the shape \(0, 2\), not \(N, C\)"),
        ([0], [[0.5, 0.5]] * 2, r"targets \(1,\) and predictions \(2,\) do not pair"),
    ],
)
def test_what_has_no_calibration(targets: Any, probabilities: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        expected_calibration_error(targets, probabilities)
