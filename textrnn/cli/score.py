"""``textrnn score``: how probable texts are under a language model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from textrnn.cli._io import json_line, open_output, read_texts
from textrnn.cli._models import (
    SHIPPED,
    open_folder,
    open_language_model,
    open_translator,
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
from textrnn.cli._pairs import pairs_of
from textrnn.cli._stdin import in_lists
from textrnn.cli._surprisal import header, surprisal_rows
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.models import LanguageModel, Score, Translator

__all__ = ["Unit", "app", "score_line", "score_record", "score_texts", "units"]

Unit = Literal["token", "word"]

app = new_app()

NOTHING = {"bits": None, "bits_per_byte": None, "perplexity": None}
AT_ONCE = 256  # texts read before their scores are written: enough to find some of one length


@app.command(
    epilog=examples(
        'textrnn score "The dog ran into the wood." "Wood the into ran dog the."',
        'textrnn score --per-token "The dog ran into the wood."',
        "textrnn score --per-word --input sentences.txt --output surprisals.tsv",
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
        bool, typer.Option("--per-token", help="A table: the surprisal of each token, in bits.")
    ] = False,
    per_word: Annotated[
        bool, typer.Option("--per-word", help="A table: the surprisal of each word, in bits.")
    ] = False,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|TEXT",
            help="Of a translator: score this, given the text; of a file a line for each text.",
        ),
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

    --per-token and --per-word write tab-separated columns under a header instead: the text's
    number, the position in it, the token or word in double quotes, its surprisal in bits, and the
    sum so far. A word takes the white space before it. R reads them with read.delim(FILE), pandas
    with read_table(FILE, keep_default_na=False).
    """
    if per_token and per_word:
        raise UsageError("--per-token and --per-word were given: give one of the two")
    unit: Unit | None = "token" if per_token else "word" if per_word else None
    lines = read_texts(texts or (), source)
    if open_folder(model).task == "translation":
        if not target:
            raise UsageError("a translator scores a target, given its source: give --target")
        mt = open_translator(model, engine=engine, device=device, threads=threads)
        with open_output(output) as out:
            score_pairs(mt, pairs_of(lines, target), out, unit=unit, as_json=json)
        return
    lm = open_language_model(model, engine=engine, device=device, threads=threads)
    refuse_for_language_models(target=target or None)
    with open_output(output) as out:
        score_texts(lm, lines, out, unit=unit, as_json=json)


def score_texts(
    model: LanguageModel,
    texts: Iterator[str],
    out: TextIO,
    *,
    unit: Unit | None = None,
    as_json: bool,
) -> None:
    """Write the score of each text, in order; of one that is empty an empty line, or no row.

    In JSON its record has no score. Texts that are written slowly are each answered at once.
    """
    if unit and not as_json:
        out.write(header(unit) + "\n")
    numbers = count(1)
    for chunk in in_lists(texts, AT_ONCE):
        warn_of_unknown(model, chunk)
        scores = iter(model.score([text for text in chunk if text]))
        for number, text in zip(numbers, chunk, strict=False):
            score = next(scores) if text else None
            found = _lines(model, number, score or {"text": text}, unit, as_json)
            out.writelines(line + "\n" for line in found)
        out.flush()


def score_pairs(
    model: Translator,
    pairs: Iterator[tuple[str, str]],
    out: TextIO,
    *,
    unit: Unit | None = None,
    as_json: bool,
) -> None:
    """Write the score of each target, given its source; where one is empty, as of a text."""
    if unit and not as_json:
        out.write(header(unit) + "\n")
    numbers = count(1)
    while chunk := list(islice(pairs, AT_ONCE)):
        whole = [pair for pair in chunk if all(map(str.strip, pair))]
        sources, targets = [source for source, _ in whole], [target for _, target in whole]
        scores = iter(model.score(sources, targets))
        for number, pair in zip(numbers, chunk, strict=False):
            score = next(scores) if all(map(str.strip, pair)) else None
            empty = {"source": pair[0], "text": pair[1]}
            found = _lines(model, number, score or empty, unit, as_json)
            out.writelines(line + "\n" for line in found)
        out.flush()


def _lines(
    model: LanguageModel | Translator,
    number: int,
    score: Score | dict[str, str],
    unit: Unit | None,
    as_json: bool,
) -> Iterator[str]:
    """What is written of a text; of an empty one there is no score, but how its record begins."""
    if isinstance(score, dict):
        if as_json or not unit:
            yield json_line({**score, **NOTHING}) if as_json else ""
    elif as_json:
        yield json_line(score_record(score, model, unit))
    elif unit:
        yield from surprisal_rows(number, units(score, model, unit))
    else:
        yield score_line(score)


def units(score: Score, model: LanguageModel | Translator, unit: Unit) -> list[tuple[str, float]]:
    """The tokens or words of a text, each with its surprisal in bits."""
    from textrnn.models import word_scores

    if unit == "token":
        return [(token.piece, token.bits) for token in score.tokens]
    return [(word.word, word.bits) for word in word_scores(score, model.tokenizer)]


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


def score_record(
    score: Score, model: LanguageModel | Translator, unit: Unit | None
) -> dict[str, object]:
    """A score for JSON; ``tokens`` or ``words`` are each one's text and surprisal in bits.

    Of a target, ``source`` is what it is a translation of.
    """
    source = getattr(score, "source", None)
    record: dict[str, object] = {} if source is None else {"source": source}
    record |= {
        "text": score.text,
        "bits": score.bits,
        "bits_per_byte": score.bits_per_byte,
        "perplexity": score.perplexity,
    }
    if unit:
        record[f"{unit}s"] = units(score, model, unit)
    return record
