"""The output folder of a run: where things are, and whether it may be written or gone on with."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from textrnn.config import Recipe
from textrnn.errors import UsageError

__all__ = ["RECIPE", "RunFolder", "recipe_text"]

RECIPE = "training/recipe.yaml"
"""Where a model folder has the recipe that it was trained by."""


@dataclass(frozen=True)
class RunFolder:
    """The places in a run's output folder."""

    path: Path

    @property
    def model(self) -> Path:
        """The model folder."""
        return self.path / "model"

    @property
    def metrics(self) -> Path:
        """metrics.jsonl."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def cache(self) -> Path:
        """Encoded text."""
        return self.path / "cache"

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def pretraining(self) -> RunFolder:
        """The run of the recipe that is run first, where there is one."""
        return RunFolder(self.path / "pretraining")

    def open(self, recipe: Recipe, *, resume: bool) -> None:
        """Make the folder, or check that it can be gone on with.

        Raises:
            UsageError: a run is there and ``resume`` was not asked for, or its recipe was another
                one.
        """
        resolved = recipe.model_dump(mode="json")
        if resume:
            if not self.recipe.exists():
                raise UsageError(f"nothing to resume: there is no run in {self.path}")
            before = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
            if before != resolved:
                raise UsageError(
                    f"cannot resume {self.path}: it was begun with {_difference(before, resolved)}"
                )
            return
        self.refuse_taken()
        self.path.mkdir(parents=True, exist_ok=True)
        self.recipe.write_text(recipe_text(recipe), encoding="utf-8")

    def refuse_taken(self) -> None:
        """Refuse to write where something is already.

        Raises:
            UsageError: the path is a file, lies under one, or is a folder with more in it than a
                cache.
        """
        above = next((folder for folder in self.path.parents if folder.exists()), None)
        if above is not None and not above.is_dir():
            raise UsageError(f"output {self.path}: {above} is a file, so choose another folder")
        if self.path.is_dir():
            taken = any(inside != self.cache for inside in self.path.iterdir())
        else:
            taken = self.path.exists()
        if taken:
            raise UsageError(
                f"output {self.path} is not empty: choose another folder, or go on with its run "
                "by --resume"
            )

    def give_up(self) -> None:
        """Take back what was made for a run that could not begin, so that it can be begun anew.

        With a model that was trained for it first, the run is left, to be gone on with.
        """
        if self.pretraining.model.exists():
            return
        shutil.rmtree(self.cache, ignore_errors=True)
        self.recipe.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()


def recipe_text(recipe: Recipe) -> str:
    """A recipe, every setting of it, as a file that may be trained from again."""
    settings = recipe.model_dump(mode="json")
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def _difference(before: Any, now: Any, path: str = "") -> str:
    """The first key in which two resolved recipes differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if before.get(key) != now.get(key):
                return _difference(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))
    return f"{path} = {before!r}, and is now asked for {now!r}"
