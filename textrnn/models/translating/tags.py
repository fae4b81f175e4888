"""Tags in a text: what is one, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["find_tags", "taken_out"]

_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*|\d+)"
    r"(?:\s(?:[^<>\"']++|\"[^\"<]*\"|'[^'<]*')*+>|\s[^<>]*>|/?>)"
    r"|<!--.*?-->",
    re.DOTALL,
)
_BETWEEN_WORDS = re.compile("br|hr|p|div|li|ul|ol|dl|dt|dd|h[1-6]|table|tr|td|th|blockquote|pre")


def find_tags(text: str) -> list[re.Match[str]]:
    """The tags of a text, comments too: the groups of each are ``end``, a slash, and ``name``.

    A number is a tag's name only where the text has one that closes it, or it closes itself.

    >>> found = find_tags('<a title="3 > 2">x < y</a> <0>z</0> <1> <br/> <!-- <b> -->')
    >>> [tag[0] for tag in found]
    ['<a title="3 > 2">', '</a>', '<0>', '</0>', '<br/>', '<!-- <b> -->']
    """
    found = list(_TAG.finditer(text))
    closed = {tag["name"] for tag in found if tag["end"] or tag[0].endswith("/>")}
    return [tag for tag in found if not (tag["name"] or "").isdigit() or tag["name"] in closed]


def taken_out(text: str, tags: Sequence[re.Match[str]]) -> tuple[str, list[tuple[int, int]]]:
    """A text without these of its tags, and where in it each stood: a space if it parts words.

    >>> taken_out("One<br>or <b>two</b>", find_tags("One<br>or <b>two</b>"))
    ('One or two', [(3, 4), (7, 7), (10, 10)])
    """
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    read = length = 0
    for tag in tags:
        between = " " if _BETWEEN_WORDS.fullmatch((tag["name"] or "").lower()) else ""
        length += tag.start() - read
        parts += [text[read : tag.start()], between]
        places.append((length, length + len(between)))
        length += len(between)
        read = tag.end()
    return "".join(parts) + text[read:], places
