"""Stand-ins: names and numbers that a model knows, in the place of what it is to copy.

A sentence reads better around an address when the model has read a name in its place than when the
search had to fit the address in. Where the stand-ins do not come through, nothing is lost: the
search is asked for what they stood for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.words import Words, alone

__all__ = ["TURNS", "Disguise", "disguised"]

TURNS = 2
"""How many sets of stand-ins there are to try."""

_NAMES = ("Tom", "Mary", "John", "Boston")
_NUMBERS: Mapping[int, Sequence[str]] = {  # by digits; what counts and dates often are
    2: ("20", "50", "40", "70"),
    3: ("200", "500", "100", "300"),
    4: ("2013", "1990", "2000", "3000"),
}
_MARKUP = "<&"
"""What an item of markup begins with: it stands beside words, not for one."""


@dataclass(frozen=True)
class Disguise:
    """A text in which stand-ins stand for what is to be copied.

    Args:
        text: the text.
        originals: what each stand-in stands for.
        times: how often each stands in the text.
    """

    text: str
    originals: Mapping[str, str]
    times: Mapping[str, int]

    def undo(self, draft: Draft) -> Draft | None:
        """A translation of the text with what the stand-ins stand for; None where one is missing.

        It has no tokens: those that the model said are of another text.
        """
        found = self._pattern().findall(draft.text)
        if any(found.count(one) != times for one, times in self.times.items()):
            return None
        source, target = self._words(draft.source), self._words(draft.target)
        if (source is None) != (draft.source is None) or (target is None) != (draft.target is None):
            return None
        text = self._restored(draft.text)
        return replace(draft, text=text, ids=(), log_probs=(), source=source, target=target)

    def _words(self, words: Words | None) -> Words | None:
        """The words with what the stand-ins stand for; None where they are not whole words."""
        if words is None or any(" " in original for original in self.originals.values()):
            return None
        found = [one for text in words.texts for one in self._pattern().findall(text)]
        if any(found.count(one) != times for one, times in self.times.items()):
            return None
        return replace(words, texts=tuple(map(self._restored, words.texts)))

    def _restored(self, text: str) -> str:
        return self._pattern().sub(lambda found: self.originals[found[0]], text)

    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(alone, self.originals)))


def disguised(text: str, items: Sequence[str], turn: int) -> Disguise | None:
    """A text with stand-ins for ``items``; None where there are none for one of them.

    Nor are there where all items are numbers: a model knows how to speak of those.

    Args:
        text: clean.
        items: addresses, placeholders and numbers as they stand in it.
        turn: which of the sets of stand-ins, from 0 to :data:`TURNS`.

    >>> disguised("Hello {name}, it is 1,999 m to 1999.", ["{name}", "1,999", "1999"], 0).text
    'Hello Tom, it is 200 m to 2013.'
    """
    if all(item[0].isdigit() for item in items):
        return None
    originals: dict[str, str] = {}
    for item in items:
        fitting = [one for one in _fitting(item, turn) if one not in originals and one not in text]
        if not fitting or item[0] in _MARKUP:
            return None
        originals[fitting[0]] = item
    by_item = {item: stand_in for stand_in, item in originals.items()}
    pattern = "|".join(map(alone, sorted(items, key=len, reverse=True)))
    times = dict.fromkeys(originals, 0)

    def stand_in(found: re.Match[str]) -> str:
        times[by_item[found[0]]] += 1
        return by_item[found[0]]

    new = re.sub(pattern, stand_in, text)
    return Disguise(new, originals, times) if all(times.values()) else None


def _fitting(item: str, turn: int) -> Sequence[str]:
    """The stand-ins for an item, those of the turn first."""
    digits = item if item.isdigit() else "200" if item[0].isdigit() else ""
    known = _NUMBERS[min(max(len(digits), 2), 4)] if digits or _counts(item) else _NAMES
    return [*known[turn:], *known[:turn]]


def _counts(item: str) -> bool:
    """Whether a placeholder is one of a number, such as ``%d``."""
    return re.fullmatch(r"%(\(\w+\))?[dif]", item) is not None
