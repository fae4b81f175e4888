"""``textrnn sentiment``: texts to labels with probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from textrnn.cli._errors import warn
from textrnn.cli._io import in_colour, json_line, one_line, open_output, read_texts
from textrnn.cli._models import SHIPPED_CLASSIFIER, open_classifier
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
    as_name,
    examples,
    new_app,
)
from textrnn.cli._saliency import explained_line
from textrnn.cli._stdin import in_lists
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.models import Classified, SentimentClassifier

__all__ = ["app", "classify_texts"]

app = new_app()

AT_ONCE = 1024  # texts, at most, read before they are answered: those of like length together
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


@app.command(
    epilog=examples(
        'textrnn sentiment "A joy from start to finish."',
        "textrnn sentiment --input reviews.csv --column review --json --output labels.jsonl",
        'textrnn sentiment "Not bad at all." --explain',
        "textrnn sentiment --input tweets.txt --threshold 0.8",
        "textrnn sentiment -m runs/forward/model --ensemble runs/backward/model --input tweets.txt",
    )
)
def sentiment(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="The texts; - is stdin.")
    ] = None,
    source: Input = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="--input is a csv, tsv, jsonl or parquet file: the text's column."
        ),
    ] = None,
    output: Output = None,
    model: Model = SHIPPED_CLASSIFIER,
    ensemble: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="Another model of the same labels to answer together with; repeatable.",
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(metavar="P", help="Below this probability the label is unsure.")
    ] = 0.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add the weight of each token for the label.")
    ] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, metavar="N", help="Texts at once; changes the speed.")
    ] = 32,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Label texts, with probabilities.

    One line in, one line out, in order: the label, its probability and the text, with tabs between;
    an empty line for an empty line. --ensemble averages the probabilities of several models, such
    as a forward and a backward one.

    --explain adds a line for each text: its tokens, each with its weight for the label in nats.
    The engine onnx finds it by leaving the token out, the engine torch by integrated gradients.

    A text in which the model knows few of the tokens, as in another script or language, gets
    probabilities that are drawn toward even ones; where a text may have several labels, toward 0.
    There the label is all that are given, with commas between, and empty for none.
    """
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold is {threshold:g}: give a probability from 0 to 1")
    lines = read_texts(texts or (), source) if column is None else _column(texts, source, column)
    classifier = open_classifier(
        model, ensemble or (), engine=engine, device=device, threads=threads
    )
    options = {"threshold": threshold, "explain": explain, "batch_size": batch_size}
    if column is None and source is not None and source.name.removesuffix(".gz").endswith(TABLES):
        warn(f"{source} is read line by line: --column NAME reads a table's column")
    with open_output(output) as out:
        classify_texts(classifier, lines, options, out, as_json=json)


def _column(texts: Sequence[str] | None, source: Path | None, column: str) -> Iterator[str]:
    """The texts in a table's column.

    Raises:
        UsageError: there is no table.
        DataError: it cannot be read, or has no such column.
    """
    if texts or source is None or str(source) == "-":
        raise UsageError("--column names the text's column of a table: give it with --input FILE")
    from textrnn.data.labelled_tables import LabelledTable
    from textrnn.data.records import is_table

    if not is_table(source):
        raise UsageError(f"--column {column}: {source} is no csv, tsv, jsonl or parquet file")
    return (row.text for row in LabelledTable(source, (column,), column).rows())


def classify_texts(
    classifier: SentimentClassifier,
    texts: Iterator[str],
    options: dict[str, Any],
    out: TextIO,
    *,
    as_json: bool,
) -> None:
    """Write a line for each text, in order; an empty text's is empty, and in JSON its label null.

    Texts that are written slowly, as by a person, are each answered at once.

    Args:
        classifier: the model.
        texts: what to label.
        options: of :meth:`~textrnn.models.SentimentClassifier.classify`.
        out: where to.
        as_json: whether each line is a record.
    """
    for some in in_lists(texts, AT_ONCE):
        real = [text for text in some if text.strip()]
        answers = iter(classifier.classify(real, **options))
        for text in some:
            result = next(answers) if text.strip() else None
            if as_json:
                out.write(json_line(_record(text, result, options["explain"])) + "\n")
            elif result is None:
                out.write("\n")
            else:
                out.write(f"{result.label}\t{result.score:.4f}\t{one_line(text)}\n")
                if options["explain"]:
                    out.write(explained_line(result, in_colour(out)) + "\n")
        out.flush()


def _record(text: str, result: Classified | None, explain: bool) -> dict[str, Any]:
    if result is None:
        return {"text": text, "label": None, "score": None, "scores": {}}
    scores = {label: round(value, 6) for label, value in result.scores.items()}
    score = round(result.score, 6)
    record: dict[str, Any] = {"text": text, "label": result.label, "score": score}
    record["scores"] = scores
    if explain:
        record["tokens"] = [[piece, round(weight, 4)] for piece, weight in result.tokens]
        record["method"] = result.method
    return record
