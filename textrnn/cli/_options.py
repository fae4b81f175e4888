"""The options that commands share, as annotated types."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._errors import set_talk

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
    "Verbose",
    "examples",
    "new_app",
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
