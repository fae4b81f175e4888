"""What ``textrnn evaluate`` does once its options are read: scores, as a table or as records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn.cli._errors import warn
from textrnn.cli._io import aligned, figure, json_line, open_output
from textrnn.cli._labels import class_lines, draw_reliability, is_plain

if TYPE_CHECKING:
    from textrnn.engines import Cache, Learning
    from textrnn.metrics import Comparison

__all__ = ["Changing", "Data", "Place", "comparison_line", "evaluate_models"]


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
class Changing:
    """How a language model changes with what it reads, and what it answers together with."""

    ensemble: tuple[str, ...] = ()
    cache: Cache | None = None
    dynamic: Learning | None = None
    statistics: str | None = None

    def given(self) -> dict[str, Any]:
        """What was asked for, as a record says it."""
        parts = {"cache": self.cache, "dynamic": self.dynamic}
        named: dict[str, Any] = {n: asdict(part) for n, part in parts.items() if part is not None}
        files = {"ensemble": list(self.ensemble), "statistics": self.statistics}
        return {name: value for name, value in files.items() if value} | named


@dataclass(frozen=True)
class Place:
    """What runs the models, and where."""

    engine: str
    device: str
    threads: int | None


def evaluate_models(
    names: list[str],
    given: tuple[Data, Changing, Place],
    output: Path | None,
    reliability: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write the scores of one model, or of two with a comparison.

    Args:
        names: the models.
        given: what was asked for.
        output: where to; None: stdout.
        reliability: where the first one's reliability diagram goes, if anywhere.
        as_json: whether each line is a record.
    """
    from textrnn import recipe as recipes

    data, changing, _ = given
    asked = {name: value for part in given for name, value in vars(part).items()}
    scores = {name: recipes.evaluate(name, **asked) for name in names}
    for name, figures in scores.items():
        if unknown := figures.get("unknown"):
            warn(
                f"{name} does not know {unknown:,.0f} of {figures['tokens']:,.0f} tokens: its bits "
                "per byte and perplexities leave out what they are, and are too low"
            )
    compared = recipes.compare(names[0], names[1], **asked) if len(names) == 2 else {}
    if reliability is not None:
        draw_reliability(scores[names[0]], reliability)
    with open_output(output) as out:
        if as_json:
            for name, figures in scores.items():
                asked_for = {**data.given(), **changing.given()}
                record = {"model": name, **asked_for, **figures}
                out.write(json_line(record) + "\n")
            for score, comparison in compared.items():
                record = {"comparison": names, "score": score, **asdict(comparison)}
                out.write(json_line(record) + "\n")
            return
        rows = [["", *scores]] if compared else []
        for key in filter(is_plain, scores[names[0]]):
            values = [figure(figures[key]) for figures in scores.values()]
            in_last_lines = compared and key.endswith("signature") and len(set(values)) == 1
            if not in_last_lines:
                rows.append([key.replace("_", " "), *values])
        out.writelines(line + "\n" for line in aligned(rows))
        for name in names:
            lines = list(class_lines(scores[name]))
            title = ["", name] if compared and lines else []
            out.writelines(line + "\n" for line in (*title, *lines))
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
