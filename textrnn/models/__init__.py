"""What a user holds: a model that takes text and gives text."""

from __future__ import annotations

from textrnn.models.language_model import LanguageModel
from textrnn.models.measuring import Speed, measure_speed
from textrnn.models.results import Generation, Score, TokenScore
from textrnn.models.session import Session

__all__ = [
    "Generation",
    "LanguageModel",
    "Score",
    "Session",
    "Speed",
    "TokenScore",
    "measure_speed",
]
