"""The model card: what a model is, how it was made and what it reached."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from textrnn.config import LanguageModelRecipe
from textrnn.recipe.assembly import Assembly
from textrnn.tasks import Scores

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
    return f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} CPU threads"


def reached_line(scores: Mapping[str, Scores], seconds: float) -> str:
    """One line for lists: the scores on the held-out text and the time it took."""
    parts = [
        f"{split}: {figures['bits_per_byte']:.4f} bits per byte, "
        f"perplexity {figures['perplexity']:.2f} per token"
        for split, figures in scores.items()
    ]
    parts.append(f"{seconds / 60.0:.0f} minutes of training on {machine()}")
    return "; ".join(parts)


def model_card(
    name: str, assembly: Assembly, scores: Mapping[str, Scores], command: str, seconds: float
) -> str:
    """README.md of a language model's folder, in Markdown."""
    recipe: LanguageModelRecipe = assembly.recipe
    parameters = sum(parameter.numel() for parameter in assembly.task.network.parameters())
    encoder = recipe.encoder
    sections = [
        f"# {name}",
        recipe.card.summary or "A language model made with textrnn.",
        "## What it is",
        f"{encoder.layers} x {encoder.cell} of {encoder.hidden_size}, embedding "
        f"{encoder.embedding_size}, {assembly.tokenizer.kind} tokenizer with "
        f"{assembly.tokenizer.vocab_size:,} ids, {parameters:,} parameters stored as "
        f"{recipe.storage}.",
        "## Data",
        recipe.card.data or "Not stated in the recipe.",
        _table(
            ("text", "files", "bytes", "words", "tokens", "unknown"),
            [
                (
                    split,
                    corpus.name,
                    f"{corpus.bytes:,}",
                    f"{corpus.words:,}",
                    f"{corpus.tokens:,}",
                    corpus.unknown,
                )
                for split, corpus in _corpora(assembly)
            ],
        ),
        "## Training",
        f"    {command}",
        f"Seed {recipe.training.seed}, {recipe.training.precision}; {seconds / 60.0:.1f} minutes "
        f"of training on {machine()}. The resolved recipe, every step's loss and the versions "
        "lie in training/.",
        "## Scores",
        "In float32, state carried over the whole text, which is read as "
        f"{recipe.training.evaluate_batch_size} streams side by side; each token but the first is "
        "predicted once, the marks between documents among them.",
        _table(
            (
                "text",
                "bits per byte",
                "perplexity per token",
                "perplexity per word",
                "nats per token",
            ),
            [
                (
                    split,
                    f"{figures['bits_per_byte']:.4f}",
                    f"{figures['perplexity']:.2f}",
                    f"{figures['word_perplexity']:.1f}",
                    f"{figures['loss']:.4f}",
                )
                for split, figures in scores.items()
            ],
        )
        if scores
        else "No held-out text was given.",
        "## Licence",
        recipe.card.licence or "Not stated in the recipe.",
        "## Limits",
        recipe.card.limits or "It says what is likely, not what is true.",
    ]
    return "\n\n".join(sections) + "\n"


def _corpora(assembly: Assembly) -> list[tuple[str, Any]]:
    named = (("train", assembly.train), ("valid", assembly.valid), ("test", assembly.test))
    return [(split, corpus) for split, corpus in named if corpus is not None]


def _table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines)
