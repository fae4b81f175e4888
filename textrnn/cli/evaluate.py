"""``textrnn evaluate``: the scores of a model on a data set, alone or against another model's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textrnn.cli._io import aligned, figure, json_line, open_output
from textrnn.cli._minimal_pairs import evaluate_minimal_pairs, refuse_beside_minimal_pairs
from textrnn.cli._models import SHIPPED
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Model,
    Output,
    Quiet,
    Threads,
    Verbose,
    examples,
    new_app,
)
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.metrics import Comparison

__all__ = ["Data", "Place", "app", "comparison_line", "evaluate_models"]

app = new_app()


@app.command(
    epilog=examples(
        "textrnn evaluate --data book.txt",
        "textrnn evaluate -m runs/stories/model --data texts/ --split valid --json",
        "textrnn evaluate -m runs/mine/model --data book.txt --compare stories-en",
        "textrnn evaluate --minimal-pairs blimp/anaphor_number_agreement.jsonl",
        "textrnn evaluate -m runs/en-de/model --data pairs/test          (test.en and test.de)",
        "textrnn evaluate -m runs/en-de/model --data test.en --references test.de",
    )
)
def evaluate(
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH|HUB_ID", help="A file, a folder, or a set on the hub."
        ),
    ] = None,
    minimal_pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead of --data: pairs of sentences, as in BLiMP."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the hub set, or the file in the folder."),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The text's column in a table; text by default."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a translator: the source's ending or column."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a translator: the target's ending or column."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a classifier: the label's column; label."),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Of a translator: translations of --data, a text, line by line; repeatable.",
        ),
    ] = None,
    tokenize: Annotated[
        str | None,
        typer.Option(
            metavar="13a|intl|zh|char|none",
            help="Of a translator: how BLEU cuts words; char for ja, zh and th, else 13a.",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR|ORG/NAME", help="Another model, and a paired bootstrap."),
    ] = None,
    model: Model = SHIPPED,
    output: Output = None,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure a model on a data set.

    For a language model: perplexity per token and per word, bits per byte and nats per token, the
    state carried along the whole text. --compare takes the text line by line, both models anew on
    each line, and tells how far the difference in bits per byte could be chance.

    For a translator: BLEU, chrF2 and TER by sacrebleu, with their signatures. A source that several
    pairs share is translated once, and their targets are its references.

    For a classifier: accuracy, F1 over all labels and of each, expected calibration error (ECE) in
    15 bins, and the confusion, a row a true label; where texts have several labels, F1 over labels
    (macro) and over all decisions (micro).

    --minimal-pairs reads lines of JSON with sentence_good and sentence_bad, and tells in how many
    the good sentence is the more probable one, over all and for each UID. A tie counts as wrong.

    A folder's 8-bit graphs are what --engine auto runs; --engine torch gives the figures in
    float32.
    """
    place = Place(engine, device, threads)
    if minimal_pairs is not None:
        refuse_beside_minimal_pairs(
            data=data,
            split=split,
            column=column,
            source=source,
            target=target,
            label=label,
            references=references,
            tokenize=tokenize,
            compare=compare,
        )
        evaluate_minimal_pairs(minimal_pairs, model, vars(place), output, as_json=json)
        return
    if data is None:
        raise UsageError("nothing to measure on: give --data, or --minimal-pairs FILE")
    if compare == model:
        raise UsageError(f"--compare {compare} is the model itself: name another one")
    names = [model] if compare is None else [model, compare]
    asked = Data(data, split, column, source, target, label, tuple(references or ()), tokenize)
    evaluate_models(names, asked, place, output, as_json=json)


@dataclass(frozen=True)
class Data:
    """What to measure on."""

    data: str
    split: str | None
    column: str | None
    source: str | None
    target: str | None
    label: str | None
    references: tuple[Path, ...]
    tokenize: str | None

    def given(self) -> dict[str, Any]:
        """What a record says of it: what was given, and what always decides a score."""
        pairs = {
            "source": self.source,
            "target": self.target,
            "label": self.label,
            "tokenize": self.tokenize,
        }
        named = {name: value for name, value in pairs.items() if value is not None}
        files = {"references": [str(file) for file in self.references]} if self.references else {}
        always = {"data": self.data, "split": self.split, "column": self.column or "text"}
        return {**always, **named, **files}


@dataclass(frozen=True)
class Place:
    """What runs the models, and where."""

    engine: str
    device: str
    threads: int | None


def evaluate_models(
    names: list[str], data: Data, place: Place, output: Path | None, *, as_json: bool
) -> None:
    """Write the scores of one model, or of two with a comparison."""
    from textrnn import recipe as recipes

    asked = {**vars(data), **vars(place)}
    scores = {name: recipes.evaluate(name, **asked) for name in names}
    compared = recipes.compare(names[0], names[1], **asked) if len(names) == 2 else {}
    with open_output(output) as out:
        if as_json:
            for name, figures in scores.items():
                out.write(json_line({"model": name, **data.given(), **figures}) + "\n")
            for score, comparison in compared.items():
                record = {"comparison": names, "score": score, **asdict(comparison)}
                out.write(json_line(record) + "\n")
            return
        rows = [["", *scores]] if compared else []
        for key in scores[names[0]]:
            row = [key.replace("_", " "), *(figure(figures[key]) for figures in scores.values())]
            rows.append(row)
        out.writelines(line + "\n" for line in aligned(rows))
        for score, comparison in compared.items():
            out.write(comparison_line(score, comparison) + "\n")


def comparison_line(score: str, comparison: Comparison) -> str:
    """The difference in a score, its interval, and how it was made.

    >>> from textrnn.metrics import paired_bootstrap
    >>> result = paired_bootstrap([8, 8, 8], [6, 6, 6], [4, 4, 4])
    >>> comparison_line("bits_per_byte", result)  # doctest: +ELLIPSIS
    'line by line: 2.0000 and 1.5000 bits per byte; difference -0.5000 (95% from -0.5000 to ...'
    """
    interval = comparison.interval
    between = f" (95% from {interval[0]:+.4f} to {interval[1]:+.4f})" if interval else ""
    return (
        f"line by line: {comparison.first:.4f} and {comparison.second:.4f} "
        f"{score.replace('_', ' ')}; "
        f"difference {comparison.second - comparison.first:+.4f}{between}, "
        f"p = {comparison.p_value:.3f}; {comparison.making}"
    )
