"""No end of the text before so many new tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textrnn.generation.rules._base import check_whole
from textrnn.generation.rules._shortlist import Shaping, Shortlist
from textrnn.tokenizers import EOS

__all__ = ["MinNewTokens"]


@dataclass(frozen=True)
class MinNewTokens(Shaping):
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

    def shape(self, left: Shortlist) -> Shortlist:
        """All tokens but EOS."""
        (places,) = (left.tokens == EOS).nonzero()
        logits = left.logits.copy()
        logits[places] = -np.inf
        return left.changed(logits)
