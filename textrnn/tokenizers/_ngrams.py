"""Runs of neighbouring tokens and of neighbouring characters, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textrnn.tokenizers._spelling import Spelling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Ngrams"]

_MASK = (1 << 32) - 1
_STEP = 0x5BD1E995  # odd, below 2^31: a number of 32 bits times it stays below 2^63
_SPREAD = 2_654_435_761  # 2^32 over the golden ratio: neighbours land far apart
_OF_CHARACTERS = 0x2545F491  # what their runs begin with, so that they are none of tokens
_SHORTEST = 3  # characters; what is shorter says little


@dataclass(frozen=True)
class Ngrams:
    """Which n-grams of texts there are, hashed.

    Hashing needs no list of those that occur; two that share a bucket are taken for one (Weinberger
    et al. 2009, "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206). Those of
    characters know a word that is inflected, or was never seen whole.

    Args:
        tokens: of the longest n-grams of tokens; the shortest are single tokens.
        buckets: how many numbers there are.
        characters: of the longest n-grams of characters; the shortest have three, and 0: there are
            none.
        spelling: of the tokens, where there are such.

    >>> import numpy as np
    >>> found = Ngrams(tokens=2, buckets=1000).distinct(np.array([[5, 6, 5, 6]]), np.array([4]))
    >>> (found < 1000).sum(), found.shape[1]
    (np.int64(4), 8)
    """

    tokens: int
    buckets: int
    characters: int = 0
    spelling: Spelling | None = None

    def distinct(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which n-grams each text has, in whatever order: the buckets (B, K), each once.

        What is left of a row is filled with ``buckets``.

        Args:
            ids: texts (B, T), padded on the right.
            lengths: of the texts (B,).
        """
        import numpy as np

        parts = [self._runs(ids, lengths, 1, self.tokens, 0)]
        if self.characters:
            assert self.spelling is not None  # it is given where it is needed
            spelt = self.spelling.spell(ids, lengths)
            given = spelt.characters, spelt.lengths, _SHORTEST, self.characters, _OF_CHARACTERS
            parts.append(self._runs(*given))
        found = np.concatenate([part.reshape(len(ids), -1) for part in parts], axis=1)
        found.sort(axis=1)
        found[:, 1:][found[:, 1:] == found[:, :-1]] = self.buckets
        return found

    def occurrences(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Every n-gram of one text (T,), those that occur again too.

        Returns:
            The buckets (K,), and which tokens each is made of (K, T).
        """
        import numpy as np

        row, lengths = ids[np.newaxis], np.array([len(ids)])
        times = np.arange(len(ids))
        every = self._runs(row, lengths, 1, self.tokens, 0)[0]
        longer, begins = np.nonzero(every < self.buckets)
        ends = begins + longer
        parts = [(every[longer, begins], begins, ends)]
        if self.characters:
            assert self.spelling is not None
            spelt = self.spelling.spell(row, lengths)
            given = spelt.characters, spelt.lengths, _SHORTEST, self.characters, _OF_CHARACTERS
            every = self._runs(*given)[0]
            longer, begins = np.nonzero(every < self.buckets)
            tokens = spelt.tokens[0]
            ends = tokens[begins + longer + _SHORTEST - 1]
            parts.append((every[longer, begins], tokens[begins], ends))
        found, firsts, lasts = (np.concatenate(part) for part in zip(*parts, strict=True))
        return found, (times >= firsts[:, np.newaxis]) & (times <= lasts[:, np.newaxis])

    def _runs(
        self,
        ids: NDArray[np.int64],
        lengths: NDArray[np.int64],
        shortest: int,
        longest: int,
        begin: int,
    ) -> NDArray[np.int64]:
        """Every run of ``shortest`` to ``longest`` neighbours, in order.

        Returns:
            The buckets (B, N, T): at (b, n, t) that of the n + shortest from t on; ``buckets``
            itself where the text ends before.
        """
        import numpy as np

        rows, times = ids.shape
        found = np.full((rows, max(0, longest - shortest + 1), times), self.buckets, np.int64)
        begins = np.arange(times)
        mixed = np.full((rows, times), begin, np.int64)
        for place in range(min(longest, times)):
            last = ids[:, place:]
            mixed = (mixed[:, : last.shape[1]] * _STEP + last + 1) & _MASK
            if place + 1 < shortest:
                continue
            within = begins[: last.shape[1]] + place < lengths[:, np.newaxis]
            # A number of 32 bits, spread, times the buckets over 2^32: below the buckets.
            spread = (mixed * _SPREAD & _MASK) * self.buckets >> 32
            column = found[:, place + 1 - shortest, : last.shape[1]]
            column[:] = np.where(within, spread, self.buckets)
        return found
