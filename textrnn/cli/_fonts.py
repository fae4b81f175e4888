"""Fonts for pictures of texts, in whatever script they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textrnn.cli._errors import warn

__all__ = ["fonts_for"]

FONTS = (  # for scripts that matplotlib's own fonts lack
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "IPAexGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "Arial Unicode MS",
)


def fonts_for(texts: Iterable[str], first: str = "DejaVu Sans") -> list[str]:
    """The fonts here that have the texts' characters; warns of those that none has."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    here = {font.name for font in fontManager.ttflist}
    fonts = [first, *(name for name in FONTS if name in here)]
    lacking = {ord(char) for text in texts for char in text}
    for name in fonts:
        found: Any = get_font(findfont(FontProperties(family=name)))
        lacking -= set(found.get_charmap())
    if lacking:
        shown = "".join(map(chr, sorted(lacking)[:5]))
        warn(f"no font here has {shown!r}: boxes stand for it (install a font such as {FONTS[0]})")
    return fonts
