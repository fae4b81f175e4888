"""What the texts of a beam search may go on with."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Choices"]


class Choices(NamedTuple):
    """Tokens that texts may go on with, as lists of one length: no object is made of each of them.

    A text's loss is its log-probability, the sign changed, so the best choice is the one of the
    least loss.

    Args:
        rows: of the batch, where the texts stand; ascending.
        ids: the tokens; of equally good ones in a row the smaller one comes first.
        losses: of the texts that they make.
        log_probs: their log-probabilities under the model's own distribution.
    """

    rows: list[int]
    ids: list[int]
    losses: list[float]
    log_probs: list[float]

    def joined(self, places: range, other: Choices) -> Choices:
        """Those at some places and others, none of which may be among these.

        >>> some = Choices([0, 1, 1], [7, 4, 9], [0.5, 0.1, 0.2], [-0.5, -0.1, -0.2])
        >>> some.joined(range(1, 3), Choices([1], [5], [0.3], [-0.3])).ids
        [4, 5, 9]
        """
        ours = zip(*(part[places.start : places.stop] for part in self), strict=True)
        rows, ids, losses, log_probs = zip(*sorted([*ours, *zip(*other, strict=True)]), strict=True)
        return Choices([*rows], [*ids], [*losses], [*log_probs])
