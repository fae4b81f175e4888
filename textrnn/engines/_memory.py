"""What a neural cache remembers of a text: hidden states, and the token after each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from textrnn.engines._base import Floats, Ids
from textrnn.tokenizers import BOS

__all__ = ["Memory"]

_BLOCK = 64  # states that lie together: to add one, one block at most is copied


@dataclass(frozen=True, eq=False)
class Memory:
    """The pairs (h_i, w_i) of a text so far; to add to it is to make another one.

    BOS, which nobody writes, is no part of a text and is not remembered.

    Args:
        ids: the tokens (N,), in order.
        blocks: the hidden states that they came after, N in all, (n, H) each.
        last: the hidden state (H,) after the last token of the text, whose next is not known.

    >>> memory = Memory().follow(np.array([7, 8, 9]), np.eye(3, dtype=np.float32), 9)
    >>> memory.ids.tolist(), memory.products(np.float32([[0, 1, 0]])).tolist()
    ([8, 9], [[0.0, 1.0]])
    """

    ids: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    blocks: tuple[Floats, ...] = ()
    last: Floats | None = None

    def follow(self, ids: Ids, hidden: Floats, size: int) -> Memory:
        """What is remembered when the text has gone on.

        Args:
            ids: the tokens that came (T,), at least one.
            hidden: the hidden state after each of them (T, H).
            size: the most pairs, of which the last are kept.
        """
        before, known = hidden[:-1], ids[1:]
        if self.last is not None:
            before, known = np.concatenate([self.last[np.newaxis], before]), ids
        told = known != BOS
        tail = np.concatenate([*self.blocks[-1:], before[told]])
        cut = (tail[begin : begin + _BLOCK] for begin in range(0, len(tail), _BLOCK))
        whole = Memory(
            np.concatenate([self.ids, known[told]]), (*self.blocks[:-1], *cut), hidden[-1]
        )
        return whole.trimmed(size)

    def trimmed(self, size: int) -> Memory:
        """The last ``size`` pairs at most."""
        extra = max(0, len(self.ids) - size)
        ids, blocks = self.ids[extra:], list(self.blocks)
        while extra and extra >= len(blocks[0]):
            extra -= len(blocks.pop(0))
        if extra:
            blocks[0] = blocks[0][extra:]
        return Memory(ids, tuple(blocks), self.last)

    def states(self, width: int) -> Floats:
        """The hidden states (N, H), H being ``width``."""
        return np.concatenate([np.empty((0, width), np.float32), *self.blocks])

    def products(self, hidden: Floats) -> Floats:
        """Of hidden states (T, H) with those remembered (T, N); N is at least 1."""
        return np.concatenate([hidden @ block.T for block in self.blocks], axis=1)
