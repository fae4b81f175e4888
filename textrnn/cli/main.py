"""The ``textrnn`` command: a table of commands, each imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from textrnn.cli._errors import explained, set_talk
from textrnn.cli._options import examples, new_app
from textrnn.errors import UnknownNameError

__all__ = ["COMMANDS", "app"]

COMMANDS = {
    "generate": "Go on with a text, by a language model.",
    "translate": "Translate lines, by a translator.",
    "sentiment": "Label texts, with probabilities.",
    "score": "Tell how probable a text is under a language model.",
    "evaluate": "Measure a model on a data set.",
    "train": "Train a model by a recipe.",
    "finetune": "Go on training a model with data of your own.",
    "tokenizer": "Train, use and look into tokenizers.",
    "recipes": "List, show and copy the recipes that ship.",
    "models": "List the models that ship, and look into a model folder.",
    "export": "Write the ONNX graphs of a model again, measured against its network.",
    "bench": "Measure tokens per second, first-token time and memory.",
    "inspect": "Look into a model: pictures of what it does.",
    "doctor": "Say what is installed, what is missing, and how to install it.",
}


class _Commands(TyperGroup):
    """The table as a Typer group: help costs no import, a command costs its own file.

    Contexts are typed ``Any`` because Typer keeps its Click private.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            raise UnknownNameError("command", cmd_name, COMMANDS)
        if cmd_name not in self.commands:
            sub_app: typer.Typer = import_module(f"textrnn.cli.{cmd_name}").app
            sub_app.rich_markup_mode = None  # plain help, and no time spent on importing rich
            self.commands[cmd_name] = get_command(sub_app)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(self, *words: Any, **extra: Any) -> Any:
        with explained():  # the options before the command; --help writes here
            return super().make_context(*words, **extra)

    def invoke(self, ctx: Any) -> Any:
        with explained():
            return super().invoke(ctx)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        set_talk()
        sys.exit(super().main(args, *rest, **{**extra, "standalone_mode": False}) or 0)


app = new_app()


def _version(asked: bool) -> None:
    if asked:
        from textrnn import __version__

        typer.echo(f"textrnn {__version__}")
        raise typer.Exit


@app.callback(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples(
        'textrnn generate --prompt "Once upon a time"',
        "textrnn train lm_stories --output runs/stories",
    ),
)
def textrnn(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Recurrent neural networks for text: train them, generate with them, ship them."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
