"""``textrnn bench``: how fast a model is on this machine, and what share of the machine that is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from textrnn.cli._io import aligned, json_line, open_output
from textrnn.cli._models import SHIPPED, open_folder, open_language_model, open_translator
from textrnn.cli._options import (
    Device,
    Engine,
    Json,
    Quiet,
    Threads,
    Verbose,
    examples,
    new_app,
)
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.models import Speed, TranslationSpeed
    from textrnn.recipe import TrainingSpeed

__all__ = ["app", "speed_lines", "training_lines", "translation_lines"]

app = new_app()


@app.command(
    epilog=examples(
        "textrnn bench",
        "textrnn bench en-de",
        "textrnn bench runs/mine/model --engine torch --json",
        "textrnn bench runs/mine/model --train --threads 2",
    )
)
def bench(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR|ORG/NAME", help="A shipped model, a model folder, or a hub id."
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

    Of a translator, sentences per second too. Beside them stands what the machine allows: at batch
    1 a token cannot take less time than the weights take to be read; training cannot be faster than
    the machine's matrix products. Every time is the least of several.
    """
    if train:
        if (engine, device) != ("auto", "auto"):
            name = "engine" if engine != "auto" else "device"
            raise UsageError(f"--{name} does not apply to --train, which runs PyTorch on the CPU")
        from textrnn import recipe as recipes

        measured = recipes.measure_training(model, threads=threads, seconds=seconds)
        lines, record = training_lines(measured), asdict(measured)
    elif open_folder(model).task == "translation":
        from textrnn.models import measure_translation

        translating = measure_translation(
            lambda: open_translator(model, engine=engine, device=device, threads=threads), seconds
        )
        lines, record = translation_lines(translating), asdict(translating)
    else:
        from textrnn.models import measure_speed

        speed = measure_speed(
            lambda: open_language_model(model, engine=engine, device=device, threads=threads),
            seconds,
        )
        lines, record = speed_lines(speed), asdict(speed)
    with open_output(None) as out:
        out.writelines(line + "\n" for line in ([json_line(record)] if json else lines))


def speed_lines(speed: Speed) -> list[str]:
    """Figures of generation as a person reads them."""
    floor = speed.weight_bytes / speed.read_bytes_per_second
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
    alone = f" (the engine's step alone {floor / speed.step_seconds[1]:.0%})"
    return aligned(rows + _beside_the_machine(speed, alone))


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
    return aligned(
        rows + _beside_the_machine(speed, " (a step reads them once for all hypotheses)")
    )


def _beside_the_machine(speed: Speed | TranslationSpeed, more: str) -> list[tuple[str, str]]:
    """What the machine allows, and the share of it that one text reaches."""
    floor = speed.weight_bytes / speed.read_bytes_per_second
    return [
        ("peak memory", f"{speed.peak_bytes / 1e6:,.0f} MB"),
        (
            "floor at batch 1",
            f"{1e6 * floor:,.0f} us: {speed.weight_bytes / 1e6:,.1f} MB of weights at "
            f"{speed.read_bytes_per_second / 1e9:,.0f} GB/s",
        ),
        ("share of it reached", f"{speed.read_share:.0%}{more}"),
        ("matrix products", f"{speed.gemm_flops / 1e9:,.0f} GFLOP/s in float32, by numpy"),
    ]


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
