"""Scores, each with how it was made.

text             bits, bits per byte, perplexity per token and per word
classification   accuracy, F1, confusion, calibration error
calibration      temperature, thresholds, reliability
translation      BLEU, chrF and TER, by sacrebleu
comparison       paired bootstrap
"""

from __future__ import annotations

from textrnn.metrics.calibration import (
    best_thresholds,
    fit_share,
    fit_temperature,
    probabilities_of,
    reliability,
)
from textrnn.metrics.classification import (
    ClassScore,
    accuracy,
    confusion,
    expected_calibration_error,
    label_scores,
    macro_f1,
    per_class,
)
from textrnn.metrics.comparison import Comparison, paired_bootstrap
from textrnn.metrics.text import TextScore, bits_of, count_words, score_text
from textrnn.metrics.translation import SignedScore, compare_translations, score_translations

__all__ = [
    "ClassScore",
    "Comparison",
    "SignedScore",
    "TextScore",
    "accuracy",
    "best_thresholds",
    "bits_of",
    "compare_translations",
    "confusion",
    "count_words",
    "expected_calibration_error",
    "fit_share",
    "fit_temperature",
    "label_scores",
    "macro_f1",
    "paired_bootstrap",
    "per_class",
    "probabilities_of",
    "reliability",
    "score_text",
    "score_translations",
]
