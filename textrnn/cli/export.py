"""``textrnn export``: the graphs of a model folder, made again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textrnn.cli._io import aligned, json_line, open_stdout
from textrnn.cli._options import Json, Quiet, Verbose, as_name, as_path, examples, new_app

if TYPE_CHECKING:
    from textrnn.recipe import ExportReport

__all__ = ["app", "report_lines"]

app = new_app()


@app.command(
    epilog=examples(
        "textrnn export runs/stories/model",
        "textrnn export runs/stories/model --precision float32",
        "textrnn export stories-en --output stories --json",
    )
)
def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="A shipped model, a model folder, or a hub id.",
        ),
    ],
    precision: Annotated[
        str, typer.Option(metavar="int8|float32", help="Of the graphs' weights.")
    ] = "int8",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            parser=as_path,
            help="Write another folder; the model's own stays.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the ONNX graphs of a model again, measured against its network.

    The engine onnx runs them without PyTorch. Training ends by writing them in int8.
    """
    from textrnn import recipe as recipes

    report = recipes.export(model, precision=precision, output=output)
    with open_stdout() as out:
        if json:
            out.write(json_line(asdict(report) | {"path": str(report.path)}) + "\n")
        else:
            out.writelines(line + "\n" for line in report_lines(report))


def report_lines(report: ExportReport) -> list[str]:
    """A report as a person reads it."""
    return aligned(
        [
            ("model", str(report.path)),
            ("precision", report.precision),
            ("graphs", f"{report.bytes / 1e6:.1f} MB"),
            ("greatest difference of a logit", f"{report.logit_difference:.2g}"),
            ("divergence from the network", f"{report.divergence:.2g} nats a token"),
        ]
    )
