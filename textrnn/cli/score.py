"""``textrnn score``: how probable texts are under a language model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from textrnn.cli._io import json_line, one_line, open_output, read_texts
from textrnn.cli._models import (
    SHIPPED,
    open_language_model,
    refuse_for_language_models,
    warn_of_unknown,
)
from textrnn.cli._options import (
    Device,
    Engine,
    Input,
    Json,
    Model,
    Output,
    Quiet,
    Threads,
    Verbose,
    examples,
    new_app,
)

if TYPE_CHECKING:
    from textrnn.models import LanguageModel, Score

__all__ = ["app", "score_line", "score_record", "score_texts", "token_lines"]

app = new_app()

AT_ONCE = 256  # texts read before their scores are written: enough to find some of one length


@app.command(
    epilog=examples(
        'textrnn score "The dog ran into the wood." "Wood the into ran dog the."',
        'textrnn score --per-token "The dog ran into the wood."',
        "textrnn score --input sentences.txt --json | jq .bits_per_byte",
    )
)
def score(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="The texts; - is stdin.")
    ] = None,
    source: Input = None,
    output: Output = None,
    model: Model = SHIPPED,
    per_token: Annotated[
        bool, typer.Option("--per-token", help="A line a token: surprisal in bits, tab, token.")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Of a translator: score this, given the text."),
    ] = None,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tell how probable a text is under a language model.

    A line for each text: total bits, bits per byte, perplexity per token. The lower, the more
    probable; bits per byte can be compared between models of different tokenizers.
    """
    lines = read_texts(texts or (), source)
    lm = open_language_model(model, engine=engine, device=device, threads=threads)
    refuse_for_language_models(target=target)
    with open_output(output) as out:
        score_texts(lm, lines, out, per_token=per_token, as_json=json)


def score_texts(
    model: LanguageModel, texts: Iterator[str], out: TextIO, *, per_token: bool, as_json: bool
) -> None:
    """Write the score of each text, in order; an empty line for a text that is empty."""
    while chunk := list(islice(texts, AT_ONCE)):
        warn_of_unknown(model, chunk)
        scores = iter(model.score([text for text in chunk if text]))
        for text in chunk:
            if not text:
                out.write("\n")
            elif as_json:
                out.write(json_line(score_record(next(scores), per_token=per_token)) + "\n")
            elif per_token:
                out.writelines(line + "\n" for line in token_lines(next(scores)))
            else:
                out.write(score_line(next(scores)) + "\n")
        out.flush()


def score_line(score: Score) -> str:
    r"""Total bits, bits per byte and perplexity per token, with tabs between.

    >>> from textrnn.models import Score, TokenScore
    >>> score_line(Score("ab", (TokenScore("a", 5, 2.0), TokenScore("b", 6, 4.0)))).split("\t")
    ['6.00 bits', '3.000 bits per byte', '8.00 perplexity per token']
    """
    return (
        f"{score.bits:.2f} bits\t{score.bits_per_byte:.3f} bits per byte\t"
        f"{score.perplexity:.2f} perplexity per token"
    )


def token_lines(score: Score) -> Iterator[str]:
    """Each token's surprisal in bits and the token, with a tab between; then an empty line."""
    for token in score.tokens:
        piece = one_line(token.piece).replace("\t", "\\t")
        yield f"{token.bits:.3f}\t{piece}"
    yield ""


def score_record(score: Score, *, per_token: bool) -> dict[str, object]:
    """A score for JSON; with ``per_token``, each token's piece and surprisal in bits."""
    record: dict[str, object] = {
        "text": score.text,
        "bits": score.bits,
        "bits_per_byte": score.bits_per_byte,
        "perplexity": score.perplexity,
    }
    if per_token:
        record["tokens"] = [[token.piece, token.bits] for token in score.tokens]
    return record
