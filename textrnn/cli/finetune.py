"""``textrnn finetune``: a model goes on training with data of one's own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textrnn.cli._errors import say
from textrnn.cli._io import aligned, figure, json_line, open_stdout
from textrnn.cli._options import (
    Json,
    Quiet,
    Seed,
    Threads,
    TrainingDevice,
    Verbose,
    as_name,
    as_path,
    examples,
    new_app,
    option_names,
    with_seed_and_threads,
)

if TYPE_CHECKING:
    from textrnn.recipe import FinetuneReport

__all__ = ["Tuning", "app", "report_lines", "run_finetuning"]

app = new_app()

SHOWN = ("bits_per_byte", "perplexity", "BLEU", "chrF2", "TER", "accuracy", "macro_f1", "ece")


@app.command(
    epilog=examples(
        "textrnn finetune stories-en --data my_book.txt --minutes 10 --output runs/mine",
        "textrnn finetune stories-en --data letters/ --epochs 3 --output runs/letters",
        "textrnn finetune runs/en-de/model --data pairs.tsv --output runs/mine",
    )
)
def finetune(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="A shipped model, a model folder, or a hub id.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="PATH|HUB_ID", parser=as_name, help="The text to learn from."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", parser=as_path, help="The run's folder."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.PATH=VALUE", help="Settings that replace the recipe's."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="End after so much training.")
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(metavar="N", help="End after so many times over the text; 3 by default."),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The text's column in a table; text by default."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a translator: the source's ending or column."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a translator: the target's ending or column."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a classifier: the label's column; label."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")
    ] = False,
    threads: Threads = None,
    seed: Seed = None,
    device: TrainingDevice = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Go on training a model with data of your own.

    The recipe is lm_finetune for a language model, translate_finetune for a translator, which
    learns from sentence pairs (a tsv, csv, jsonl or parquet file with two columns, or two files by
    what stands before .SOURCE and .TARGET), and sentiment_finetune for a classifier, which learns
    from labelled texts. A tenth is held out. Prints the model folder and the scores before and
    after, on what was held out and on what the model was validated on before.
    """
    tuning = Tuning(
        model, data, output, minutes, epochs, column, source, target, label, resume, device
    )
    settings = with_seed_and_threads(overrides, seed, threads)
    with option_names(("minutes", "epochs")):
        run_finetuning(tuning, settings, as_json=json, quiet=quiet)


@dataclass(frozen=True)
class Tuning:
    """What :func:`textrnn.recipe.finetune` is asked to do, its overrides aside."""

    model: str
    data: str
    output: Path
    minutes: float | None
    epochs: float | None
    column: str | None
    source: str | None
    target: str | None
    label: str | None
    resume: bool
    device: str


def run_finetuning(tuning: Tuning, overrides: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    """Fine-tune, tell the run on stderr, and print the report."""
    from textrnn import recipe as recipes
    from textrnn.cli._progress import is_first_process, telling

    with open_stdout() as out:
        try:
            with telling(sys.stderr, quiet=quiet, records=out if as_json else None) as listen:
                report = recipes.finetune(**vars(tuning), overrides=overrides, on_event=listen)
        except KeyboardInterrupt:
            say(f"to go on from the checkpoint in {tuning.output}: the same command with --resume")
            raise
        if is_first_process():
            record = {**asdict(report), "model": str(report.model)}
            lines = [json_line(record)] if as_json else report_lines(report)
            out.writelines(line + "\n" for line in lines)


def report_lines(report: FinetuneReport) -> list[str]:
    """The model folder, and a table of the scores before and after."""
    rows: list[list[str]] = [["", "before", "after"]]
    pairs: list[tuple[str, Any]] = [("new text", report.new), ("old text", report.old)]
    for name, pair in pairs:
        for score in SHOWN if pair is not None else ():
            if score not in pair[0]:
                continue
            title = f"{score.replace('_', ' ')}, {name}"
            rows.append([title, *(figure(scores[score]) for scores in pair)])
    return [str(report.model), *aligned(rows)]
