"""``textrnn models``: what ships, and what is in a model folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textrnn.cli._errors import say
from textrnn.cli._io import aligned, figure, json_line, open_stdout
from textrnn.cli._options import Json, Quiet, Verbose, as_name, examples, new_app

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["app", "model_facts", "model_table", "plain"]

app = new_app()


@app.callback()
def models() -> None:
    """List the models that ship, and look into a model folder."""


@app.command(
    "list", epilog=examples("textrnn models list", "textrnn models list --json | jq -r .name")
)
def list_command(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """List the models that ship: name, what it is, what it reached."""
    rows = list(model_table())
    if not rows:
        say("no models ship with this build: give a model folder, or a hub id ORG/NAME")
    with open_stdout() as out:
        if json:
            out.writelines(json_line(row) + "\n" for row in rows)
        else:
            table = [[plain(cell) for cell in row.values()] for row in rows]
            out.writelines(line + "\n" for line in aligned(table))


@app.command(
    epilog=examples("textrnn models info stories-en", "textrnn models info runs/wt2/model")
)
def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="A shipped model, a model folder, or a hub id.",
        ),
    ] = "stories-en",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what is in a model folder, after checking every file; then its model card."""
    from textrnn.model_folder import find_model, open_model_folder

    folder = open_model_folder(find_model(name))
    facts, card = model_facts(folder), folder.card()
    with open_stdout() as out:
        if json:
            out.write(json_line({**facts, "card": card}) + "\n")
        else:
            rows = [[key, _readable(value)] for key, value in facts.items()]
            out.writelines(line + "\n" for line in aligned(rows))
            out.write(f"\n{plain(card)}")


def model_table() -> Iterator[dict[str, str]]:
    """One row for each model that ships: name, summary, and what it reached."""
    from textrnn.model_folder import find_model, open_model_folder, shipped_models

    for name in shipped_models():
        config = open_model_folder(find_model(name)).config
        yield {
            "name": name,
            "summary": config.get("summary", ""),
            "reached": config.get("reached", ""),
        }


def model_facts(folder: ModelFolder) -> dict[str, Any]:
    """What a model folder is, and what is in it.

    Raises:
        ModelFolderError: one of its files is damaged.
    """
    from math import prod

    folder.verify()
    config = dict(folder.config)
    files = {name: entry["bytes"] for name, entry in config.pop("files").items()}
    return {
        "path": str(folder.path),
        "task": config.pop("task"),
        "summary": config.pop("summary", ""),
        "reached": config.pop("reached", ""),
        "parameters": sum(map(prod, folder.tensor_shapes().values())),
        "bytes": sum(files.values()),
        **config,
        "files": files,
    }


def plain(text: str) -> str:
    r"""A stranger's text, without what could steer a terminal.

    >>> plain("bold: \x1b[1m\n")
    'bold: \ufffd[1m\n'
    """
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def _readable(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)} {_readable(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_readable, value))
    return plain(figure(value))
