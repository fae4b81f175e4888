"""``textrnn train``: a recipe becomes a model folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textrnn.cli._checks import check_picture
from textrnn.cli._errors import say
from textrnn.cli._io import aligned, figure, json_line, open_stdout
from textrnn.cli._options import (
    Json,
    Quiet,
    Seed,
    Threads,
    TrainingDevice,
    Verbose,
    as_path,
    examples,
    new_app,
    with_seed_and_threads,
)
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.recipe import DryRun

__all__ = ["Run", "app", "estimate_lines", "print_dry_run", "print_range_test", "run_recipe"]

app = new_app()

FIND = "--find-learning-rate"


@app.command(
    epilog=examples(
        "textrnn train lm_stories --output runs/stories",
        "textrnn train lm_stories data.path=texts training.epochs=3 --dry-run",
        "textrnn train lm_stories data.path=texts --find-learning-rate --output rates.png",
        "textrnn train lm_stories --output runs/stories --resume",
        "torchrun --nproc-per-node 2 -m textrnn train lm_stories --output runs/stories",
    )
)
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A shipped recipe, or a YAML file.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.PATH=VALUE", help="Settings that replace the recipe's."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            parser=as_path,
            help="The run's folder; DIR/model is the model.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")
    ] = False,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Build everything, do one step, estimate; leave no file."),
    ] = False,
    find_learning_rate: Annotated[
        bool,
        typer.Option(
            "--find-learning-rate",
            help="Raise the rate over 100 steps and suggest one; --output FILE.png draws the loss.",
        ),
    ] = False,
    threads: Threads = None,
    seed: Seed = None,
    device: TrainingDevice = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a model by a recipe.

    Ctrl-C keeps a checkpoint to go on from with --resume. Prints the model folder.
    """
    settings = with_seed_and_threads(overrides, seed, threads)
    looks = [name for name, given in (("--dry-run", dry), (FIND, find_learning_rate)) if given]
    if looks and resume:
        raise UsageError(f"--resume does not apply to {looks[0]}: leave one of them out")
    if len(looks) == 2:
        raise UsageError(f"{looks[0]} does not apply to {looks[1]}: leave one of them out")
    if dry:
        return print_dry_run(recipe, settings, output, device, as_json=json)
    if find_learning_rate:
        return print_range_test(recipe, settings, output, device, as_json=json)
    if output is None:
        raise UsageError("--output is missing: name the folder that the run is to write")
    return run_recipe(Run(recipe, settings, output, resume, device), as_json=json, quiet=quiet)


@dataclass(frozen=True)
class Run:
    """What to train, where to, and how to begin."""

    recipe: str
    overrides: Sequence[str]
    output: Path
    resume: bool
    device: str


def run_recipe(run: Run, *, as_json: bool, quiet: bool) -> None:
    """Train, tell the run on stderr, and print the model folder; as JSON, every event before it."""
    from textrnn import recipe as recipes
    from textrnn.cli._progress import is_first_process, telling

    with open_stdout() as out:
        try:
            with telling(sys.stderr, quiet=quiet, records=out if as_json else None) as listen:
                folder = recipes.train(
                    run.recipe,
                    output=run.output,
                    overrides=run.overrides,
                    resume=run.resume,
                    on_event=listen,
                    device=run.device,
                )
        except KeyboardInterrupt:
            say(f"to go on from the checkpoint in {run.output}: the same command with --resume")
            raise
        if is_first_process():
            out.write((json_line({"model": str(folder)}) if as_json else str(folder)) + "\n")


def print_dry_run(
    recipe: str, overrides: Sequence[str], output: Path | None, device: str, *, as_json: bool
) -> None:
    """Print what the run would take."""
    from textrnn import recipe as recipes

    estimate = recipes.dry_run(recipe, overrides, output=output, device=device)
    for notice in estimate.notices:
        say(notice)
    with open_stdout() as out:
        if as_json:
            out.write(json_line(asdict(estimate)) + "\n")
        else:
            out.writelines(line + "\n" for line in estimate_lines(estimate))


def print_range_test(
    recipe: str, overrides: Sequence[str], picture: Path | None, device: str, *, as_json: bool
) -> None:
    """Print the learning rate that a range test suggests, and draw its curve where asked to."""
    from textrnn import recipe as recipes

    check_picture(picture)
    test = recipes.find_learning_rate(recipe, overrides, device=device)
    if picture is not None:
        test.draw(picture)
    with open_stdout() as out:
        if as_json:
            out.write(json_line({"suggestion": test.suggestion, **asdict(test)}) + "\n")
        else:
            out.write(f"learning rate  {test.suggestion:.2g}\n")


def estimate_lines(estimate: DryRun) -> list[str]:
    """An estimate as a person reads it."""
    from textrnn.training.report import duration

    readable = {
        "step_seconds": f"{1000 * estimate.step_seconds:,.1f} ms",
        "seconds": duration(estimate.seconds),
        "peak_bytes": f"{estimate.peak_bytes / 2**20:,.0f} MiB",
    }
    return aligned(
        [
            (name.removesuffix("_bytes").replace("_", " "), readable.get(name, figure(value)))
            for name, value in asdict(estimate).items()
            if name != "notices"
        ]
    )
