"""What a run leaves for people: metrics.jsonl, a picture of the loss, how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from textrnn.errors import MissingExtraError
from textrnn.training.events import Evaluated, Event, Finished, StepDone

__all__ = ["MetricsLog", "draw_loss_curve", "duration", "read_metrics", "thinned_metrics"]


class MetricsLog:
    """One JSON object a line: every step's loss and every evaluation's scores.

    Args:
        path: the file; lines of an earlier run that lie beyond ``step`` are dropped, the rest are
            kept.
        step: where this run goes on from; 0 starts the file anew.
        evaluated_at: the last step whose evaluation will not come again; None: ``step``.
    """

    def __init__(self, path: Path, step: int = 0, evaluated_at: int | None = None) -> None:
        scored = step if evaluated_at is None else evaluated_at
        kept = [
            line
            for line in (read_metrics(path) if step else ())
            if line["step"] <= (scored if "valid" in line else step) and "finished" not in line
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._file = path.open("a")

    def write(self, event: Event) -> None:
        """Write the events that carry figures; the others pass."""
        if isinstance(event, StepDone):
            line: dict[str, Any] = {
                "step": event.step,
                "epoch": round(event.epoch, 5),
                "loss": round(event.loss, 5),
                "learning_rate": event.learning_rate,
                "gradient_norm": round(event.gradient_norm, 4),
                event.unit: event.tokens,
                "seconds": round(event.seconds, 2),
            }
        elif isinstance(event, Evaluated):
            line = {
                "step": event.step,
                "epoch": round(event.epoch, 5),
                "seconds": round(event.seconds, 2),
            }
            line |= {"valid": event.scores, "best": event.best}
        elif isinstance(event, Finished):
            line = {
                "step": event.step,
                "finished": event.reason,
                "seconds": round(event.seconds, 2),
            }
        else:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a metrics file; a last one that was cut short is left out."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return


def thinned_metrics(path: Path, steps: int = 1000) -> bytes:
    """A metrics file with all evaluations and at most so many of its steps, evenly spaced."""
    lines = list(read_metrics(path))
    every = -(-sum("loss" in line for line in lines) // steps) or 1
    kept = [line for line in lines if "loss" not in line or line["step"] % every == 0]
    return "".join(json.dumps(line) + "\n" for line in kept).encode()


def draw_loss_curve(metrics: Path, picture: Path, title: str) -> None:
    """Training and validation loss over steps, as a PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "the loss curve") from error
    lines = list(read_metrics(metrics))
    steps = [line for line in lines if "loss" in line]
    scored = [line for line in lines if "loss" in line.get("valid", {})]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [line["step"] for line in steps],
        [line["loss"] for line in steps],
        lw=0.5,
        alpha=0.35,
        color="C0",
    )
    smooth = list(smoothed([line["loss"] for line in steps]))
    axes.plot([line["step"] for line in steps], smooth, color="C0", label="training")
    if scored:
        losses = [line["valid"]["loss"] for line in scored]
        axes.plot(
            [line["step"] for line in scored], losses, "o-", ms=4, color="C1", label="validation"
        )
    unit = "text" if any("texts" in line for line in steps) else "token"
    axes.set(xlabel="step", ylabel=f"loss (nats per {unit})")
    axes.set_title(title, parse_math=False)  # a dollar in a command is a dollar
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)


def smoothed(values: Iterable[float], decay: float = 0.98) -> Iterator[float]:
    """An exponential moving average without the bias of its start.

    >>> list(smoothed([4.0, 4.0]))
    [4.0, 4.0]
    """
    mean, weight = 0.0, 0.0
    for value in values:
        mean, weight = decay * mean + (1 - decay) * value, decay * weight + (1 - decay)
        yield mean / weight


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> [duration(seconds) for seconds in (42, 150, 7300, float("inf"))]
    ['42 s', '2 min 30 s', '2 h 01 min', '?']
    """
    if seconds == float("inf"):
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
