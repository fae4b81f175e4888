"""Grid beam search: which choices are kept of a sentence whose text must contain terms.

Its branches have K places for each number of the terms' tokens that are in place, so that they
compete with those that have come as far. Hokamp and Liu (2017), section 3,
https://arxiv.org/abs/1704.07138
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from textrnn.generation.choices import Choices
from textrnn.generation.terms import Progress
from textrnn.tokenizers import EOS

__all__ = ["kept_by_level", "may_end"]

_OVERDUE = 8  # tokens beyond all that terms are granted, after which a text ends in any case


def kept_by_level(
    choices: Choices,
    places: range,
    progress: Sequence[Progress],
    first: int,
    *,
    left: int,
    beam_size: int,
    ends: int,
) -> list[int]:
    """The places of the choices to keep, best first in each level.

    Args:
        choices: the sentence's among them.
        places: where these stand.
        progress: how far each of the sentence's branches has come.
        first: the row of the first of them.
        left: how many tokens may follow.
        beam_size: how many are kept of a level.
        ends: how many texts that have all terms may still end.
    """
    levels: dict[int, list[int]] = {}
    for row, some in groupby(places, key=choices.rows.__getitem__):
        for level, place in _allowed(progress[row - first], choices, some, left):
            levels.setdefault(level, []).append(place)
    kept = []
    for level, found in sorted(levels.items()):
        whole = level == progress[0].terms.levels
        kept += sorted(found, key=choices.losses.__getitem__)[: ends if whole else beam_size]
    return kept


def may_end(progress: Progress, left: int) -> bool:
    """Whether a text ends here, as no token or fewer are ``left``: if it has all terms."""
    return left <= 0 and (progress.whole or left < -progress.terms.levels - _OVERDUE)


def _allowed(
    progress: Progress, choices: Choices, places: Iterable[int], left: int
) -> Iterator[tuple[int, int]]:
    """The choices of a branch that leave room for what is missing: their levels and places.

    Where there are none, the one that goes on with a term, or the best.
    """
    others: list[tuple[bool, float, int, int]] = []
    none = True
    for place in places:
        id, loss = choices.ids[place], choices.losses[place]
        if loss == math.inf:
            continue
        after = progress.after(id)
        if after.whole or (id != EOS and after.missing <= left):
            none = False
            yield after.level, place
        else:
            others.append((id not in progress.wanted[:1], loss, place, after.level))
    if none and others:
        *_, place, level = min(others)
        yield level, place
