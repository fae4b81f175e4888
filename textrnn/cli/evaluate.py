"""``textrnn evaluate``: the scores of a model on a data set, alone or against another model's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textrnn.cli._io import aligned, figure, json_line, open_output
from textrnn.cli._models import SHIPPED, open_language_model, refuse_for_language_models
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Model,
    Output,
    Quiet,
    Threads,
    Verbose,
    examples,
    new_app,
)
from textrnn.errors import DataError, UsageError

if TYPE_CHECKING:
    from textrnn.metrics import Comparison
    from textrnn.models import LanguageModel

__all__ = ["Data", "Place", "app", "comparison_line", "evaluate_models"]

app = new_app()

AT_ONCE = 256  # lines scored at once


@app.command(
    epilog=examples(
        "textrnn evaluate --data book.txt",
        "textrnn evaluate -m runs/stories/model --data texts/ --split valid --json",
        "textrnn evaluate -m runs/mine/model --data book.txt --compare stories-en",
    )
)
def evaluate(
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="PATH|HUB_ID", help="A file, a folder, or a set on the hub."
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the hub set, or the file in the folder."),
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="NAME", help="The text's column where the data is a table.")
    ] = "text",
    references: Annotated[
        str | None, typer.Option(metavar="FILE", help="Of a translator: the translations.")
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR|ORG/NAME", help="Another model, and a paired bootstrap."),
    ] = None,
    model: Model = SHIPPED,
    output: Output = None,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure a model on a data set.

    For a language model: perplexity per token and per word, bits per byte and nats per token, the
    state carried along the whole text. --compare takes the text line by line, both models anew on
    each line, and tells how far the difference in bits per byte could be chance. A folder's 8-bit
    graphs are what --engine auto runs; --engine torch gives the figures in float32.
    """
    refuse_for_language_models(references=references)
    if compare == model:
        raise UsageError(f"--compare {compare} is the model itself: name another one")
    names = [model] if compare is None else [model, compare]
    place = Place(engine, device, threads)
    evaluate_models(names, Data(data, split, column), place, output, as_json=json)


@dataclass(frozen=True)
class Data:
    """What to measure on."""

    data: str
    split: str | None
    column: str


@dataclass(frozen=True)
class Place:
    """What runs the models, and where."""

    engine: str
    device: str
    threads: int | None


def evaluate_models(
    names: list[str], data: Data, place: Place, output: Path | None, *, as_json: bool
) -> None:
    """Write the scores of one model, or of two with a comparison."""
    from textrnn import recipe as recipes

    scores = {name: recipes.evaluate(name, **vars(data), **vars(place)) for name in names}
    comparison = _compared(names, data, place) if len(names) == 2 else None
    with open_output(output) as out:
        if as_json:
            for name, figures in scores.items():
                out.write(json_line({"model": name, **vars(data), **figures}) + "\n")
            if comparison is not None:
                out.write(json_line({"comparison": names, **asdict(comparison)}) + "\n")
            return
        rows = [["", *scores]] if comparison is not None else []
        for key in scores[names[0]]:
            row = [key.replace("_", " "), *(figure(figures[key]) for figures in scores.values())]
            rows.append(row)
        out.writelines(line + "\n" for line in aligned(rows))
        if comparison is not None:
            out.write(comparison_line(comparison) + "\n")


def _compared(names: list[str], data: Data, place: Place) -> Comparison:
    """Bits per byte of two models over the same lines.

    Raises:
        DataError: the data has no line with text.
    """
    from textrnn.metrics import paired_bootstrap
    from textrnn.recipe.evaluation import find_text

    source = find_text(data.data, data.split, data.column)
    lines = [line for document in source.documents("line") for line in document if line.strip()]
    if not lines:
        raise DataError(f"{data.data} has no line with text: there is nothing to compare on")
    first, second = (list(_bits(open_language_model(name, **vars(place)), lines)) for name in names)
    return paired_bootstrap(first, second, [len(line.encode()) for line in lines])


def _bits(model: LanguageModel, lines: list[str]) -> Iterator[float]:
    rest = iter(lines)
    while chunk := list(islice(rest, AT_ONCE)):
        yield from (score.bits for score in model.score(chunk))


def comparison_line(comparison: Comparison) -> str:
    """The difference in bits per byte, its interval, and how it was made.

    >>> from textrnn.metrics import paired_bootstrap
    >>> comparison_line(paired_bootstrap([8, 8, 8], [6, 6, 6], [4, 4, 4]))  # doctest: +ELLIPSIS
    'line by line: 2.0000 and 1.5000 bits per byte; difference -0.5000 (95% from -0.5000 to ...'
    """
    interval = comparison.interval
    between = f" (95% from {interval[0]:+.4f} to {interval[1]:+.4f})" if interval else ""
    return (
        f"line by line: {comparison.first:.4f} and {comparison.second:.4f} bits per byte; "
        f"difference {comparison.second - comparison.first:+.4f}{between}, "
        f"p = {comparison.p_value:.3f}; {comparison.making}"
    )
