"""What a user holds: a model that takes text and gives text."""

from __future__ import annotations

from textrnn.models.classifier import SentimentClassifier
from textrnn.models.classifying import Classified
from textrnn.models.continuations import ContinuationScore, score_continuations
from textrnn.models.language_model import LanguageModel
from textrnn.models.measuring import (
    ClassificationSpeed,
    Speed,
    TranslationSpeed,
    measure_classification,
    measure_speed,
    measure_translation,
)
from textrnn.models.minimal_pairs import (
    MinimalPair,
    PairAccuracy,
    minimal_pair_accuracy,
    read_minimal_pairs,
)
from textrnn.models.pool import Pool, Request
from textrnn.models.results import Generation, Interrupted, Score, TokenScore
from textrnn.models.session import Session
from textrnn.models.surprisal import WordScore, word_scores
from textrnn.models.translating import (
    AttentionMap,
    Candidate,
    Glossary,
    Translation,
    TranslationOptions,
    TranslationScore,
    TranslationSettings,
)
from textrnn.models.translator import Translator

__all__ = [
    "AttentionMap",
    "Candidate",
    "ClassificationSpeed",
    "Classified",
    "ContinuationScore",
    "Generation",
    "Glossary",
    "Interrupted",
    "LanguageModel",
    "MinimalPair",
    "PairAccuracy",
    "Pool",
    "Request",
    "Score",
    "SentimentClassifier",
    "Session",
    "Speed",
    "TokenScore",
    "Translation",
    "TranslationOptions",
    "TranslationScore",
    "TranslationSettings",
    "TranslationSpeed",
    "Translator",
    "WordScore",
    "measure_classification",
    "measure_speed",
    "measure_translation",
    "minimal_pair_accuracy",
    "read_minimal_pairs",
    "score_continuations",
    "word_scores",
]
