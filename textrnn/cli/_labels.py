"""A classifier's scores as a person reads them, and the reliability diagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textrnn.cli._io import aligned
from textrnn.errors import DataError, MissingExtraError, UsageError

__all__ = ["class_lines", "draw_reliability", "is_plain"]

TABLES = ("confusion", "reliability")
"""The figures of a classifier that are tables."""
EACH = ("precision", "recall", "f1", "texts")
MOST_COLUMNS = 10
MOST_SHOWN = 10


def is_plain(name: str) -> bool:
    """Whether a figure is a number for the model as a whole.

    >>> [is_plain(name) for name in ("accuracy", "recall pos", "confusion")]
    [True, False, False]
    """
    return (name not in TABLES and name.partition(" ")[0] not in EACH) or name in EACH


def class_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    r"""Precision, recall and F1 of each label, and which is taken for which; none for other models.

    >>> figures = {f"{name} {label}": 0.5 for label in ("bad", "good") for name in EACH[:3]}
    >>> figures |= {"texts bad": 3, "texts good": 1, "confusion": [[2, 1], [0, 1]]}
    >>> print("\n".join(class_lines(figures)))
    <BLANKLINE>
    label  precision  recall  f1      texts
    bad    0.5000     0.5000  0.5000  3
    good   0.5000     0.5000  0.5000  1
    <BLANKLINE>
    true, given  bad  good
    bad          2    1
    good         0    1
    """
    labels = [name.partition(" ")[2] for name in figures if name.startswith("precision ")]
    if not labels:
        return
    rows = [["label", *EACH]]
    for label in labels:
        *scores, texts = (figures[f"{name} {label}"] for name in EACH)
        rows.append([label, *(f"{score:.4f}" for score in scores), f"{texts:,}"])
    yield from ("", *aligned(rows))
    if "confusion" not in figures:
        return
    counts: list[list[int]] = figures["confusion"]
    if len(labels) <= MOST_COLUMNS:
        rows = [["true, given", *labels]]
        rows += [[label, *map(str, row)] for label, row in zip(labels, counts, strict=True)]
        yield from ("", *aligned(rows))
        return
    mistakes = [
        (count, labels[true], labels[given])
        for true, row in enumerate(counts)
        for given, count in enumerate(row)
        if count and true != given
    ]
    mistakes.sort(key=lambda one: -one[0])
    rows = [[f"{count:,}", f"{true} taken for {given}"] for count, true, given in mistakes]
    yield from ("", "the most frequent mistakes", *aligned(rows[:MOST_SHOWN]))


def draw_reliability(figures: Mapping[str, Any], path: Path) -> None:
    """How often a classifier is right over how sure it is (Guo et al. 2017, figure 1).

    Above, a point for each bin of confidence, the nearer to the diagonal the better; below, how
    many texts there are in each.

    Raises:
        UsageError: the figures are of another kind of model.
        MissingExtraError: matplotlib is not installed.
        DataError: the file cannot be written.
    """
    if "reliability" not in figures:
        raise UsageError(
            "--reliability is drawn of a classifier that gives one label a text: leave it out"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "the reliability diagram") from error
    confidence, right, counts = zip(*figures["reliability"], strict=True)
    figure = Figure(figsize=(5.5, 6.5), layout="constrained")
    above, below = figure.subplots(2, height_ratios=(3, 1), sharex=True)
    above.plot([0, 1], [0, 1], color="grey", lw=1, ls="--", label="perfectly calibrated")
    above.vlines(confidence, confidence, right, color="C1", lw=1.5, label="the gap")
    above.plot(confidence, right, "o-", color="C0", ms=5, label="this model, 15 bins")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of right answers")
    texts, error_ = f"{figures['texts']:,} texts", f"{100 * figures['ece']:.1f}%"
    above.set_title(f"{texts}, expected calibration error {error_}")
    above.legend(loc="upper left")
    below.bar(confidence, counts, width=0.04, color="C0")
    below.set(xlabel="confidence", ylabel="texts")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    try:
        figure.savefig(path, dpi=120, format="png")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error
