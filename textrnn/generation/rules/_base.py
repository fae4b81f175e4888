"""What a rule is, and what most rules share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.errors import UsageError

__all__ = ["Ids", "Logits", "Rule", "check_number", "check_whole"]

Ids: TypeAlias = NDArray[np.int64]
Logits: TypeAlias = NDArray[np.float32]


class Rule(Protocol):
    """A callable (ids so far (B, T), logits (B, V)) -> new logits (B, V), float32.

    ``ids`` are the last tokens of each row, prompt included, at most
    :data:`textrnn.generation.HISTORY` of them; shorter rows are padded with PAD on the left, and
    PAD stands for nothing. ``-inf`` bans a token. A rule is pure: it leaves its arguments alone and
    keeps nothing.

    A rule for the beginning of a text only has an attribute ``until``: it applies to a row while
    fewer than that many new tokens have been generated.
    """

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """The new logits."""
        ...


def check_whole(name: str, value: int, least: int, most: int | None = None) -> None:
    """Refuse what is not a whole number of at least ``least``, and at most ``most`` if given.

    >>> check_whole("top_k", 0, 1)
    Traceback (most recent call last):
    textrnn.errors.UsageError: top_k is 0: give a whole number of at least 1
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        allowed = f"at most {most:,}" if whole and value >= least else f"at least {least}"
        raise UsageError(f"{name} is {value!r}: give a whole number of {allowed}")


def check_number(name: str, value: float, allowed: str, good: Callable[[float], bool]) -> None:
    """Refuse what is not a finite number, or is not ``good``; the message says what is allowed.

    >>> check_number("top_p", 1.5, "above 0 and at most 1", lambda p: 0 < p <= 1)
    Traceback (most recent call last):
    textrnn.errors.UsageError: top_p is 1.5: give a number above 0 and at most 1
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and good(value)):
        raise UsageError(f"{name} is {value!r}: give a number {allowed}")
