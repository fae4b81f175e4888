"""Presence penalty: a fixed amount off every token that has occurred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_number
from textrnn.tokenizers import PAD

__all__ = ["PresencePenalty"]


@dataclass(frozen=True)
class PresencePenalty:
    """Takes ``penalty`` off the logit of each token that has occurred so far.

    The prompt counts. https://platform.openai.com/docs/api-reference/completions/create
    (``presence_penalty``). 0 changes nothing.

    >>> PresencePenalty(0.5)(np.array([[4, 4]]), np.ones((1, 5), np.float32))
    array([[1. , 1. , 1. , 1. , 0.5]], dtype=float32)

    Raises:
        UsageError: not a number from -1e6 to 1e6.
    """

    penalty: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("presence_penalty", self.penalty, "from -1e6 to 1e6", lambda x: abs(x) <= 1e6)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V), those of the tokens in ids (B, T) lowered once."""
        new, rows = logits.copy(), np.arange(len(ids))[:, np.newaxis]
        new[rows, ids] = logits[rows, ids] - np.float32(self.penalty)
        new[:, PAD] = logits[:, PAD]
        return new
