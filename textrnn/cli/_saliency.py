"""Pictures of what tokens weigh in a classifier's answer: HTML and a PNG."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textrnn.errors import DataError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from textrnn.models import Classified
    from textrnn.models.classifying import Deletion

__all__ = ["check_picture", "deletion_lines", "draw_saliency", "saliency_html"]

PIECES_A_LINE = 12


def check_picture(path: Path) -> None:
    """Refuse a picture that is neither.

    Raises:
        UsageError: another ending than .png and .html.
    """
    if path.suffix not in (".png", ".html"):
        raise UsageError(f"--output {path}: name a file ending in .png or .html")


def draw_saliency(result: Classified, path: Path) -> None:
    """Write the tokens on grounds of green, which speak for the label, and red, against it.

    Raises:
        MissingExtraError: a PNG is asked for, and matplotlib is not installed.
        DataError: the file cannot be written.
    """
    try:
        if path.suffix == ".html":
            path.write_text(saliency_html(result), encoding="utf-8")
        else:
            _draw(result, path)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}") from error


def deletion_lines(found: Sequence[Deletion]) -> Iterator[str]:
    """The deletion test, a line for each number of tokens that were left out.

    >>> from textrnn.models.classifying import Deletion
    >>> list(deletion_lines([Deletion(2, 0.31, 0.92)]))
    ['without the 2 heaviest tokens 0.3100, without 2 random ones 0.9200']
    """
    for one in found:
        heaviest = f"{one.tokens} heaviest tokens" if one.tokens > 1 else "heaviest token"
        others = f"{one.tokens} random ones" if one.tokens > 1 else "a random one"
        yield f"without the {heaviest} {one.heaviest:.4f}, without {others} {one.random:.4f}"


def saliency_html(result: Classified) -> str:
    """A page with the text.

    >>> from textrnn.models import Classified
    >>> page = saliency_html(Classified("<b>", "good", 0.9, {}, (("<b>", 0.5),)))
    >>> "&lt;b&gt;" in page, "rgba(0, 128, 0, 0.80)" in page
    (True, True)
    """
    spans = []
    for (piece, weight), share in zip(result.tokens, _shares(result), strict=True):
        colour = "0, 128, 0" if share > 0 else "200, 0, 0"
        style = f"background: rgba({colour}, {0.8 * abs(share):.2f})"
        spans.append(f'<span style="{style}" title="{weight:+.3f}">{html.escape(piece)}</span>')
    answer = f"{html.escape(result.label)} {result.score:.3f}"
    return (
        '<!doctype html><meta charset="utf-8"><title>saliency</title>'
        f'<p>{answer}</p><p style="white-space: pre-wrap">{"".join(spans)}</p>\n'
    )


def _draw(result: Classified, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "the picture of the weights") from error
    shares = _shares(result)
    rows = -(-len(shares) // PIECES_A_LINE) or 1
    figure = Figure(figsize=(11, 0.7 + 0.5 * rows))
    axes = figure.subplots()
    axes.set(xlim=(0, PIECES_A_LINE), ylim=(rows, 0), title=f"{result.label} {result.score:.3f}")
    axes.axis("off")
    for place, ((piece, _), share) in enumerate(zip(result.tokens, shares, strict=True)):
        row, column = divmod(place, PIECES_A_LINE)
        ground = ("green" if share > 0 else "red", 0.8 * abs(share))
        axes.text(
            column + 0.5,
            row + 0.5,
            piece.strip() or "·",
            ha="center",
            va="center",
            parse_math=False,
            bbox={"facecolor": ground, "edgecolor": "none"},
        )
    figure.savefig(path, dpi=120, format="png")


def _shares(result: Classified) -> list[float]:
    """The weights over the greatest, from -1 to 1."""
    most = max((abs(weight) for _, weight in result.tokens), default=0.0) or 1.0
    return [weight / most for _, weight in result.tokens]
