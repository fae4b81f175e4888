"""Repetition penalty: what has been said becomes less likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_number
from textrnn.tokenizers import PAD

__all__ = ["RepetitionPenalty"]


@dataclass(frozen=True)
class RepetitionPenalty:
    """Divides the positive logits of tokens seen by ``penalty``, multiplies the negative ones.

    The prompt counts. Keskar et al. (2019), "CTRL", section 4.1, https://arxiv.org/abs/1909.05858
    (with the sign handled as in transformers). 1 changes nothing; around 1.2 is usual; below 1
    invites repetition.

    >>> RepetitionPenalty(2.0)(np.array([[4, 5]]), np.array([[0, 0, 0, 1, 1, -1]], np.float32))
    array([[ 0. ,  0. ,  0. ,  1. ,  0.5, -2. ]], dtype=float32)

    Raises:
        UsageError: not from 1e-6 to 1e6.
    """

    penalty: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number(
            "repetition_penalty", self.penalty, "from 1e-6 to 1e6", lambda x: 1e-6 <= x <= 1e6
        )

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V), those of the tokens in ids (B, T) penalised once."""
        penalty, rows = np.float32(self.penalty), np.arange(len(ids))[:, np.newaxis]
        seen = logits[rows, ids]
        new = logits.copy()
        new[rows, ids] = np.where(seen < 0, seen * penalty, seen / penalty)
        new[:, PAD] = logits[:, PAD]
        return new
