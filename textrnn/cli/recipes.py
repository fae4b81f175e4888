"""``textrnn recipes``: what ships, to be listed, read and copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any

import typer

from textrnn.cli._errors import say
from textrnn.cli._io import aligned, json_line, open_output, open_stdout
from textrnn.cli._options import Json, Quiet, Verbose, as_path, examples, new_app
from textrnn.errors import UsageError

__all__ = ["app", "copy_recipe", "recipe_table"]

app = new_app()
_WIDTH = 80  # of a column of the list


@app.callback()
def recipes() -> None:
    """List, show and copy the recipes that ship."""


@app.command(
    "list", epilog=examples("textrnn recipes list", "textrnn recipes list --json | jq -r .name")
)
def list_command(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """List the recipes: name, what it does, what it reached.

    What is long is cut short; --json and textrnn recipes show have all of it.
    """
    rows = list(recipe_table())
    with open_stdout() as out:
        if json:
            out.writelines(json_line(row) + "\n" for row in rows)
        else:
            out.writelines(
                line + "\n" for line in aligned([list(map(_brief, row.values())) for row in rows])
            )


Name = Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe, or a YAML file.")]


@app.command(epilog=examples("textrnn recipes show lm_stories"))
def show(name: Name, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Print a recipe, header and all."""
    from textrnn.recipe import recipe_path

    with open_stdout() as out:
        out.write(recipe_path(name).read_text(encoding="utf-8"))


@app.command(
    epilog=examples(
        "textrnn recipes copy lm_stories", "textrnn recipes copy lm_stories my_own.yaml"
    )
)
def copy(
    name: Name,
    destination: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|DIR", parser=as_path, help="Where to; RECIPE.yaml here if left out."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Copy a recipe, to change it and train by it."""
    target = copy_recipe(name, destination, force=force)
    say(f"now edit {target} and run: textrnn train {target} --output DIR")


def _brief(text: str) -> str:
    return shorten(text, _WIDTH, placeholder=" …")


def recipe_table() -> Iterator[dict[str, Any]]:
    """One row for each recipe that ships: name, title, and what it reached."""
    from textrnn.recipe import recipe_names, recipe_path, recipe_summary

    for name in recipe_names():
        title, reached = recipe_summary(recipe_path(name))
        yield {"name": name, "title": title, "reached": reached}


def copy_recipe(name: str, destination: Path | None, *, force: bool) -> Path:
    """Copy a recipe to a file, or into a folder, and return the copy's path.

    Raises:
        UsageError: the file exists and ``force`` is not given.
        UnknownNameError: no such recipe.
    """
    from textrnn.recipe import recipe_path

    source = recipe_path(name)
    target = destination or Path()
    if target.is_dir():
        target = target / source.name
    if target.exists() and not force:
        raise UsageError(f"{target} exists: give another name, or --force to replace it")
    with open_output(target) as out:
        out.write(source.read_text(encoding="utf-8"))
    return target
