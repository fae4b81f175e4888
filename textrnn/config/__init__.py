"""Typed settings: what a recipe may say, key by key, and how a wrong key or value is reported.

A recipe is YAML. It becomes plain data, ``key.path=value`` overrides are laid over it, and the
result is checked against the classes here. An unknown key is an error that gives its
path and the closest known one.

_base        what all settings share
settings     tokenizer, data, encoder; the recipe of a language model
training     how a network is trained
pairs        data and tokenizers of a translator
translation  network of a translator
classification  data and network of a classifier
reading      from YAML and overrides to checked settings
"""

from __future__ import annotations

from textrnn.config._base import Settings
from textrnn.config.classification import (
    ClassificationHeadSettings,
    ClassificationRecipe,
    LabelledDataSettings,
)
from textrnn.config.pairs import MixedInSettings, PairDataSettings, PairTokenizerSection
from textrnn.config.reading import apply_overrides, override_pairs, read_yaml, validate
from textrnn.config.settings import (
    CardSettings,
    DataSettings,
    Direction,
    EncoderSettings,
    LanguageModelHeadSettings,
    LanguageModelRecipe,
    Recipe,
    SetSettings,
    TokenizerSection,
)
from textrnn.config.training import (
    ClassificationTrainingSettings,
    OptimizerSettings,
    RunSettings,
    ScheduleSettings,
    TrainingSettings,
    TranslationTrainingSettings,
    UnfreezeSettings,
    VariableBpttSettings,
)
from textrnn.config.translation import (
    AttentionSettings,
    DecoderSettings,
    TranslationHeadSettings,
    TranslationRecipe,
)

__all__ = [
    "AttentionSettings",
    "CardSettings",
    "ClassificationHeadSettings",
    "ClassificationRecipe",
    "ClassificationTrainingSettings",
    "DataSettings",
    "DecoderSettings",
    "Direction",
    "EncoderSettings",
    "LabelledDataSettings",
    "LanguageModelHeadSettings",
    "LanguageModelRecipe",
    "MixedInSettings",
    "OptimizerSettings",
    "PairDataSettings",
    "PairTokenizerSection",
    "Recipe",
    "RunSettings",
    "ScheduleSettings",
    "SetSettings",
    "Settings",
    "TokenizerSection",
    "TrainingSettings",
    "TranslationHeadSettings",
    "TranslationRecipe",
    "TranslationTrainingSettings",
    "UnfreezeSettings",
    "VariableBpttSettings",
    "apply_overrides",
    "override_pairs",
    "read_yaml",
    "validate",
]
