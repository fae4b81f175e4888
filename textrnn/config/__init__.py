"""Typed settings: what a recipe may say, key by key, and how a wrong key or value is reported.

A recipe is YAML. It becomes plain data, ``key.path=value`` overrides are laid over it, and the
result is checked against the classes in ``settings``. An unknown key is an error that gives its
path and the closest known one.
"""

from __future__ import annotations

from textrnn.config.reading import apply_overrides, override_pairs, read_yaml, validate
from textrnn.config.settings import (
    CardSettings,
    DataSettings,
    EncoderSettings,
    LanguageModelHeadSettings,
    LanguageModelRecipe,
    OptimizerSettings,
    ScheduleSettings,
    Settings,
    TokenizerSection,
    TrainingSettings,
    UnfreezeSettings,
)

__all__ = [
    "CardSettings",
    "DataSettings",
    "EncoderSettings",
    "LanguageModelHeadSettings",
    "LanguageModelRecipe",
    "OptimizerSettings",
    "ScheduleSettings",
    "Settings",
    "TokenizerSection",
    "TrainingSettings",
    "UnfreezeSettings",
    "apply_overrides",
    "override_pairs",
    "read_yaml",
    "validate",
]
