"""``textrnn evaluate --minimal-pairs``: the share of pairs whose good sentence is preferred."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textrnn.cli._io import aligned, json_line, open_output, read_texts
from textrnn.cli._models import open_language_model
from textrnn.errors import UsageError

__all__ = ["evaluate_minimal_pairs", "refuse_beside_minimal_pairs"]


def refuse_beside_minimal_pairs(**options: object) -> None:
    """Refuse by name the options that apply to a data set only.

    Raises:
        UsageError: one of them was given.

    >>> refuse_beside_minimal_pairs(split="valid")
    Traceback (most recent call last):
    textrnn.errors.UsageError: --split does not apply beside --minimal-pairs: leave it out
    """
    for name, value in options.items():
        if value:
            raise UsageError(f"--{name} does not apply beside --minimal-pairs: leave it out")


def evaluate_minimal_pairs(
    file: Path, model: str, place: dict[str, object], output: Path | None, *, as_json: bool
) -> None:
    """Write the accuracy of a model on a file of pairs, and that of each group."""
    from textrnn.models import minimal_pair_accuracy, read_minimal_pairs

    name = "<stdin>" if str(file) == "-" else str(file)
    pairs = read_minimal_pairs(read_texts((), file), name)
    lm = open_language_model(model, **place)  # type: ignore[arg-type]
    found = minimal_pair_accuracy(lm, pairs)
    rows = {**found.groups, "all": (found.pairs, found.right)}

    def records() -> Iterator[str]:
        for group, (count, right) in found.groups.items():
            shares = {"accuracy": right / count, "pairs": count, "right": right}
            yield json_line({"model": model, "minimal_pairs": str(file), "group": group, **shares})
        shares = {"accuracy": found.accuracy, "pairs": found.pairs, "right": found.right}
        yield json_line({"model": model, "minimal_pairs": str(file), **shares})

    table = [["", "accuracy", "pairs"]]
    table += [
        [group, f"{right / count:.4f}", f"{count:,}"] for group, (count, right) in rows.items()
    ]
    with open_output(output) as out:
        out.writelines(line + "\n" for line in (records() if as_json else aligned(table)))
