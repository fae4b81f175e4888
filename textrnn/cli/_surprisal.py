"""Rows of surprisals, as R's read.delim and pandas' read_table read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textrnn.cli._io import one_line

__all__ = ["header", "quoted", "surprisal_rows"]


def header(unit: str) -> str:
    r"""The names of the columns.

    >>> header("word").split("\t")
    ['text', 'position', 'word', 'bits', 'cumulative_bits']
    """
    return "\t".join(["text", "position", unit, "bits", "cumulative_bits"])


def surprisal_rows(text: int, units: Sequence[tuple[str, float]]) -> Iterator[str]:
    r"""A row for each token or word of the text of this number; all numbers count from 1.

    >>> list(surprisal_rows(3, [("a", 2.0), (" b", 0.5)]))
    ['3\t1\t"a"\t2.000000\t2.000000', '3\t2\t" b"\t0.500000\t2.500000']
    """
    total = 0.0
    for position, (unit, bits) in enumerate(units, 1):
        total += bits
        yield f"{text}\t{position}\t{quoted(unit)}\t{bits:.6f}\t{total:.6f}"


def quoted(text: str) -> str:
    r"""A text in double quotes, those inside doubled; tabs and line breaks as JSON writes them.

    >>> quoted('6" and\ta tab')
    '"6"" and\\ta tab"'
    """
    return '"' + one_line(text).replace("\t", "\\t").replace('"', '""') + '"'
