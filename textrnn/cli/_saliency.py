"""Pictures of what tokens weigh in a classifier's answer: HTML and a PNG."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from textrnn.cli._fonts import fonts_for
from textrnn.cli._io import one_line
from textrnn.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from textrnn.models import Classified
    from textrnn.models.classifying import Deletion

__all__ = ["deletion_lines", "draw_saliency", "explained_line", "saliency_html"]

COLUMNS = 76
COLUMN, ROW = 0.1003, 0.32  # inches: of a letter of 12 points in a font of one width, and of a line
SHOWN = 0.2  # of the heaviest token's weight, from which on a token is coloured on a terminal
LEGEND = "green speaks for it, red against it"
_BYTE = re.compile("<0x[0-9A-F]{2}>")
PAGE = "margin: 2em; max-width: 45em; font: 18px/1.7 sans-serif; color: black; background: white"


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


def explained_line(result: Classified, coloured: bool) -> str:
    """The tokens with their weights; on a terminal green speaks for the label, red against it.

    >>> from textrnn.models import Classified
    >>> explained_line(Classified("Fine.", "good", 0.9, {}, (("▁Fine", 0.5), (".", -0.1))), False)
    '  Fine +0.50  . -0.10'
    """
    parts = []
    for text, weight, share in _shown(result):
        part = f"{text.strip() or '·'} {weight:+.2f}"
        if coloured and abs(share) >= SHOWN:
            part = f"\033[{32 if weight > 0 else 31}m{part}\033[0m"
        parts.append(part)
    return "  " + "  ".join(parts)


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
    for text, weight, share in _shown(result):
        word = text.lstrip()
        colour = "0, 128, 0" if share > 0 else "200, 0, 0"
        style = f"background: rgba({colour}, {0.8 * abs(share):.2f})"
        spans.append(" " * (len(text) - len(word)))
        spans.append(f'<span style="{style}" title="{weight:+.3f}">{html.escape(word)}</span>')
    answer = f"<b>{html.escape(result.label)} {result.score:.3f}</b>: {LEGEND} ({result.method})"
    return (
        '<!doctype html><meta charset="utf-8"><title>saliency</title>'
        f'<body style="{PAGE}"><p>{answer}</p>'
        f'<p style="white-space: pre-wrap">{"".join(spans).strip()}</p>\n'
    )


def _draw(result: Classified, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plot", "the picture of the weights") from error
    title = f"{result.label} {result.score:.3f}: {LEGEND} ({result.method})"
    shown = _shown(result)
    placed = list(_placed(one.text for one in shown))
    rows = 1 + max((row for row, _, _ in placed), default=0)
    columns = max([len(title), *(column + _width(text) for _, column, text in placed)])
    figure = Figure(figsize=((columns + 4) * COLUMN, (rows + 2) * ROW))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-2, columns + 2), ylim=(rows, -2))
    axes.axis("off")
    style: dict[str, Any] = {
        "family": fonts_for([title, *(text for *_, text in placed)], "DejaVu Sans Mono")
    }
    style |= {"size": 12, "va": "center_baseline", "parse_math": False}
    axes.text(0, -1, title, **style)
    for (row, column, text), (_, _, share) in zip(placed, shown, strict=True):
        ground = ((0.0, 0.5, 0.0) if share > 0 else (0.8, 0.0, 0.0), 0.8 * abs(share))
        axes.add_patch(Rectangle((column, row - 0.4), _width(text), 0.8, fc=ground, ec="none"))
        axes.text(column, row, text, **style)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # said by fonts_for
        figure.savefig(path, dpi=120, format="png")


def _placed(texts: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    """Each token without its space, with its row and column, as a text runs.

    >>> list(_placed([" Not", " bad", "."]))
    [(0, 0, 'Not'), (0, 4, 'bad'), (0, 7, '.')]
    """
    row = column = 0
    for text in texts:
        word = text.lstrip()
        begin = column + (_width(text) - _width(word) if column else 0)
        if column and begin + _width(word) > COLUMNS:
            row, begin = row + 1, 0
        yield row, begin, word
        column = begin + _width(word)


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


class _Shown(NamedTuple):
    """A token as a person reads it: its text, its weight, and that over the greatest, -1 to 1."""

    text: str
    weight: float
    share: float


def _shown(result: Classified) -> list[_Shown]:
    """The tokens, with spaces for sentencepiece's marks, and bytes together as characters.

    >>> from textrnn.models import Classified
    >>> tokens = (("▁a", 0.25), ("<0xC3>", 0.5), ("<0xBC>", -1.0))
    >>> [tuple(one) for one in _shown(Classified("aü", "x", 0.9, {}, tokens))]
    [(' a', 0.25, 0.5), ('ü', -0.5, -1.0)]
    """
    found: list[tuple[str, float]] = []
    for is_byte, some in groupby(
        result.tokens, lambda token: _BYTE.fullmatch(token[0]) is not None
    ):
        tokens = list(some)
        if is_byte:
            bytes_ = bytes(int(piece[3:5], 16) for piece, _ in tokens)
            tokens = [(bytes_.decode(errors="replace"), sum(weight for _, weight in tokens))]
        found += tokens
    most = max((abs(weight) for _, weight in found), default=0.0) or 1.0
    return [
        _Shown(one_line(piece.replace("▁", " ")), weight, weight / most) for piece, weight in found
    ]
