"""``textrnn generate``: a language model goes on with a text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

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
from textrnn.cli._checks import check_writable
from textrnn.cli._generation import (
    LISTS,
    NUMBERS,
    OPTIONS,
    Form,
    Place,
    go_on,
    read_settings,
    write_texts,
)
from textrnn.cli._io import open_output, read_book, read_texts
from textrnn.cli._models import SHIPPED, open_language_model
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
        'textrnn generate --prompt "Once upon a time" --temperature 0.8 --top-p 0.95 --seed 1',
        'textrnn generate -p "Chapter 1" --min-new-tokens 100000 --max-new-tokens 100000',
        "textrnn generate --input prompts.txt --json --output texts.jsonl",
        'textrnn generate -p "Far away" --save-state far.state',
        "textrnn generate --state far.state",
        'textrnn generate -p "The sea" --adapt melville.txt',
    )
)
def generate(
    ctx: typer.Context,
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", "-p", metavar="TEXT", help="What to go on from; repeatable."),
    ] = None,
    source: Input = None,
    output: Output = None,
    model: Model = SHIPPED,
    max_new_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="The most tokens to write.")
    ] = None,
    min_new_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="The model may not end the text before.")
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="End before this text; repeatable."),
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
    num_samples: Annotated[
        int | None, typer.Option("--num-samples", "-n", metavar="N", help="Texts a prompt.")
    ] = None,
    beam_size: Annotated[
        int | None, typer.Option(metavar="K", help="Search for the likeliest text instead.")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(metavar="X", help="Of the beam search; above 1 for longer.")
    ] = None,
    ensemble: Ensemble = None,
    adapt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=as_path,
            help="Learn from a text first; --engine auto is then torch.",
        ),
    ] = None,
    learning_rate: LearningRate = None,
    decay: Decay = None,
    segment: Segment = None,
    cache: CacheSize = None,
    cache_theta: CacheTheta = None,
    cache_lambda: CacheLambda = None,
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Write as it comes; so on a terminal."),
    ] = None,
    save_state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=as_path, help="Keep the state at the end of the text."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=as_path, help="Go on from there, bit for bit."),
    ] = None,
    seed: Seed = None,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    r"""Go on with a text, by a language model.

    Writes the prompt and what follows it. A prompt comes from --prompt, or each line of a file or
    of stdin is one; its text is then one line too, with line breaks written as \n. What is not
    given is as the model recommends.

    With --adapt the model learns from a text before it writes (dynamic evaluation,
    arXiv:1709.07432); its folder stays as it is. With --cache N it remembers the last N tokens of
    the text and says again what it said in similar places (arXiv:1612.04426); a state that is saved
    holds the cache. With --ensemble several models write together.
    """
    given = {name: ctx.params[name] for name in NUMBERS if ctx.params[name] is not None}
    lists = {name: ctx.params[name] or [] for name in LISTS}
    prompts, by_line = _prompts(prompt, source, state, save_state)
    read_settings(given, {"stop": lists["stop"]})  # what is wrong is said before a model loads
    form = Form(json=json, by_line=by_line, stream=_streams(stream, given, json, output))
    if adapt is not None and save_state is not None:
        raise UsageError(
            "--save-state does not apply to --adapt: a state does not hold what a model has learnt"
        )
    learning = read_learning(adapt is not None, "--adapt", learning_rate, decay, segment)
    memory = read_cache(cache, cache_theta, cache_lambda)
    check_writable(save_state)
    book = None if adapt is None else read_book(adapt)
    engine = "torch" if engine == "auto" and adapt is not None else engine
    lm = open_language_model(model, ensemble or (), engine=engine, device=device, threads=threads)
    if book is not None and state is not None:  # what is wrong is said before the model learns
        (lm if memory is None else lm.with_cache(memory)).session(state=state)
    lm = lm if book is None else lm.adapt(book, learning)
    lm = lm if memory is None else lm.with_cache(memory)
    settings = read_settings(given, lists, lm)
    with open_output(output) as out, option_names(OPTIONS):
        if state is None and save_state is None:
            write_texts(lm, prompts, settings, form, out)
        else:
            go_on(lm, Place(_the_one(prompts), state, save_state), settings, form, out)


def _prompts(
    prompts: Sequence[str] | None, source: Path | None, state: Path | None, save_state: Path | None
) -> tuple[Iterator[str], bool]:
    """The prompts, and whether they are lines, to be answered by lines.

    Raises:
        UsageError: options that do not go together.
    """
    if state is not None:
        for name, given in (("--prompt", prompts), ("--input", source)):
            if given is not None:
                raise UsageError(f"{name} does not apply to --state: leave one of them out")
        return iter(()), False
    if save_state is not None and (source is not None or len(prompts or ()) != 1):
        raise UsageError("--save-state applies to one text: give one --prompt or --state")
    if not prompts and source is None and (sys.stdin is None or sys.stdin.isatty()):
        return iter([""]), False
    return read_texts(prompts or (), source), not prompts or list(prompts) == ["-"]


def _the_one(prompts: Iterator[str]) -> str:
    """The prompt of a session; none is an empty one.

    Raises:
        UsageError: stdin had several.
    """
    first = next(prompts, "")
    if next(prompts, None) is not None:
        raise UsageError("--save-state applies to one text: stdin has several lines")
    return first


def _streams(wanted: bool | None, given: dict[str, Any], json: bool, output: Path | None) -> bool:
    """Whether to write as it comes.

    Raises:
        UsageError: ``--stream`` beside an option that needs the whole text first.
    """
    whole = {
        "--json": json,
        "--beam-size": "beam_size" in given,
        "--num-samples": given.get("num_samples", 1) > 1,
    }
    name = next((name for name, needed in whole.items() if needed), None)
    if wanted and name is not None:
        raise UsageError(f"--stream does not apply to {name}: leave one of them out")
    if wanted is None:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        return name is None and output is None and terminal
    return wanted
