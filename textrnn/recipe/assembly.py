"""From a recipe to a task that is ready to train: tokenizers, data, network."""

from __future__ import annotations

from pathlib import Path

from textrnn.config import Recipe
from textrnn.errors import UsageError
from textrnn.recipe.tasks import FAMILY, Assembly
from textrnn.recipe.vocabulary import remap_vocabulary

__all__ = ["Assembly", "assemble", "remap_vocabulary"]


def assemble(recipe: Recipe, cache: Path, place: tuple[int, int] = (0, 1)) -> Assembly:
    """Read, encode and build what the recipe names.

    Args:
        recipe: the recipe.
        cache: a folder for the encoded text and a tokenizer that is trained.
        place: this process's rank, and how many there are.

    Raises:
        DataError: the text cannot be read.
        UsageError: the recipe does not fit the model it starts from, or that is yet to be trained.
    """
    if recipe.pretraining is not None:
        raise UsageError(
            "the model that this recipe starts from is yet to be trained, by its section "
            "pretraining: to look at this part alone, give pretraining=null init_from=MODEL"
        )
    return FAMILY.get(recipe.task).make(recipe, cache, place)
