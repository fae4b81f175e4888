"""The options that commands share, as annotated types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._errors import set_talk
from textrnn.errors import UnknownNameError, UsageError

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
    "as_name",
    "as_path",
    "examples",
    "new_app",
    "option_names",
    "with_seed_and_threads",
]


def new_app() -> typer.Typer:
    """An application for one command or one group of them: plain help, and no tracebacks."""
    return typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


def examples(*lines: str) -> str:
    """The end of a help page: worked examples, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def as_path(text: str) -> Path:
    """What an option that names a file or a folder was given.

    Raises:
        BadParameter: nothing, which would be the folder that the command runs in.
    """
    return Path(as_name(text))


def as_name(text: str) -> str:
    """What an option that names a model or data was given; see :func:`as_path`."""
    if not text:
        raise typer.BadParameter("the name is empty, give one")
    return text


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
_QUOTED = r"(?<!\w)'[^']*'(?!\w)"
_WAYS_OF_A_WORD = (
    r"^(%s)(?![\w-])",
    r"(?<![\w.-])(%s)(?= is | does | stands | has |=|\)| \d+\))",
    r"(?<=[:,] )(%s)(?=[,)])",
    r"(?<=give )(%s)(?= too)",
)

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR|ORG/NAME",
        parser=as_name,
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
        "--input",
        "-i",
        metavar="FILE",
        parser=as_path,
        help="Read texts from a file (.gz too), one a line; - is stdin.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=as_path,
        help="Write the result to a file, atomically.",
    ),
]


@contextmanager
def option_names(names: Iterable[str], **others: str) -> Iterator[None]:
    """Let errors say ``--top-p`` where the library says ``top_p``.

    Args:
        names: of options. One that is an English word too is meant where it begins the message, has
            a verb behind it or stands in a list.
        others: names of the library's that the command line has by another name.
    """

    def option(found: re.Match[str]) -> str:
        return "--" + others.get(found[0], found[0]).replace("_", "-")

    try:
        yield
    except UsageError as error:
        names, quoted = list(names), re.findall(_QUOTED, str(error))
        message = re.sub(_QUOTED, "\0", str(error))  # the user's own words stay
        for way, some in (
            (r"(?<![\w.-])(%s)(?![\w-])", [name for name in names if "_" in name]),
            *((way, [name for name in names if "_" not in name]) for way in _WAYS_OF_A_WORD),
        ):
            if some:
                message = re.sub(way % "|".join(some), option, message)
        raise UsageError(re.sub("\0", lambda _: quoted.pop(0), message)) from error


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
