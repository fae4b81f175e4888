"""Options of models that change with what they read, and of several that answer together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from textrnn.cli._options import as_name
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.engines import Cache, Learning

__all__ = [
    "CacheLambda",
    "CacheSize",
    "CacheTheta",
    "Decay",
    "Ensemble",
    "LearningRate",
    "Segment",
    "read_cache",
    "read_learning",
]

Ensemble = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|DIR|ORG/NAME",
        parser=as_name,
        help="Another model of the same vocabulary or labels to answer together with; repeatable.",
    ),
]
CacheSize = Annotated[
    int | None,
    typer.Option("--cache", metavar="N", help="Remember the last N tokens (neural cache)."),
]
CacheTheta = Annotated[
    float | None,
    typer.Option(metavar="X", help="How much the likeness of states counts in it; 0.3."),
]
CacheLambda = Annotated[
    float | None, typer.Option(metavar="P", help="Its share in the probabilities; 0.2.")
]
LearningRate = Annotated[
    float | None, typer.Option(metavar="X", help="How far a segment moves the parameters; 0.003.")
]
Decay = Annotated[
    float | None,
    typer.Option(metavar="X", help="How strongly they are drawn back to the folder's; 0.001."),
]
Segment = Annotated[
    int | None,
    typer.Option(metavar="N", help="Tokens predicted before they are learnt from; 40."),
]
_OPTIONS = {"cache": "--cache", "theta": "--cache-theta", "lambda": "--cache-lambda"}


def read_cache(size: int | None, theta: float | None, weight: float | None) -> Cache | None:
    """The cache that the options ask for, if any.

    Raises:
        UsageError: a value that is not allowed, or one of a cache that is not there.
    """
    given = {"theta": theta, "weight": weight}
    if size is None:
        _refuse_without("--cache", {"--cache-theta": theta, "--cache-lambda": weight})
        return None
    from textrnn.engines import Cache

    try:
        return Cache(size, **{name: value for name, value in given.items() if value is not None})
    except UsageError as error:
        name, _, rest = str(error).partition(" ")
        raise UsageError(f"{_OPTIONS[name]} {rest}") from error


def read_learning(
    wanted: bool, of: str, learning_rate: float | None, decay: float | None, segment: int | None
) -> Learning | None:
    """How a model is to learn, if it is to.

    Args:
        wanted: whether it is.
        of: the option that says so.
        learning_rate: as given.
        decay: as given.
        segment: as given.

    Raises:
        UsageError: a value that is not allowed, or one of a learning that is not wanted.
    """
    given = {"learning_rate": learning_rate, "decay": decay, "segment": segment}
    if not wanted:
        _refuse_without(of, {f"--{n.replace('_', '-')}": value for n, value in given.items()})
        return None
    from textrnn.engines import Learning

    try:
        return Learning(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except UsageError as error:
        name, _, rest = str(error).partition(" ")
        raise UsageError(f"--{name.replace('_', '-')} {rest}") from error


def _refuse_without(needed: str, options: dict[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} applies beside {needed} only: give both, or leave it out")
