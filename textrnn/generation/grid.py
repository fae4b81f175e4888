"""Grid beam search: which choices are kept of a sentence whose text must contain terms.

Its branches have K places for each number of the terms' tokens that are in place, so that they
compete with those that have come as far. Hokamp and Liu (2017), section 3,
https://arxiv.org/abs/1704.07138
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from textrnn.generation.branch import Choice
from textrnn.generation.terms import Progress
from textrnn.tokenizers import EOS

__all__ = ["kept_by_level", "may_end"]

_OVERDUE = 8  # tokens beyond all that terms are granted, after which a text ends in any case


def kept_by_level(
    choices: Iterable[Choice],
    progress: Sequence[Progress],
    first: int,
    *,
    left: int,
    beam_size: int,
    places: int,
) -> list[Choice]:
    """The choices to keep, best first in each level.

    Args:
        choices: of all branches of a sentence, those of a branch together.
        progress: how far each branch has come.
        first: the row of the first one.
        left: how many tokens may follow.
        beam_size: how many are kept of a level.
        places: how many texts that have all terms may still end.
    """
    levels: dict[int, list[Choice]] = {}
    for row, some in groupby(choices, key=itemgetter(1)):
        for level, choice in _allowed(progress[row - first], [*some], left):
            levels.setdefault(level, []).append(choice)
    kept = []
    for level, found in sorted(levels.items()):
        whole = level == progress[0].terms.levels
        kept += sorted(found)[: places if whole else beam_size]
    return kept


def may_end(progress: Progress, left: int) -> bool:
    """Whether a text ends here, as no token or fewer are ``left``: if it has all terms."""
    return left <= 0 and (progress.whole or left < -progress.terms.levels - _OVERDUE)


def _allowed(
    progress: Progress, choices: Sequence[Choice], left: int
) -> Iterator[tuple[int, Choice]]:
    """The choices of a branch that leave room for what is missing, and their levels.

    Where there are none, the one that goes on with a term, or the best.
    """
    others: list[tuple[bool, Choice, int]] = []
    none = True
    for choice in choices:
        loss, _, id, _ = choice
        if loss == math.inf:
            continue
        after = progress.after(id)
        if after.whole or (id != EOS and after.missing <= left):
            none = False
            yield after.level, choice
        else:
            others.append((id not in progress.wanted[:1], choice, after.level))
    if none and others:
        _, choice, level = min(others)
        yield level, choice
