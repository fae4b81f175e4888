"""Which recipes there are, where they lie, and what their headers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textrnn.config import Recipe, apply_overrides, read_yaml, validate
from textrnn.errors import UnknownNameError, UsageError
from textrnn.recipe.tasks import FAMILY

__all__ = ["load_recipe", "recipe_names", "recipe_path", "recipe_summary"]

PACKAGE = Path(__file__).parent.parent
RECIPE_FOLDERS = (PACKAGE.parent / "recipes", PACKAGE / "_recipes")


def recipe_names() -> list[str]:
    """The shipped recipes, sorted.

    >>> "lm_stories" in recipe_names()
    True
    """
    return sorted({path.stem for folder in RECIPE_FOLDERS for path in folder.glob("*.yaml")})


def recipe_path(name: str | Path) -> Path:
    """The file of a recipe: a path to one, or a shipped name.

    Raises:
        UnknownNameError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    for folder in RECIPE_FOLDERS:
        shipped = folder / f"{name}.yaml"
        if shipped.is_file():
            return shipped
    raise UnknownNameError("recipe", str(name), recipe_names())


def recipe_summary(path: Path) -> tuple[str, str]:
    """What the header comment says: the recipe's first line, and what it reached.

    The header is the run of comment lines at the top; the line that begins with ``Reached:`` and
    the indented ones after it say what a run reached.
    """
    header = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        header.append(line.removeprefix("#"))
    title = header[0].strip() if header else ""
    reached: list[str] = []
    for line in header:
        if line.strip().startswith("Reached:"):
            reached.append(line.strip().removeprefix("Reached:").strip())
        elif reached and line.startswith("   "):
            reached.append(line.strip())
        elif reached:
            break
    return title, " ".join(reached)


def load_recipe(name: str | Path, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """A recipe, checked whole.

    Raises:
        UnknownNameError: no such recipe or task.
        UsageError: a key or a value that is not allowed, with its path.

    >>> load_recipe("lm_stories", ["training.seed=7"]).training.seed
    7
    """
    path = recipe_path(name)
    return _checked(apply_overrides(read_yaml(path), overrides), f"recipe {path.name}")


def _checked(data: dict[str, Any], where: str) -> Recipe:
    """A recipe, and the one that it says is to be run first."""
    task, first = data.get("task"), data.get("pretraining")
    if task is None:
        raise UsageError(f"{where}: task is missing (known: {', '.join(FAMILY.names())})")
    if isinstance(first, dict):
        data = data | {"pretraining": _checked(first, f"{where}, pretraining")}
    assembly = FAMILY.get(str(task))
    recipe = validate(assembly.settings, data, where)
    try:
        if assembly.generation is not None:
            assembly.generation().resolve(recipe.generation)
        elif recipe.generation:
            raise UsageError(f"a model for {task} generates nothing: leave it out")
    except UsageError as error:  # the model, once trained, could not be opened
        raise UsageError(f"{where}: generation: {error}") from error
    return recipe
