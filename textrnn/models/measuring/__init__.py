"""How fast a model answers on this machine, beside what the machine allows.

machine         what the machine allows, and how times are taken
writing         language models: tokens a second
translation     translators: sentences a second
classification  classifiers: texts a second
"""

from __future__ import annotations

from textrnn.models.measuring.classification import ClassificationSpeed, measure_classification
from textrnn.models.measuring.machine import BATCHES, OnMachine, least_seconds, peak_bytes
from textrnn.models.measuring.translation import TranslationSpeed, measure_translation
from textrnn.models.measuring.writing import Speed, measure_speed

__all__ = [
    "BATCHES",
    "ClassificationSpeed",
    "OnMachine",
    "Speed",
    "TranslationSpeed",
    "least_seconds",
    "measure_classification",
    "measure_speed",
    "measure_translation",
    "peak_bytes",
]
