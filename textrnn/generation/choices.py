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

    def joined(self, places: range, other: Choices) -> Choices:
        """Those at some places and others, none of which may be among these.

        >>> some = Choices([0, 1, 1], [7, 4, 9], [0.5, 0.1, 0.2], [2.0, 4.0, 3.0], [5.0, 6.0])
        >>> some.joined(range(1, 3), Choices([1], [5], [0.3], [2.5], [5.0, 6.0])).ids
        [4, 5, 9]
        """
        ours = zip(*(part[places.start : places.stop] for part in self[:4]), strict=True)
        both = sorted([*ours, *zip(*other[:4], strict=True)])
        rows, ids, losses, logits = zip(*both, strict=True)
        return Choices([*rows], [*ids], [*losses], [*logits], self.totals)
