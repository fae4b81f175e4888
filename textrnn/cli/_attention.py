"""Pictures of attention: blocks for a terminal, and a PNG."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textrnn.cli._fonts import fonts_for
from textrnn.errors import MissingExtraError

if TYPE_CHECKING:
    from textrnn.models import AttentionMap

__all__ = ["block_lines", "draw_attention"]

SHADES = " ░▒▓█"


def block_lines(seen: AttentionMap, width: int) -> Iterator[str]:
    """Target words below each other, source words side by side, and between them shades.

    A column is as wide as its word; where that is wider than the terminal, source words are
    numbered and stand below.

    Args:
        seen: where the decoder looked.
        width: of the terminal, in columns.
    """
    from rich.cells import cell_len

    left = max(map(cell_len, seen.target_words))
    words: Sequence[str] = seen.source_words
    sizes = [max(cell_len(word), 2) for word in words]
    legend = ""
    if left + sum(sizes) + len(sizes) > width:
        words = [str(number) for number in range(1, len(sizes) + 1)]
        sizes = [max(2, len(str(len(words))))] * len(words)
        named = zip(words, seen.source_words, strict=True)
        legend = "  ".join(f"{number} {word}" for number, word in named)
    header = (_padded(word, size) for word, size in zip(words, sizes, strict=True))
    yield (" " * left + " " + " ".join(header)).rstrip()
    for word, row in zip(seen.target_words, seen.weights.tolist(), strict=True):
        cells = (_shade(weight) * size for weight, size in zip(row, sizes, strict=True))
        yield (_padded(word, left) + " " + " ".join(cells)).rstrip()
    if legend:
        yield legend


def _padded(text: str, width: int) -> str:
    """A text and spaces up to a width in columns, of which some characters take two."""
    from rich.cells import cell_len

    return text + " " * (width - cell_len(text))


def _shade(weight: float) -> str:
    """The block for a weight from 0 to 1.

    >>> [_shade(weight) for weight in (0.0, 0.2, 0.5, 1.0)]
    [' ', '░', '▒', '█']
    """
    return SHADES[min(int(weight * len(SHADES)), len(SHADES) - 1)]


def draw_attention(seen: AttentionMap, picture: Path) -> None:
    """A heat map as a PNG: source words on top, target words on the left.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "the attention's picture") from error
    rows, columns = seen.weights.shape
    figure = Figure(figsize=(2 + 0.5 * columns, 1.5 + 0.45 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(seen.weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    fonts = fonts_for((*seen.source_words, *seen.target_words))
    axes.set_xticks(range(columns), seen.source_words, rotation=60, ha="left", fontfamily=fonts)
    axes.set_yticks(range(rows), seen.target_words, fontfamily=fonts)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a dollar in a text is a dollar
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.set(xlabel="source", ylabel="target")
    axes.xaxis.set_label_position("top")
    figure.colorbar(image, label="attention")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # said by fonts_for
        figure.savefig(picture, dpi=120, format="png")
