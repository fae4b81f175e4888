"""No n-gram twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from textrnn.generation.rules._base import Ids, Logits, check_whole
from textrnn.tokenizers import PAD

__all__ = ["NoRepeatNgramSize"]


@dataclass(frozen=True)
class NoRepeatNgramSize:
    """Bans every token that would complete a sequence of ``size`` tokens that has occurred.

    The prompt counts. Paulus, Xiong and Socher (2017), "A Deep Reinforced Model for Abstractive
    Summarization", section 2.5, https://arxiv.org/abs/1705.04304

    >>> NoRepeatNgramSize(2)(np.array([[3, 4, 3]]), np.zeros((1, 6), np.float32))
    array([[  0.,   0.,   0.,   0., -inf,   0.]], dtype=float32)

    Raises:
        UsageError: not a whole number of at least 1.
    """

    size: int

    def __post_init__(self) -> None:
        """Check the value."""
        check_whole("no_repeat_ngram_size", self.size, 1)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V) with the tokens banned that would repeat an n-gram of ids (B, T)."""
        new = logits.copy()
        if ids.shape[1] >= self.size:
            windows = sliding_window_view(ids, self.size, axis=1)
            ending = ids[:, None, ids.shape[1] + 1 - self.size :]
            repeated = (windows[:, :, :-1] == ending).all(axis=2) & (windows[:, :, 0] != PAD)
            rows, places = np.nonzero(repeated)
            new[rows, windows[rows, places, -1]] = -np.inf
        return new
