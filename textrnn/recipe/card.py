"""The model card: what a model is, how it was made and what it reached."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib import metadata

from textrnn.recipe.tasks import Assembly, Figures
from textrnn.training.report import duration

__all__ = ["model_card", "reached_line", "versions"]


def versions() -> dict[str, str]:
    """Of Python, this package and what it stands on."""
    packages = ("torch", "numpy", "accelerate", "sentencepiece", "datasets", "safetensors")
    found = {name: metadata.version(name) for name in packages}
    from textrnn import __version__

    return {"python": sys.version.split()[0], "textrnn": __version__, **found, "machine": machine()}


def machine() -> str:
    """The kind of machine, in words."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    cores = "1 CPU thread" if threads == 1 else f"{threads} CPU threads"
    return f"{platform.system()} {platform.machine()}, {cores}"


def reached_line(assembly: Assembly, scores: Mapping[str, Figures], seconds: float) -> str:
    """One line for lists: the scores on the held-out data and the time it took."""
    scored = assembly.reached(scores)
    trained = f"{duration(seconds)} of training on {machine()}"
    return f"{scored}; {trained}" if scored else trained


def model_card(
    name: str,
    assembly: Assembly,
    scores: Mapping[str, Figures],
    command: str,
    seconds: float,
    speed: str = "",
) -> str:
    """README.md of a model folder, in Markdown; ``speed`` says in words how fast it answers."""
    recipe = assembly.recipe
    parameters = sum(parameter.numel() for parameter in assembly.task.network.parameters())
    sections = [
        f"# {name}",
        recipe.card.summary or f"A model for {recipe.task.replace('_', ' ')} made with textrnn.",
        "## What it is",
        f"{assembly.described()}, {parameters:,} parameters stored as {recipe.storage}.",
        "## Data",
        recipe.card.data or "Not stated in the recipe.",
        assembly.data_table(),
        *assembly.notices(),
        "## Training",
        f"    {command}",
        f"Seed {recipe.training.seed}, {recipe.training.precision}; {duration(seconds)} of "
        f"training on {machine()}. The resolved recipe, every step's loss and the versions lie in "
        "training/.",
        "## Scores",
        assembly.scored(scores),
        *(["## Speed", speed] if speed else []),
        "## Licence",
        recipe.card.licence or "Not stated in the recipe.",
        "## Limits",
        recipe.card.limits or assembly.limits,
    ]
    return "\n\n".join(sections) + "\n"
