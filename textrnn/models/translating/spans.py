"""Where a stretch of a source went: the words of a translation that looked at it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.segments import BROKEN, clean
from textrnn.models.translating.words import core

__all__ = ["Spans", "letters"]

_HALF = 0.5  # of where a word looked: it belongs where it looked for the most part


def letters(text: str) -> int:
    """The characters of a text, white space not counted: stretches of sources are counted in them.

    >>> letters("a b")
    2
    """
    return len("".join(text.split()))


@dataclass(frozen=True)
class Spans:
    """Where the words of a translation looked, by characters of the source.

    Args:
        looked: how much each word looked at each character and at those before it, of all that it
            looked at: (W, N + 1).
        places: where each word stands in the translation (W,).
    """

    looked: NDArray[np.float64]
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, source: str, draft: Draft) -> Spans | None:
        """None where nothing tells where the words looked, or the text is not made of them."""
        if draft.source is None or draft.target is None or draft.shares is None:
            return None
        places, end = [], 0
        for said in draft.target.texts:
            word = said if said in draft.text else clean(said.replace(BROKEN, ""))
            begin = draft.text.find(word, end)
            if begin < 0 or draft.text[end:begin].strip():
                return None
            end = begin + len(word)
            places.append((begin, end))
        lengths = np.array([len(word) for word in draft.source.texts])
        if not places or not lengths.sum():
            return None
        shares = draft.shares[:, :-1].astype(np.float64)
        summed = np.cumsum(np.repeat(shares / lengths, lengths, axis=1), axis=1)
        whole = np.maximum(summed[:, -1:], np.finfo(np.float64).tiny)
        summed = np.concatenate([np.zeros_like(whole), summed / whole], axis=1)
        # What the tokenizer changed may have made the text shorter or longer.
        count = letters(source)
        columns = np.rint(np.arange(count + 1) * (lengths.sum() / max(count, 1))).astype(int)
        return cls(summed[:, columns], tuple(places))

    def run(self, span: tuple[int, int], free: NDArray[np.bool_]) -> tuple[int, int, float]:
        """The run of words that looked at a stretch more than elsewhere: begin, end, and how much.

        Args:
            span: the stretch, in characters.
            free: the words that it may have, one at least (W,).
        """
        gains = self.looked[:, span[1]] - self.looked[:, span[0]] - _HALF
        best, begin, so_far = (0, 0, -math.inf), 0, 0.0
        for word, gain in enumerate(gains.tolist()):
            if not free[word]:
                so_far = 0.0
                continue
            if so_far <= 0.0:
                begin, so_far = word, 0.0
            so_far += gain
            if so_far > best[2]:
                best = begin, word + 1, so_far
        return best

    def boundary(self, place: int, begin: int, allowed: NDArray[np.bool_]) -> int:
        """Before which of some words, or after them, a place of the source is.

        As many as may be of those that looked at what is before it are before it.

        Args:
            place: in characters.
            begin: the first word.
            allowed: whether it may be before each of them, and after the last (W + 1,).
        """
        gains = self.looked[begin : begin + len(allowed) - 1, place] - _HALF
        summed = np.array([0.0, *accumulate(gains.tolist())])
        return begin + int(np.argmax(np.where(allowed, summed, -np.inf)))

    def core(self, text: str, begin: int, end: int) -> tuple[int, int]:
        """Where a run of words stands in the translation, without the marks around it."""
        first, last = self.places[begin][0], self.places[end - 1][1]
        inner = core(text[first:last])
        first += text[first:last].find(inner)
        return first, first + len(inner)
