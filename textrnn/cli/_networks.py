"""``textrnn inspect gradients`` and ``gates``: what is written of a network's inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textrnn.cli._io import aligned, one_line

if TYPE_CHECKING:
    from textrnn.inspection import GateValues, GradientNorms

__all__ = ["gate_lines", "gate_records", "gradient_lines"]

BLOCKS = " ▁▂▃▄▅▆▇█"


def gradient_lines(measured: Sequence[GradientNorms]) -> list[str]:
    """A table: the norm some steps back for each cell or model, that of the last step being 1.

    >>> from textrnn.inspection import GradientNorms
    >>> for line in gradient_lines([GradientNorms("rnn", (2.0, 1.0, 0.01))]):
    ...     print(line)
    steps back  rnn
    0           1
    1           0.5
    2           0.005
    """
    longest = max(len(one.norms) for one in measured)
    places = [0] + [count * 10**power for power in range(6) for count in (1, 2, 5)]
    rows = [["steps back", *(one.name for one in measured)]]
    for place in places:
        if place < longest:
            found = [one.relative()[place : place + 1] for one in measured]
            rows.append([str(place), *(f"{norm[0]:.3g}" if norm else "" for norm in found)])
    return aligned(rows)


def gate_lines(measured: GateValues) -> Iterator[str]:
    """For each token a line: how far each gate of each layer is open, the mean over its units."""
    means = measured.means()
    names = [f"{number}.{name}" for number, layer in enumerate(means, 1) for name in layer]
    columns = [values for layer in means for values in layer.values()]
    rows = [["", *names]]
    for place, piece in enumerate(measured.pieces):
        shown = [column[place] for column in columns]
        rows.append([one_line(piece), *(f"{block(value)} {value:.2f}" for value in shown)])
    yield from aligned(rows)


def block(value: float) -> str:
    """A block that is as high as a number from 0 to 1.

    >>> block(0.0), block(0.5), block(1.0)
    (' ', '▄', '█')
    """
    return BLOCKS[min(len(BLOCKS) - 1, int(value * len(BLOCKS)))]


def gate_records(measured: GateValues) -> Iterator[dict[str, object]]:
    """A record for each token; layers are counted from 1."""
    means = measured.means()
    for place, piece in enumerate(measured.pieces):
        layers = [{name: round(v[place], 4) for name, v in layer.items()} for layer in means]
        yield {"token": piece, "layers": layers}
