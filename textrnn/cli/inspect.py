"""``textrnn inspect``: pictures of what a model does."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._attention import block_lines, draw_attention
from textrnn.cli._checks import check_picture
from textrnn.cli._fonts import fonts_for
from textrnn.cli._io import in_colour, json_line, open_stdout
from textrnn.cli._models import (
    SHIPPED,
    SHIPPED_CLASSIFIER,
    SHIPPED_TRANSLATOR,
    open_classifier,
    open_folder,
    open_translator,
)
from textrnn.cli._networks import gate_lines, gate_records, gradient_lines
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Model,
    Quiet,
    Seed,
    Threads,
    Verbose,
    as_name,
    as_path,
    examples,
    new_app,
)
from textrnn.cli._saliency import (
    deletion_lines,
    draw_saliency,
    explained_line,
)
from textrnn.errors import UsageError

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
        typer.Option(
            "--output", "-o", metavar="FILE.png", parser=as_path, help="Draw a heat map, as a PNG."
        ),
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
    check_picture(picture)
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
    with open_stdout() as out:
        lines = [json_line(record)] if json else block_lines(seen, width)
        out.writelines(line + "\n" for line in lines)


@app.command(
    epilog=examples(
        "textrnn inspect gradients --output gradients.png",
        "textrnn inspect gradients --cell rnn --cell mingru --length 500",
        'textrnn inspect gradients --model stories-en --text "The dog ran into the wood."',
    )
)
def gradients(
    cells: Annotated[
        list[str] | None,
        typer.Option("--cell", metavar="NAME", help="A fresh cell; rnn, lstm, gru; repeatable."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="A model; repeatable.",
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What models read; the last token counts.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Steps that cells read.  [default: 100]")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.png", parser=as_path, help="Draw it, as a PNG."
        ),
    ] = None,
    seed: Seed = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show how much of the gradient is left, step by step back in time.

    Where it vanishes, the network cannot learn from what stood there: this is why recurrent
    networks have gates. Fresh cells read noise; models read --text.
    """
    from textrnn.inspection import cell_gradients, draw_gradients, model_gradients

    if models and text is None:
        raise UsageError("--model needs a text to read: give --text")
    if text is not None and not models:
        raise UsageError("--text is read by models: give --model, or leave it out")
    if models and not cells and (length is not None or seed is not None):
        raise UsageError("--length and --seed apply to fresh cells: leave them out")
    check_picture(picture)
    fresh = cells or ([] if models else ["rnn", "lstm", "gru"])
    measured = [cell_gradients(cell, length=length or 100, seed=seed or 0) for cell in fresh]
    for name in models or ():
        folder = open_folder(name, "language_modeling")
        measured.append(model_gradients(name, folder, text or ""))
    if picture is not None:
        draw_gradients(measured, picture)
    records = [json_line({"name": one.name, "norms": one.norms}) for one in measured]
    with open_stdout() as out:
        out.writelines(line + "\n" for line in (records if json else gradient_lines(measured)))


@app.command(
    epilog=examples(
        'textrnn inspect gates "The dog ran into the wood."',
        'textrnn inspect gates "The dog ran." -m runs/mine/model --output gates.png',
    )
)
def gates(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the model reads.")],
    picture: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.png", parser=as_path, help="Draw every unit, as a PNG."
        ),
    ] = None,
    model: Model = SHIPPED,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show how far the gates of a language model stand open at each token.

    A line a token: for each layer and gate the mean over its units, 0 is shut and 1 is open.
    --output draws every unit.
    """
    from textrnn.inspection import draw_gates, gate_values

    check_picture(picture)
    folder = open_folder(model, "language_modeling")
    measured = gate_values(folder, text)
    if picture is not None:
        draw_gates(measured, picture, fonts_for(measured.pieces))
    records = map(json_line, gate_records(measured))
    with open_stdout() as out:
        out.writelines(line + "\n" for line in (records if json else gate_lines(measured)))


@app.command(
    epilog=examples(
        'textrnn inspect saliency "Not bad at all." -m runs/sst2/model',
        'textrnn inspect saliency "A joy." -m runs/sst2/model --output weights.html',
    )
)
def saliency(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the classifier reads.")],
    picture: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png|FILE.html",
            parser=as_path,
            help="Draw the tokens on colours.",
        ),
    ] = None,
    model: Model = SHIPPED_CLASSIFIER,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what each token weighs in a classifier's answer.

    A token's weight is in nats of the label's log-probability: above 0 it speaks for the label,
    below 0 against it. The engine onnx finds it by leaving the token out (occlusion), the engine
    torch by integrated gradients.

    The deletion test tells whether the weights mean something: the label's probability without the
    heaviest tokens, and without as many random ones.
    """
    if not text.strip():
        raise UsageError("TEXT is empty: give one that has a word")
    check_picture(picture, "--output", ".html")
    classifier = open_classifier(model, engine=engine, device=device, threads=threads)
    result = classifier.classify(text, explain=True)
    deletion = classifier.deletion_test(result) if result.tokens else []
    if picture is not None:
        draw_saliency(result, picture)
    record = {
        "text": text,
        "label": result.label,
        "score": round(result.score, 6),
        "tokens": [[piece, round(weight, 4)] for piece, weight in result.tokens],
        "method": result.method,
        "deletion": [asdict(one) for one in deletion],
    }
    with open_stdout() as out:
        if json:
            out.write(json_line(record) + "\n")
            return
        out.write(f"{result.label}\t{result.score:.4f}\t{result.method}\n")
        out.write(explained_line(result, in_colour(out)) + "\n")
        out.writelines(line + "\n" for line in deletion_lines(deletion))
