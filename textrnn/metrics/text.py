"""Scores of a language model, counted in bits.

Bits add up over texts and do not depend on how a text was cut into tokens; perplexity always says
per what.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["TextScore", "bits_of", "count_words", "score_text"]


@dataclass(frozen=True)
class TextScore:
    """How many bits a language model needs for a text, and what the text is made of.

    Scores add up: ``score_a + score_b`` is the score of both texts.

    Attributes:
        bits: minus the log2-probability of all tokens.
        tokens: how many tokens were predicted.
        words: how many words the text has; see :func:`count_words`.
        bytes: how many bytes of UTF-8 the text has.

    >>> score = TextScore(bits=12.0, tokens=4, words=2, bytes=8)
    >>> score.perplexity, score.perplexity_per_word, score.bits_per_byte
    (8.0, 64.0, 1.5)
    """

    bits: float
    tokens: int
    words: int
    bytes: int

    @property
    def perplexity(self) -> float:
        """The perplexity per token: 2 to the bits a token; not a number where there are none."""
        return _perplexity(self.bits, self.tokens)

    @property
    def perplexity_per_word(self) -> float:
        """The perplexity per word, by which models of different tokenizers can be compared."""
        return _perplexity(self.bits, self.words)

    @property
    def bits_per_byte(self) -> float:
        """Bits a byte of UTF-8; not a number for an empty text."""
        return self.bits / self.bytes if self.bytes else math.nan

    def __add__(self, other: TextScore) -> TextScore:
        return TextScore(
            self.bits + other.bits,
            self.tokens + other.tokens,
            self.words + other.words,
            self.bytes + other.bytes,
        )


def _perplexity(bits: float, count: int) -> float:
    if not count:
        return math.nan
    return 2.0 ** (bits / count) if bits / count < 1024 else math.inf


def score_text(text: str, log_probs: ArrayLike, *, line_ends: bool = False) -> TextScore:
    """The score of ``text``, whose tokens have the natural log-probabilities ``log_probs``.

    >>> score_text("a cat", [math.log(1 / 2), math.log(1 / 4)]).bits
    3.0
    """
    return TextScore(
        bits=bits_of(log_probs),
        tokens=int(np.size(log_probs)),
        words=count_words(text, line_ends=line_ends),
        bytes=len(text.encode("utf-8")),
    )


def bits_of(log_probs: ArrayLike) -> float:
    """Minus the sum of natural log-probabilities, in bits; summed in float64.

    >>> bits_of([math.log(1 / 8)])
    3.0
    """
    return float(0.0 - np.sum(log_probs, dtype=np.float64) / math.log(2))


def count_words(text: str, *, line_ends: bool = False) -> int:
    r"""The number of words between whitespace.

    Args:
        text: the text.
        line_ends: count each line's end as one more word, as the WikiText benchmarks do.

    >>> count_words("a cat\nsat\n"), count_words("a cat\nsat\n", line_ends=True)
    (3, 5)
    """
    return len(text.split()) + (text.count("\n") if line_ends else 0)
