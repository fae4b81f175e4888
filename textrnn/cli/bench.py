"""``textrnn bench``: how fast a model is on this machine, and what share of the machine that is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from textrnn.cli._io import aligned, json_line, open_stdout
from textrnn.cli._models import (
    SHIPPED,
    open_classifier,
    open_folder,
    open_language_model,
    open_translator,
)
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Quiet,
    Threads,
    Verbose,
    as_name,
    examples,
    new_app,
)
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.models import ClassificationSpeed, Speed, TranslationSpeed
    from textrnn.models.measuring import OnMachine
    from textrnn.recipe import TrainingSpeed

__all__ = ["app", "classification_lines", "speed_lines", "training_lines", "translation_lines"]

app = new_app()


@app.command(
    epilog=examples(
        "textrnn bench",
        "textrnn bench en-de",
        "textrnn bench sentiment-en",
        "textrnn bench runs/mine/model --engine torch --json",
        "textrnn bench runs/mine/model --train --threads 2",
    )
)
def bench(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR|ORG/NAME",
            parser=as_name,
            help="A shipped model, a model folder, or a hub id.",
        ),
    ] = SHIPPED,
    train: Annotated[bool, typer.Option("--train", help="Measure training instead.")] = False,
    seconds: Annotated[
        float, typer.Option(min=0.01, metavar="X", help="How long to measure each figure.")
    ] = 1.0,
    engine: Engine = "auto",
    device: Device = "auto",
    threads: Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure tokens per second, first-token time and memory.

    Of a translator sentences, of a classifier texts per second. Beside them stands what the machine
    allows: at batch 1 a token cannot take less time than the weights take to be read; training
    cannot be faster than the machine's matrix products. Every time is the least of several.
    """
    if train:
        if (engine, device) != ("auto", "auto"):
            name = "engine" if engine != "auto" else "device"
            raise UsageError(f"--{name} does not apply to --train, which runs PyTorch on the CPU")
        from textrnn import recipe as recipes

        measured = recipes.measure_training(model, threads=threads, seconds=seconds)
        lines, record = training_lines(measured), asdict(measured)
    else:
        lines, record = _answering(model, seconds, engine=engine, device=device, threads=threads)
    with open_stdout() as out:
        out.writelines(line + "\n" for line in ([json_line(record)] if json else lines))


def _answering(
    model: str, seconds: float, *, engine: str, device: str, threads: int | None
) -> tuple[list[str], dict[str, Any]]:
    """The figures of a model that answers, as lines and as a record."""
    from textrnn import models

    task = open_folder(model).task
    how: _How = {"engine": engine, "device": device, "threads": threads}
    if task == "translation":
        translating = models.measure_translation(lambda: open_translator(model, **how), seconds)
        return translation_lines(translating), asdict(translating)
    if task == "classification":
        classifying = models.measure_classification(lambda: open_classifier(model, **how), seconds)
        return classification_lines(classifying), asdict(classifying)
    writing = models.measure_speed(lambda: open_language_model(model, **how), seconds)
    return speed_lines(writing), asdict(writing)


class _How(TypedDict):
    engine: str
    device: str
    threads: int | None


def speed_lines(speed: Speed) -> list[str]:
    """Figures of generation as a person reads them."""
    rows = [
        ("engine", f"{speed.engine}, {speed.precision} weights"),
        ("open the model", f"{1e3 * speed.open_seconds:,.0f} ms"),
        ("first token", f"{1e3 * speed.first_token_seconds:,.2f} ms"),
    ]
    for batch, rate in speed.tokens_per_second.items():
        step, whole = 1e6 * speed.step_seconds[batch], 1e6 * batch / rate
        rows.append(
            (
                f"batch {batch}",
                f"{rate:,.0f} tokens/s ({whole:,.0f} us a token, the engine's step {step:,.0f})",
            )
        )
    step_share = _floor(speed) / speed.step_seconds[1]
    share = f"{speed.read_share:.0%} (the engine's step alone {step_share:.0%})"
    return aligned(rows + _reading(speed, share) + _products(speed))


def translation_lines(speed: TranslationSpeed) -> list[str]:
    """Figures of translation as a person reads them."""
    rows = [
        ("engine", f"{speed.engine}, {speed.precision} weights, beam {speed.beam_size}"),
        ("open the model", f"{1e3 * speed.open_seconds:,.0f} ms"),
        ("first sentence", f"{1e3 * speed.first_seconds:,.1f} ms"),
    ]
    for batch, rate in speed.sentences_per_second.items():
        tokens = speed.tokens_per_second[batch]
        rows.append((f"batch {batch}", f"{rate:,.1f} sentences/s, {tokens:,.0f} tokens/s"))
    share = f"{speed.read_share:.0%} (a step reads them once for all hypotheses)"
    return aligned(rows + _reading(speed, share) + _products(speed))


def classification_lines(speed: ClassificationSpeed) -> list[str]:
    """Figures of classification as a person reads them."""
    rows = [
        ("engine", f"{speed.engine}, {speed.precision} weights"),
        ("open the model", f"{1e3 * speed.open_seconds:,.0f} ms"),
        ("first text", f"{1e3 * speed.first_seconds:,.1f} ms"),
    ]
    rows += [
        (f"batch {batch}", f"{rate:,.0f} texts/s") for batch, rate in speed.texts_per_second.items()
    ]
    memory = ("peak memory", f"{speed.peak_bytes / 1e6:,.0f} MB")
    share = (
        "share of it reached",
        f"{speed.gemm_share:.0%} at batch {max(speed.texts_per_second)} (8 bits may pass it)",
    )
    return aligned([*rows, memory, *_products(speed), share])


def _floor(speed: OnMachine) -> float:
    """The seconds that reading the weights once takes."""
    return speed.weight_bytes / speed.read_bytes_per_second


def _reading(speed: OnMachine, share: str) -> list[tuple[str, str]]:
    """Memory, what reading the weights takes, and the share of that rate that one text reaches."""
    return [
        ("peak memory", f"{speed.peak_bytes / 1e6:,.0f} MB"),
        (
            "floor at batch 1",
            f"{1e6 * _floor(speed):,.0f} us: {speed.weight_bytes / 1e6:,.1f} MB of weights at "
            f"{speed.read_bytes_per_second / 1e9:,.0f} GB/s",
        ),
        ("share of it reached", share),
    ]


def _products(speed: OnMachine) -> list[tuple[str, str]]:
    return [("matrix products", f"{speed.gemm_flops / 1e9:,.0f} GFLOP/s in float32, by numpy")]


def training_lines(speed: TrainingSpeed) -> list[str]:
    """Figures of training as a person reads them."""
    return aligned(
        [
            ("training", f"{speed.tokens_per_second:,.0f} tokens/s"),
            (
                "step",
                f"{1e3 * speed.step_seconds:,.0f} ms for {speed.batch_size} x {speed.bptt} tokens, "
                f"{speed.precision}, {speed.threads} threads",
            ),
            ("matrix products", f"{speed.gemm_flops / 1e9:,.0f} GFLOP/s in {speed.precision}"),
            ("share of it reached", f"{speed.gemm_share:.0%}"),
        ]
    )
