"""``textrnn translate``: lines in one language to lines in another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textrnn.cli._io import open_output, read_texts
from textrnn.cli._models import SHIPPED_TRANSLATOR, open_translator
from textrnn.cli._options import (
    Device,
    Engine,
    Input,
    Json,
    Model,
    Output,
    Quiet,
    Seed,
    Threads,
    Verbose,
    as_name,
    as_path,
    examples,
    new_app,
    option_names,
)
from textrnn.cli._translation import (
    LISTS,
    OPTIONS,
    given_values,
    read_settings,
    translate_lines,
)

__all__ = ["app"]

app = new_app()


@app.command(
    epilog=examples(
        'textrnn translate "Where is the station?"',
        "textrnn translate --input letters.en --output letters.de",
        'textrnn translate "Good morning." --n-best 3 --beam-size 8 --json',
        'textrnn translate "I like <b>red</b> apples."                (tags stay with their words)',
        'textrnn translate "The train is late." --glossary terms.tsv --alignments',
        'textrnn translate "Hello!" --sample --temperature 0.7 --seed 1',
    )
)
def translate(
    ctx: typer.Context,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="The texts; - is stdin.")
    ] = None,
    source: Input = None,
    output: Output = None,
    model: Model = SHIPPED_TRANSLATOR,
    ensemble: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="Another model of the same vocabulary to translate together with; repeatable.",
        ),
    ] = None,
    beam_size: Annotated[
        int | None, typer.Option(metavar="K", help="Places of the beam search; 1 is greedy.")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(metavar="X", help="Above 1 for longer translations.")
    ] = None,
    coverage_penalty: Annotated[
        float | None, typer.Option(metavar="X", help="Above 0, so that no source word is left out.")
    ] = None,
    beam_threshold: Annotated[
        float | None,
        typer.Option(metavar="X", help="Give up what is X nats behind the best; quicker."),
    ] = None,
    n_best: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Score, tab, text of so many translations a line, or of fewer that differ; --json "
            "keeps a line's together.",
        ),
    ] = None,
    max_length_ratio: Annotated[
        float | None,
        typer.Option(metavar="X", help="The most tokens for one of the source, and 10 more."),
    ] = None,
    batch_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Source tokens at once; changes the speed.")
    ] = None,
    split_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Cut longer lines at sentence ends.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What every translation begins with.")
    ] = None,
    glossary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=as_path,
            help="Lines of source term, tab, target term: to be used.",
        ),
    ] = None,
    alignments: Annotated[
        bool,
        typer.Option(
            "--alignments", help="Add which words belong together: s-t pairs, counted from 0."
        ),
    ] = False,
    copy: Annotated[
        bool,
        typer.Option(
            "--copy/--no-copy",
            help="See that addresses, placeholders, numbers and tags come through.",
        ),
    ] = True,
    sample: Annotated[
        bool, typer.Option("--sample", help="Draw instead of searching, by these rules:")
    ] = False,
    max_new_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="The most tokens of a translation.")
    ] = None,
    min_new_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="The model may not end before.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(metavar="X", help="Below 1 safer, above 1 bolder, 0 the likeliest token."),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(metavar="N", help="Draw from the N likeliest tokens.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Draw from the likeliest tokens that hold P together."),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Draw from tokens at least P times as likely as the best."),
    ] = None,
    typical_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Draw from the most typical tokens that hold P together."),
    ] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option(metavar="X", help="Above 1 makes what was said less likely.")
    ] = None,
    presence_penalty: Annotated[
        float | None, typer.Option(metavar="X", help="Off the logit of a token that occurred.")
    ] = None,
    frequency_penalty: Annotated[
        float | None, typer.Option(metavar="X", help="Off a token's logit each time it occurred.")
    ] = None,
    no_repeat_ngram_size: Annotated[
        int | None, typer.Option(metavar="N", help="No sequence of N tokens comes twice.")
    ] = None,
    ban: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Never write this; repeatable.")
    ] = None,
    logit_bias: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=X", help="Add X to the logit of a token; repeatable."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Apply a rule by name, after the rest; repeatable, in the order given.",
        ),
    ] = None,
    seed: Seed = None,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Translate lines, by a translator.

    One line in, one line out, in order; an empty line for an empty line (in JSON a record whose
    score is null). Long lines are translated sentence by sentence. Words of --alignments stand
    between white space (in scripts without spaces they are tokens); a tab is before them. What is
    not given is as the model recommends.
    """
    given, lists = given_values(ctx.params), {name: ctx.params[name] or [] for name in LISTS}
    lines = read_texts(texts or (), source)
    read_settings(given, lists)  # what is wrong is said before a model loads
    mt = open_translator(model, ensemble or (), engine=engine, device=device, threads=threads)
    settings = read_settings(given, lists, mt)
    with open_output(output) as out, option_names(OPTIONS):
        translate_lines(mt, lines, settings, out, as_json=json)
