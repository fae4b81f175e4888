"""``textrnn inspect``: pictures of what a model does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._attention import block_lines, draw_attention
from textrnn.cli._io import json_line, open_output
from textrnn.cli._models import SHIPPED_TRANSLATOR, open_translator
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Model,
    Quiet,
    Threads,
    Verbose,
    examples,
    new_app,
)

__all__ = ["app"]

app = new_app()


@app.callback()
def inspect() -> None:
    """Look into a model: pictures of what it does."""


@app.command(
    epilog=examples(
        'textrnn inspect attention "Where is the station?"',
        'textrnn inspect attention "I am here." "Ich bin hier." --output attention.png',
    )
)
def attention(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A sentence.")],
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", help="Its translation; the model's own if left out."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png", help="Draw a heat map, as a PNG."),
    ] = None,
    model: Model = SHIPPED_TRANSLATOR,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show where a translator looks while it writes each word.

    Target words stand below each other, source words side by side; the darker a block, the more
    the decoder looked at that word. Words stand between white space; in scripts without spaces
    they are tokens.
    """
    mt = open_translator(model, engine=engine, device=device, threads=threads)
    seen = mt.attention(source, target)
    if picture is not None:
        draw_attention(seen, picture)
    record = {
        "source_words": list(seen.source_words),
        "target_words": list(seen.target_words),
        "weights": [[round(weight, 4) for weight in row] for row in seen.weights.tolist()],
    }
    width = shutil.get_terminal_size().columns
    with open_output(None) as out:
        lines = [json_line(record)] if json else block_lines(seen, width)
        out.writelines(line + "\n" for line in lines)
