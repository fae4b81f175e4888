"""``textrnn evaluate``: the scores of a model on a data set, alone or against another model's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._changing import (
    CacheLambda,
    CacheSize,
    CacheTheta,
    Decay,
    Ensemble,
    LearningRate,
    Segment,
    read_cache,
    read_learning,
)
from textrnn.cli._checks import check_picture
from textrnn.cli._evaluation import Changing, Data, Place, evaluate_models
from textrnn.cli._minimal_pairs import evaluate_minimal_pairs, refuse_beside_minimal_pairs
from textrnn.cli._models import SHIPPED, refuse_different_tasks
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Model,
    Output,
    Quiet,
    Threads,
    Verbose,
    as_name,
    as_path,
    examples,
    new_app,
    option_names,
)
from textrnn.errors import UsageError

__all__ = ["app"]

app = new_app()


@app.command(
    epilog=examples(
        "textrnn evaluate --data book.txt",
        "textrnn evaluate -m runs/stories/model --data texts/ --split valid --json",
        "textrnn evaluate -m runs/mine/model --data book.txt --compare stories-en",
        "textrnn evaluate -m runs/mine/model --data book.txt --cache 2000",
        "textrnn evaluate -m runs/mine/model --data book.txt --dynamic",
        "textrnn evaluate --minimal-pairs blimp/anaphor_number_agreement.jsonl",
        "textrnn evaluate -m runs/en-de/model --data pairs/test          (test.en and test.de)",
        "textrnn evaluate -m runs/en-de/model --data test.en --references test.de",
        "textrnn evaluate -m runs/sst2/model --data dev.tsv --reliability reliability.png",
    )
)
def evaluate(
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH|HUB_ID",
            parser=as_name,
            help="A file, a folder, or a set on the hub.",
        ),
    ] = None,
    minimal_pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=as_path,
            help="Instead of --data: pairs of sentences, as in BLiMP.",
        ),
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
            parser=as_path,
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
    ensemble: Ensemble = None,
    cache: CacheSize = None,
    cache_theta: CacheTheta = None,
    cache_lambda: CacheLambda = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Let a language model learn from what it reads.")
    ] = False,
    learning_rate: LearningRate = None,
    decay: Decay = None,
    segment: Segment = None,
    statistics: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|HUB_ID",
            parser=as_name,
            help="With --dynamic: a text for the gradients' mean squares.",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="Another model, and a paired bootstrap.",
        ),
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            parser=as_path,
            help="Of a classifier: draw how often it is right, as a PNG.",
        ),
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
    (macro) and over all decisions (micro). --reliability draws the bins: how often the model is
    right over how sure it is.

    --minimal-pairs reads lines of JSON with sentence_good and sentence_bad, and tells in how many
    the good sentence is the more probable one, over all and for each UID. A tie counts as wrong.

    --cache N mixes a language model's probabilities with those of what came after similar states
    among the last N tokens (arXiv:1612.04426); --dynamic lets it learn from each segment after it
    has been predicted (arXiv:1709.07432), for which --engine auto is torch. Either way the text is
    read as one stream, with nothing reset between documents, and the scores come without and with
    it; gain is the share by which the perplexity is lower. The folder stays as it is.

    --ensemble averages the probabilities of several language models, or classifiers.

    A folder's 8-bit graphs are what --engine auto runs; --engine torch gives the figures in
    float32.
    """
    place = Place(engine, device, threads)
    changing = Changing(
        tuple(ensemble or ()),
        read_cache(cache, cache_theta, cache_lambda),
        read_learning(dynamic, "--dynamic", learning_rate, decay, segment),
        statistics,
    )
    if statistics is not None and not dynamic:
        raise UsageError("--statistics applies beside --dynamic only: give both, or leave it out")
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
            reliability=reliability,
            **changing.given(),
        )
        evaluate_minimal_pairs(minimal_pairs, model, vars(place), output, as_json=json)
        return
    if data is None:
        raise UsageError("nothing to measure on: give --data, or --minimal-pairs FILE")
    if compare == model:
        raise UsageError(f"--compare {compare} is the model itself: name another one")
    for name in changing.given() if compare is not None else ():
        raise UsageError(f"--{name} does not apply beside --compare: leave one of them out")
    check_picture(reliability, "--reliability")
    names = [model] if compare is None else [model, compare]
    refuse_different_tasks(names)
    asked = Data(data, split, column, source, target, label, tuple(references or ()), tokenize)
    with option_names(("threads",)):
        evaluate_models(names, (asked, changing, place), output, reliability, as_json=json)
