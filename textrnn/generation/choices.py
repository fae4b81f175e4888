"""What the texts of a beam search may go on with."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Choices"]


class Choices(NamedTuple):
    """Tokens that texts may go on with, as lists: no object is made of each of them.

    A text's loss is its log-probability, the sign changed, so the best choice is the one of the
    least loss.

    Args:
        rows: of the batch, where the texts stand; ascending.
        ids: the tokens; of equally good ones in a row the smaller one comes first.
        losses: of the texts that they make.
        logits: the model's.
        totals: what a row's log-probabilities under the model's own distribution are measured by:
            one for each row of the batch.
    """

    rows: list[int]
    ids: list[int]
    losses: list[float]
    logits: list[float]
    totals: list[float]

    def log_prob(self, place: int) -> float:
        """The log-probability of a token under the model's own distribution."""
        return self.logits[place] - self.totals[self.rows[place]]

    def among(self, places: range) -> Choices:
        """Those at some places."""
        part = slice(places.start, places.stop)
        own = self.rows[part], self.ids[part], self.losses[part], self.logits[part]
        return Choices(*own, self.totals)

    def joined(self, other: Choices) -> Choices:
        """These and others of the same rows, none of which may be among these.

        >>> some = Choices([1, 1], [4, 9], [0.1, 0.2], [4.0, 3.0], [5.0, 6.0])
        >>> some.joined(Choices([1], [5], [0.3], [2.5], [5.0, 6.0])).ids
        [4, 5, 9]
        """
        rows, ids = self.rows + other.rows, self.ids + other.ids
        losses, logits = self.losses + other.losses, self.logits + other.logits
        order = sorted(range(len(rows)), key=lambda place: (rows[place], ids[place]))
        return Choices(
            [rows[place] for place in order],
            [ids[place] for place in order],
            [losses[place] for place in order],
            [logits[place] for place in order],
            self.totals,
        )
