"""The parts of a classifier.

reader       one model: text to ids, ids to calibrated probabilities
explaining   what each token weighs in an answer
deletion     whether that means something
results      what a classifier says of a text
"""

from __future__ import annotations

from textrnn.models.classifying.deletion import Deletion, deletion_test
from textrnn.models.classifying.explaining import Explanation, explain
from textrnn.models.classifying.reader import Reader, check_alike
from textrnn.models.classifying.results import UNSURE, Classified

__all__ = [
    "UNSURE",
    "Classified",
    "Deletion",
    "Explanation",
    "Reader",
    "check_alike",
    "deletion_test",
    "explain",
]
