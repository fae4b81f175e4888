"""Scores, each with how it was made.

text             bits, bits per byte, perplexity per token and per word
classification   accuracy, macro-F1, confusion, calibration error
translation      BLEU, chrF and TER, by sacrebleu
comparison       paired bootstrap
"""

from __future__ import annotations

from textrnn.metrics.classification import (
    accuracy,
    confusion,
    expected_calibration_error,
    macro_f1,
)
from textrnn.metrics.comparison import Comparison, paired_bootstrap
from textrnn.metrics.text import TextScore, bits_of, count_words, score_text
from textrnn.metrics.translation import SignedScore, compare_translations, score_translations

__all__ = [
    "Comparison",
    "SignedScore",
    "TextScore",
    "accuracy",
    "bits_of",
    "compare_translations",
    "confusion",
    "count_words",
    "expected_calibration_error",
    "macro_f1",
    "paired_bootstrap",
    "score_text",
    "score_translations",
]
