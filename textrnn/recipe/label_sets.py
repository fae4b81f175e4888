"""The sets of a classifier's run: read, described, and what its probabilities are calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from textrnn.config import LabelledDataSettings
from textrnn.data import (
    LabelledCorpus,
    open_labelled,
)
from textrnn.data.labels import named_labels
from textrnn.metrics import (
    best_thresholds,
    expected_calibration_error,
    fit_temperature,
    probabilities_of,
)
from textrnn.tokenizers import Familiarity, Tokenizer, fold_markup

__all__ = [
    "Split",
    "calibrate",
    "first_texts",
    "set_notices",
    "usually_familiar",
]

Split = Literal["train", "valid", "test"]
LEAST_FAMILIAR = 0.05
"""A share of familiar tokens of 0 would draw nothing to doubt."""
MOST_TIMED = 2_000
BELIEF = 30.0
"""In the probabilities, as texts of a label: with fewer its threshold hardly follows the texts."""


def first_texts(data: LabelledDataSettings, split: Split) -> list[str]:
    """The first texts of a split that have a word."""
    source = open_labelled(data, split, named_labels(data))
    assert source is not None  # its texts were read
    return [row.text for row in islice(source.rows(), MOST_TIMED) if fold_markup(row.text)]


def set_notices(corpora: Mapping[str, LabelledCorpus]) -> list[str]:
    """How many texts each label has, are empty, stand in two splits or under two labels."""
    train = corpora["train"]
    said = [corpus.balance() for corpus in corpora.values()]
    for split, corpus in corpora.items():
        if corpus.empty:
            said.append(f"{split}: {corpus.empty:,} texts without a word are left out")
        if split != "train" and (shared := corpus.shared_with(train)):
            said.append(f"{shared:,} of the texts in {split} stand in train, too")
        if disputed := corpus.disputed():
            said.append(f"{split}: {disputed:,} texts stand there again with another label")
    few = [train.classes[place] for place in np.flatnonzero(train.counts() < 2)]
    if few:
        said.append(f"fewer than 2 texts to learn from have the label {', '.join(few)}")
    return said


def calibrate(targets: ArrayLike, logits: ArrayLike, *, several: bool) -> dict[str, Any]:
    """The temperature, the thresholds where a text may have several labels, and the errors.

    Args:
        targets: of the validation texts.
        logits: (N, C), of the network.
        several: whether a text may have several labels.
    """
    temperature = fit_temperature(targets, logits, several=several)
    found: dict[str, Any] = {"temperature": temperature, "texts": len(np.asarray(targets))}
    after = probabilities_of(logits, temperature, several=several)
    if several:
        thresholds = best_thresholds(targets, after, belief=BELIEF)
        return found | {"thresholds": thresholds.tolist()}
    before = expected_calibration_error(targets, probabilities_of(logits))
    return found | {
        "ece_before": before,
        "ece_after": expected_calibration_error(targets, after),
    }


def usually_familiar(corpus: LabelledCorpus, tokenizer: Tokenizer, direction: str) -> float:
    """The share of familiar tokens that 19 of 20 texts have at least, and no less than 0.05."""
    order = slice(None, None, -1 if direction == "backward" else 1)
    texts = [corpus.text(row)[1:-1][order].tolist() for row in range(len(corpus))]
    return float(max(np.quantile(Familiarity(tokenizer).shares(texts), 0.05), LEAST_FAMILIAR))
