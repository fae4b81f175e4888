"""Which sentence each row of a translator's batch belongs to, and where it stands beside others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from textrnn.engines._base import Ids

__all__ = ["Sentences"]

_PLACES = 2  # of a sentence, at least: a product of one row is summed in another order


class Sentences(NamedTuple):
    """N rows on G sentences, such as the hypotheses of a beam search.

    Args:
        of: (N,), the sentence of each row.
        rows: (G, K), which row stands in each place of a sentence; row 0 where a place is free.
            K is at least 2.
        places: (N,), where each row stands, as a number from 0 to G K - 1.
    """

    of: Ids
    rows: Ids
    places: Ids

    @classmethod
    def of_rows(cls, of: Ids, count: int) -> Sentences:
        """Rows side by side in each of ``count`` sentences, in their order.

        >>> beam = Sentences.of_rows(np.array([0, 1, 0]), 2)
        >>> beam.rows.tolist(), beam.places.tolist()
        ([[0, 2], [1, 0]], [0, 2, 1])
        """
        if count == 1 and len(of) > 1:  # which a search of one sentence asks for at every step
            number = np.arange(len(of))
            return cls(of, number[np.newaxis], number)
        order = np.argsort(of, kind="stable")
        ordered = of[order]
        begins = np.searchsorted(ordered, ordered)
        place = np.arange(len(of)) - begins
        width = max(_PLACES, int(place.max()) + 1)
        places = np.empty_like(of)
        places[order] = ordered * width + place
        rows = np.zeros(count * width, np.int64)
        rows[places] = np.arange(len(of))
        return cls(of, rows.reshape(count, width), places)

    def chosen(self, rows: Ids) -> Sentences:
        """Those of ``rows`` (N',), among as many sentences; itself where nothing has changed."""
        if len(self.rows) == 1 and len(rows) == len(self.of):
            return self
        of = self.of[rows]
        if of.tolist() == self.of.tolist():
            return self
        return Sentences.of_rows(of, len(self.rows))

    def left(self) -> Ids | None:
        """The sentences that have rows, where they are at most half of all; else None."""
        if len(self.rows) == 1:
            return None
        left = np.unique(self.of)
        return left if 2 * len(left) <= len(self.rows) else None

    def among(self, left: Ids) -> Sentences:
        """The same rows where only the sentences ``left`` (G',) are kept."""
        return Sentences.of_rows(np.searchsorted(left, self.of), len(left))
