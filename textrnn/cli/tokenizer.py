"""``textrnn tokenizer``: train one, encode and decode with it, and see how well it fits a text."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from textrnn.cli._io import aligned, json_line, open_output, open_stdout, read_texts
from textrnn.cli._options import (
    Input,
    Json,
    Output,
    Quiet,
    Verbose,
    as_name,
    as_path,
    examples,
    new_app,
    option_names,
)
from textrnn.cli._tokenizer import (
    STDIN,
    encoded,
    measured,
    open_tokenizer,
    parse_ids,
    readable,
    train_folder,
)
from textrnn.errors import UsageError
from textrnn.tokenizers import FAMILY, decoded_lines, read_lines

__all__ = ["app", "write_facts"]

app = new_app()

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|DIR|ORG/NAME",
        parser=as_name,
        help="A tokenizer in vocab/, a tokenizer's folder, or a model: its tokenizer.",
    ),
]
Texts = Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="The texts; - is stdin.")]
Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="The ids of one text; - is stdin.")
]


@app.callback()
def tokenizer() -> None:
    """Train, use and look into tokenizers."""


@app.command(
    epilog=examples(
        "textrnn tokenizer train --vocab-size 8000 --input a.txt --input b.txt --output vocab/ab",
        "textrnn tokenizer train --kind word --min-frequency 3 --input a.txt.gz --output words",
        "textrnn tokenizer train --kind byte --output bytes",
    )
)
def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", parser=as_path, help="Its folder.")
    ],
    kind: Annotated[
        str, typer.Option(metavar="|".join(FAMILY.names()), help="What a token is.")
    ] = "sentencepiece",
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            parser=as_path,
            help="Text to train on; repeatable; - is stdin.",
        ),
    ] = None,
    vocab_size: Annotated[
        int | None, typer.Option(metavar="N", help="How many ids; four are special.")
    ] = None,
    model_type: Annotated[
        str | None, typer.Option(metavar="unigram|bpe", help="sentencepiece's model.")
    ] = None,
    byte_fallback: Annotated[
        bool | None,
        typer.Option(
            "--byte-fallback/--no-byte-fallback", help="Spell unknown characters in bytes."
        ),
    ] = None,
    character_coverage: Annotated[
        float | None,
        typer.Option(metavar="X", help="Share of the characters with a piece of their own."),
    ] = None,
    normalization: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="sentencepiece's rule; identity keeps every character."),
    ] = None,
    user_symbol: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A text that is always one piece; repeatable."),
    ] = None,
    max_sentences: Annotated[
        int | None, typer.Option(metavar="N", help="Train on a random sample of so many lines.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Draws that sample.")] = None,
    min_frequency: Annotated[
        int | None, typer.Option(metavar="N", help="Rarer words or characters are unknown.")
    ] = None,
    lowercase: Annotated[
        bool | None, typer.Option("--lowercase", help="Fold case first (word, char).")
    ] = None,
    pretokenized: Annotated[
        bool | None,
        typer.Option("--pretokenized", help="Tokens are separated by spaces, as in wikitext-2."),
    ] = None,
    spaces: Annotated[
        str | None,
        typer.Option(
            metavar="kept|folded", help="White space as it is, or single spaces: for translators."
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a tokenizer on files of UTF-8 text (.gz too) or on stdin."""
    options = {
        "vocab_size": vocab_size,
        "model_type": model_type,
        "byte_fallback": byte_fallback,
        "character_coverage": character_coverage,
        "normalization": normalization,
        "user_symbols": tuple(user_symbol) if user_symbol else None,
        "max_sentences": max_sentences,
        "seed": seed,
        "min_frequency": min_frequency,
        "lowercase": lowercase,
        "pretokenized": pretokenized,
        "spaces": spaces,
    }
    given = {name: value for name, value in options.items() if value is not None}
    with option_names(options, user_symbols="user_symbol"):
        trained = train_folder(kind, given, source or [], output)
    write_facts(trained.facts(), json=json)


@app.command(
    epilog=examples(
        'textrnn tokenizer encode --model stories_sp8000 "Once upon a time"',
        "textrnn tokenizer encode --model stories_sp8000 --pieces --input story.txt",
    )
)
def encode(
    model: Model,
    texts: Texts = None,
    source: Input = None,
    output: Output = None,
    pieces: Annotated[bool, typer.Option("--pieces", help="Pieces in place of ids.")] = False,
    alpha: Annotated[
        float | None,
        typer.Option(metavar="X", help="Draw a random segmentation: 0 to 1 (sentencepiece)."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Draws it; 0 if left out.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Turn texts into ids, without BOS and EOS."""
    if seed is not None and alpha is None:
        raise UsageError("--seed draws a random segmentation: give --alpha with it")
    chosen = open_tokenizer(model)
    sampling = None if alpha is None else (alpha, seed or 0)
    with open_output(output) as out, option_names(("alpha",)):
        for text, ids in encoded(chosen, read_texts(texts or [], source), sampling):
            shown: list[Any] = [readable(p) for p in chosen.pieces(ids)] if pieces else ids
            record = {"text": text, "ids": ids} | ({"pieces": chosen.pieces(ids)} if pieces else {})
            out.write((json_line(record) if json else " ".join(map(str, shown))) + "\n")


@app.command(
    epilog=examples(
        "textrnn tokenizer decode --model stories_sp8000 2410 385 267 353",
        "textrnn tokenizer decode --model stories_sp8000 --input ids.txt --output story.txt",
    )
)
def decode(
    model: Model,
    ids: Ids = None,
    source: Input = None,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Turn ids into text: the arguments, or each line."""
    chosen = open_tokenizer(model)
    given = [" ".join(ids)] if ids else []
    with open_output(output) as out:
        for line in read_texts(given, source):
            numbers = parse_ids(line)
            text = chosen.decode(numbers)
            out.write((json_line({"ids": numbers, "text": text}) if json else text) + "\n")


@app.command(
    epilog=examples(
        "textrnn tokenizer info --model stories_sp8000",
        "textrnn tokenizer info --model stories_sp8000 --input story.txt --json",
    )
)
def info(
    model: Model,
    source: Annotated[
        Path | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            parser=as_path,
            help="Measure it on this text; - is stdin.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Say what a tokenizer is, and how well it fits a text."""
    chosen = open_tokenizer(model)
    facts = chosen.facts()
    if source is not None:
        stdin = decoded_lines(sys.stdin.buffer, "<stdin>")
        facts |= measured(chosen, stdin if source == STDIN else read_lines([source]))
    write_facts(facts, json=json)


def write_facts(facts: Mapping[str, Any], *, json: bool) -> None:
    """Write facts to stdout, as a table or as one line of JSON."""
    rows = [(name.replace("_", " "), shown(value)) for name, value in facts.items()]
    with open_stdout() as out:
        out.writelines(f"{line}\n" for line in ([json_line(facts)] if json else aligned(rows)))


def shown(value: Any) -> str:
    """A fact as people read it.

    >>> shown(True), shown(0.25), shown(8000), shown(["<a>", "<b>"]), shown(None)
    ('yes', '0.25', '8,000', '<a> <b>', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
