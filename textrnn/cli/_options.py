"""The options that commands share, as annotated types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._errors import set_talk
from textrnn.errors import UnknownNameError

__all__ = [
    "Device",
    "Engine",
    "Input",
    "Json",
    "Model",
    "Output",
    "Quiet",
    "Seed",
    "Threads",
    "TrainingDevice",
    "Verbose",
    "examples",
    "new_app",
    "with_seed_and_threads",
]


def new_app() -> typer.Typer:
    """An application for one command or one group of them: plain help, and no tracebacks."""
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def examples(*lines: str) -> str:
    """The end of a help page: worked examples, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def _hush(quiet: bool) -> bool:
    if quiet:
        set_talk(quiet=True)
    return quiet


def _unhush(verbose: bool) -> bool:
    if verbose:
        set_talk(verbose=True)
    return verbose


def _training_device(device: str) -> str:
    if device not in TRAINING_DEVICES:
        raise UnknownNameError("device", device, TRAINING_DEVICES)
    return device


TRAINING_DEVICES = ("auto", "cpu")

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR|ORG/NAME",
        help="A shipped model, a model folder, or a hub id.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine", metavar="auto|onnx|torch", help="What runs the model.", show_default=True
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:N]|mps", help="Where it runs.")
]
TrainingDevice = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="|".join(TRAINING_DEVICES),
        callback=_training_device,
        help="Where to train.",
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, metavar="N", help="CPU threads to use.")
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", min=0, metavar="N", help="Makes random choices repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout, nothing else there.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_hush, help="Only errors on stderr.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", callback=_unhush, help="Details, and the traceback of an error."
    ),
]
Input = Annotated[
    Path | None,
    typer.Option(
        "--input", "-i", metavar="FILE", help="Read texts from a file, one a line; - is stdin."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the result to a file, atomically."),
]


def with_seed_and_threads(
    overrides: Sequence[str] | None, seed: int | None, threads: int | None
) -> list[str]:
    """A recipe's overrides, with the two that have options of their own.

    >>> with_seed_and_threads(["training.epochs=3"], 7, None)
    ['training.epochs=3', 'training.seed=7']
    """
    named = {"seed": seed, "threads": threads}
    options = [f"training.{name}={value}" for name, value in named.items() if value is not None]
    return [*(overrides or ()), *options]
