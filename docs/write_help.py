"""Write docs/help.md: the help page of every command, as a terminal of 80 columns shows it.

    python docs/write_help.py

A test compares the file with what the commands say, so run this after changing one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from textrnn.cli.main import app

TARGET = Path(__file__).with_name("help.md")
HEAD = """# Commands

The help page of every command, written by `docs/write_help.py`.
"""


def paths(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that lead to each command, the root first."""
    yield path
    if isinstance(command, TyperGroup):
        for name in command.list_commands(None):
            yield from paths(command.get_command(None, name), (*path, name))


def help_page() -> str:
    """The whole file."""
    os.environ["COLUMNS"] = "80"
    sections = [HEAD]
    for path in paths(get_command(app)):
        words = " ".join(("textrnn", *path))
        shown = CliRunner().invoke(app, [*path, "--help"], prog_name="textrnn").stdout
        sections.append(f"## {words}\n\n```text\n$ {words} --help\n{shown.strip()}\n```\n")
    return "\n".join(sections)


if __name__ == "__main__":
    TARGET.write_text(help_page(), encoding="utf-8")
