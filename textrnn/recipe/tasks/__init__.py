"""What a run of a recipe must know of its task. An open folder: a file is a task.

>>> FAMILY.names()
('classification', 'language_modeling', 'translation')
"""

from __future__ import annotations

from pathlib import Path

from textrnn.recipe.tasks._base import Asked, Assembly, Figures, HeldOut
from textrnn.registry import Family

__all__ = ["FAMILY", "Asked", "Assembly", "Figures", "HeldOut"]

FAMILY: Family[type[Assembly]] = Family(__name__, Path(__file__).parent, "task")
