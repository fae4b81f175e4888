"""What a segment was translated to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from textrnn.engines import Floats
from textrnn.models.translating.words import Words

__all__ = ["Draft", "distinct"]


@dataclass(frozen=True)
class Draft:
    """A translation of a segment.

    Args:
        text: clean, on one line.
        score: what the search goes by; of a draw, the log-probability weighed by length.
        ids: its tokens, EOS included; none where the segment, or a part of it, was copied.
        log_probs: theirs under the model.
        source: the words of the segment.
        target: the words of the translation.
        shares: how much each target word looked at each source word and at none (W, U + 1).
    """

    text: str
    score: float = 0.0
    ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    source: Words | None = field(default=None, repr=False)
    target: Words | None = field(default=None, repr=False)
    shares: Floats | None = field(default=None, repr=False, compare=False)


def distinct(drafts: Iterable[Draft]) -> list[Draft]:
    """The drafts, of those with one text the first; tokens may spell a text in several ways.

    >>> [draft.score for draft in distinct([Draft("a", -1), Draft("b", -2), Draft("a", -3)])]
    [-1, -2]
    """
    found: dict[str, Draft] = {}
    for draft in drafts:
        found.setdefault(draft.text, draft)
    return [*found.values()]
