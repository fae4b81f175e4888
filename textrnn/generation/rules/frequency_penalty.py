"""Frequency penalty: an amount off a token for each time that it has occurred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_number
from textrnn.tokenizers import PAD

__all__ = ["FrequencyPenalty"]


@dataclass(frozen=True)
class FrequencyPenalty:
    """Takes ``penalty`` off a token's logit for each time it has occurred so far.

    The prompt counts. https://platform.openai.com/docs/api-reference/completions/create
    (``frequency_penalty``). 0 changes nothing.

    >>> FrequencyPenalty(0.5)(np.array([[4, 4]]), np.ones((1, 5), np.float32))
    array([[1., 1., 1., 1., 0.]], dtype=float32)

    Raises:
        UsageError: not a number from -1e6 to 1e6.
    """

    penalty: float

    def __post_init__(self) -> None:
        """Check the value."""
        check_number("frequency_penalty", self.penalty, "from -1e6 to 1e6", lambda x: abs(x) <= 1e6)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V), lowered by the penalty times the count of each token in ids (B, T)."""
        rows, vocab = logits.shape
        places = ids + vocab * np.arange(rows)[:, None]
        counts = np.bincount(places.ravel(), minlength=rows * vocab).reshape(rows, vocab)
        counts[:, PAD] = 0
        return logits - np.float32(self.penalty) * counts.astype(np.float32)
