"""Subword sampling, word by word, from a generator of our own.

Written here because sentencepiece's sampling cannot be repeated: whatever seed it is given, its
generator is salted anew in each process.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

__all__ = ["BPESampler", "TextSampler", "UnigramSampler"]

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # how sentencepiece writes a space inside a piece
CACHED_WORDS = 20_000
Ways = tuple[Sequence[int], Sequence[float]]


class TextSampler:
    """Cuts a text into words, which no piece spans, and draws a segmentation of each.

    Args:
        sampler: draws the segmentation of a word.
        pieces: all pieces; where one has a space inside, a line is one word.
        symbols: texts that are always one piece.
    """

    def __init__(
        self,
        sampler: UnigramSampler | BPESampler,
        *,
        pieces: Iterable[str],
        symbols: Sequence[str],
    ) -> None:
        self._sampler = sampler
        self._symbols = re.compile("|".join(map(re.escape, sorted(symbols, key=len, reverse=True))))
        self._has_symbols = bool(symbols)
        spaced = any(SPACE in piece[1:] for piece in set(pieces) - set(symbols))
        self._words = re.compile(".+" if spaced else f"{SPACE}?[^{SPACE}]+|{SPACE}", re.DOTALL)

    def sample(self, text: str, alpha: float, rng: random.Random) -> Iterator[str]:
        """The pieces of ``text``, which sentencepiece has normalised."""
        place = 0
        for symbol in self._symbols.finditer(text) if self._has_symbols else ():
            yield from self._sample_words(text[place : symbol.start()], alpha, rng)
            yield symbol.group()
            place = symbol.end()
        yield from self._sample_words(text[place:], alpha, rng)

    def _sample_words(self, text: str, alpha: float, rng: random.Random) -> Iterator[str]:
        for word in self._words.findall(text):
            yield from self._sampler.sample(word, alpha, rng)


class UnigramSampler:
    """Forward filtering and backward sampling over a word's lattice (Kudo 2018, section 3.2).

    A segmentation x is drawn with probability in proportion to P(x) ** alpha.

    Args:
        scores: the log probability of each piece.

    >>> sampler = UnigramSampler({"a": -1.0, "b": -1.0, "ab": -2.0})
    >>> [sampler.sample("ab", 1.0, random.Random(seed)) for seed in (1, 2)]
    [['ab'], ['a', 'b']]
    """

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores
        self._longest = max(map(len, scores), default=1)
        self._unknown = min(scores.values(), default=0.0) - 10.0  # as in sentencepiece
        self._cached_lattice = lru_cache(CACHED_WORDS)(self._lattice)

    def sample(self, word: str, alpha: float, rng: random.Random) -> list[str]:
        """The parts of ``word``, drawn from its last one to its first."""
        short = len(word) <= 2 * self._longest
        lattice = self._cached_lattice(word, alpha) if short else self._lattice(word, alpha)
        parts: list[str] = []
        end = len(word)
        while end:
            starts, weights = lattice[end - 1]
            (start,) = rng.choices(starts, cum_weights=weights)
            parts.append(word[start:end])
            end = start
        return parts[::-1]

    def _lattice(self, word: str, alpha: float) -> list[Ways]:
        """For each end in ``word``: where a part may start, and the weights of that, summed up."""
        totals = [0.0]  # the log weight of all segmentations up to each place
        lattice: list[Ways] = []
        for end in range(1, len(word) + 1):
            starts, weights = [], []
            for start in range(max(0, end - self._longest), end):
                score = self._scores.get(word[start:end])
                if score is None and start == end - 1:
                    score = self._unknown
                if score is not None:
                    starts.append(start)
                    weights.append(totals[start] + alpha * score)
            top = max(weights)
            cumulative = list(accumulate(math.exp(weight - top) for weight in weights))
            totals.append(top + math.log(cumulative[-1]))
            lattice.append((starts, cumulative))
        return lattice


class BPESampler:
    """BPE-dropout: a possible merge is left out with chance alpha (Provilkov 2020, algorithm 1).

    Args:
        scores: the score of each piece; the highest is merged first.

    >>> BPESampler({"a": -2.0, "b": -3.0, "ab": -1.0}).sample("abc", 0.0, random.Random(1))
    ['ab', 'c']
    """

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def sample(self, word: str, alpha: float, rng: random.Random) -> list[str]:
        """The parts of ``word`` once no merge is possible, or all that are were left out."""
        parts = list(word)
        while merges := [
            (-self._scores[left + right], place)
            for place, (left, right) in enumerate(pairwise(parts))
            if left + right in self._scores and rng.random() >= alpha
        ]:
            _, place = min(merges)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        return parts
