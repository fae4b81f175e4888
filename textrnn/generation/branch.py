"""A text that a beam search is writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from textrnn.generation.terms import Progress

__all__ = ["Branch", "Choice"]

Choice: TypeAlias = tuple[float, int, int, float]
"""A token that a branch may go on with: the loss of the text that it makes, the row of the batch in
which the branch stands, the token, and its log-probability under the model's own distribution.

A text's loss is its log-probability, the sign changed, so the best choice is the least one."""


@dataclass(slots=True)
class Branch:
    """A text: its last token, and the text before that one. No tokens are copied as it grows.

    Args:
        before: the text that it went on from; None at the beginning.
        loss: the text's log-probability, the sign changed.
        row: of the batch, where the text before stood.
        id: the last token.
        log_prob: its log-probability under the model's own distribution.
        progress: how far it has come with the terms that it must contain; None: with none.

    >>> begin = Branch(None, 0.0, 0, 2, 0.0)
    >>> text = Branch(Branch(begin, 1.0, 0, 8, -1.0), 1.5, 4, 9, -0.5)
    >>> text.ids, [one.loss for one in text.trace()]
    ([8, 9], [1.0, 1.5])
    """

    before: Branch | None
    loss: float
    row: int
    id: int
    log_prob: float
    progress: Progress | None = None

    @property
    def ids(self) -> list[int]:
        """All of its new tokens."""
        ids = []
        text = self
        while text.before is not None:
            ids.append(text.id)
            text = text.before
        return ids[::-1]

    def trace(self) -> list[Branch]:
        """The text after each of its new tokens, from the first one on."""
        texts = []
        text = self
        while text.before is not None:
            texts.append(text)
            text = text.before
        return texts[::-1]
