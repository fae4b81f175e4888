"""No end of the text before so many new tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import Ids, Logits, check_whole
from textrnn.tokenizers import EOS

__all__ = ["MinNewTokens"]


@dataclass(frozen=True)
class MinNewTokens:
    """Bans EOS until a row has ``until`` new tokens.

    The loop, which counts them, leaves the rule out after that.
    ``MinNewTokensLengthLogitsProcessor`` in
    https://huggingface.co/docs/transformers/internal/generation_utils

    >>> MinNewTokens(10)(np.array([[2]]), np.zeros((1, 5), np.float32))
    array([[  0.,   0.,   0., -inf,   0.]], dtype=float32)

    Raises:
        UsageError: not a whole number of at least 0.
    """

    until: int

    def __post_init__(self) -> None:
        """Check the value."""
        check_whole("min_new_tokens", self.until, 0)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V) with EOS banned."""
        new = logits.copy()
        new[:, EOS] = -np.inf
        return new
