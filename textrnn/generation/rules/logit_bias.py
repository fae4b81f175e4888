"""Logit bias: an amount added to chosen tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from textrnn.errors import UsageError
from textrnn.generation.rules._base import Ids, Logits

if TYPE_CHECKING:
    from textrnn.tokenizers import Tokenizer

__all__ = ["LogitBias"]

_MOST = 1e6  # that of the penalties


@dataclass(frozen=True)
class LogitBias:
    """Adds an amount to the logits of chosen ids: pairs (id, bias); ``-inf`` bans.

    https://platform.openai.com/docs/api-reference/completions/create (``logit_bias``)

    >>> LogitBias(((4, 2.5),))(np.array([[2]]), np.zeros((1, 5), np.float32))
    array([[0. , 0. , 0. , 0. , 2.5]], dtype=float32)

    Raises:
        UsageError: an id below 0 or beyond the vocabulary, or a bias that is neither from -1e6 to
            1e6 nor ``-inf``.
    """

    biases: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        """Check the ids and the amounts."""
        for token, bias in self.biases:
            if not isinstance(token, int | np.integer) or token < 0:
                raise UsageError(
                    f"logit_bias {token}={bias}: an id is a whole number of at least 0"
                )
            number = isinstance(bias, int | float | np.number)
            if not number or not (abs(bias) <= _MOST or bias == -math.inf):
                raise UsageError(
                    f"logit_bias {token}={bias}: give a number from -1e6 to 1e6, or -inf"
                )

    @classmethod
    def from_text(cls, text: str, tokenizer: Tokenizer) -> LogitBias:
        """Read ``ID=X``, several separated by commas.

        >>> from textrnn.tokenizers import Tokenizer
        >>> LogitBias.from_text("4=2.5,17=-inf", Tokenizer)
        LogitBias(biases=((4, 2.5), (17, -inf)))
        """
        try:
            pairs = [pair.split("=") for pair in text.split(",")]
            return cls(tuple((int(token), float(bias)) for token, bias in pairs))
        except ValueError:
            raise UsageError(f"logit_bias {text!r}: write ID=X, for example 17=-2.5") from None

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V) with the biases added in every row."""
        new = logits.copy()
        for token, bias in self.biases:
            if token >= logits.shape[1]:
                raise UsageError(
                    f"logit_bias {token}={bias}: the vocabulary has {logits.shape[1]} tokens"
                )
            new[:, token] += np.float32(bias)
        return new
