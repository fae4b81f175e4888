"""Batches for truncated backpropagation through time: every row reads one contiguous stream."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.errors import DataError

__all__ = ["IGNORE", "TokenStreams", "Window"]

IGNORE = -1
"""The target of a place that is not to be predicted."""

_SHORTEST = 5


@dataclass(frozen=True)
class Window:
    """A piece of every row's stream.

    Args:
        ids: (B, T).
        targets: (B, T), the ids one place later; :data:`IGNORE` beyond a row's end.
        tokens: how many targets there are in the whole batch, over all processes.
    """

    ids: Tensor
    targets: Tensor
    tokens: int


@dataclass(frozen=True)
class TokenStreams:
    """A corpus cut into ``rows`` contiguous streams, read side by side, ``bptt`` tokens at a time.

    For training the rows are of equal length and a remainder of fewer than ``rows`` tokens is left
    out; for evaluation (``whole``) every token but the very first is predicted once.

    Args:
        ids: (N,).
        rows: B over all processes.
        bptt: T, the tokens after which backpropagation is cut; the state is carried on.
        whole: leave nothing out.
        lengths: of the windows, where they are not all ``bptt``; they sum to ``row_length``.
        rank: which process this is.
        world: of how many; each reads ``rows / world`` rows.

    Raises:
        DataError: the corpus is too short for one window, or the rows do not divide among the
            processes.

    >>> streams = TokenStreams(np.arange(9), rows=2, bptt=3)
    >>> len(streams), streams.window(0).ids.tolist(), streams.window(1).targets.tolist()
    (2, [[0, 1, 2], [4, 5, 6]], [[4], [8]])
    """

    ids: NDArray[np.generic]
    rows: int
    bptt: int
    whole: bool = False
    rank: int = 0
    world: int = 1
    lengths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is something to read."""
        tokens = len(self.ids)
        if self.rows % self.world:
            raise DataError(f"batch_size {self.rows} does not divide among {self.world} processes")
        if not self.whole and tokens < self.rows * self.bptt + 1:
            raise DataError(
                f"the corpus has {tokens:,} tokens, too few for one window: batch_size {self.rows} "
                f"x bptt {self.bptt} needs {self.rows * self.bptt + 1:,}; make one of them smaller"
            )

    @property
    def row_length(self) -> int:
        """Targets a row."""
        targets = len(self.ids) - 1
        return -(-targets // self.rows) if self.whole else targets // self.rows

    def varied(self, short: float, deviation: float, seed: tuple[int, ...]) -> TokenStreams:
        """The same streams, read in windows of random lengths (arXiv:1708.02182, section 4.1).

        So that no token always stands at a window's end. A length is drawn from a normal
        distribution around ``bptt`` or, now and then, around half of it, and is at least 5.

        Args:
            short: the probability of the half.
            deviation: the standard deviation, in tokens.
            seed: the same one draws the same lengths.

        >>> TokenStreams(np.arange(801), rows=2, bptt=70).varied(0.05, 5.0, (1, 0)).lengths
        (74, 63, 72, 73, 71, 47)
        """
        random = np.random.default_rng(seed)
        least = min(_SHORTEST, self.bptt)
        lengths: list[int] = []
        left = self.row_length
        while left > 0:
            middle = self.bptt / 2 if random.random() < short else self.bptt
            lengths.append(min(left, max(least, round(random.normal(middle, deviation)))))
            left -= lengths[-1]
        return replace(self, lengths=tuple(lengths))

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Where along a row each window ends."""
        if self.lengths:
            return np.cumsum(self.lengths)
        return np.minimum(np.arange(1, self._windows + 1) * self.bptt, self.row_length)

    @property
    def _windows(self) -> int:
        return len(self.lengths) or -(-self.row_length // self.bptt)

    def __len__(self) -> int:
        return self._windows

    def window(self, index: int) -> Window:
        """The window at ``index``, for this process's rows."""
        here = self.rows // self.world
        begin, end = int(self._ends[index - 1]) if index else 0, int(self._ends[index])
        width = end - begin
        last = len(self.ids) - 1
        ids = np.zeros((here, width), np.int64)
        targets = np.full((here, width), IGNORE, np.int64)
        for row in range(here):
            start = (self.rank * here + row) * self.row_length + begin
            real = max(0, min(width, last - start))
            ids[row, :real] = self.ids[start : start + real]
            targets[row, :real] = self.ids[start + 1 : start + 1 + real]
        tokens = self.rows * width if not self.whole else int((targets != IGNORE).sum())
        return Window(torch.from_numpy(ids), torch.from_numpy(targets), tokens)
