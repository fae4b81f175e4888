"""What a rule is, and what most rules share."""

from __future__ import annotations

import math
from collections.abc import Callable
from textwrap import shorten
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textrnn.errors import GenerationError, UsageError

__all__ = [
    "Ids",
    "Logits",
    "Rule",
    "apply_rules",
    "check_number",
    "check_whole",
    "keep_nearest",
    "keep_only",
]

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


def apply_rules(rules: tuple[Rule, ...], ids: Ids, logits: Logits, new_tokens: int) -> Logits:
    """Apply rules in order to rows that have ``new_tokens`` new tokens each.

    >>> from textrnn.generation.rules.min_new_tokens import MinNewTokens
    >>> ids, logits = np.array([[2, 7]]), np.zeros((1, 5), np.float32)
    >>> apply_rules((MinNewTokens(3),), ids, logits, new_tokens=2)
    array([[  0.,   0.,   0., -inf,   0.]], dtype=float32)
    >>> apply_rules((MinNewTokens(3),), ids, logits, new_tokens=3)
    array([[0., 0., 0., 0., 0.]], dtype=float32)

    Raises:
        GenerationError: a rule leaves a row no token, or returns something else than logits of the
            same shape.
    """
    for rule in rules:
        if new_tokens >= getattr(rule, "until", math.inf):
            continue
        shape = logits.shape
        logits = rule(ids, logits)
        got = getattr(logits, "shape", type(logits).__name__)
        if got != shape:
            raise GenerationError(
                f"{rule!r} returned {got}: a rule returns new logits, here {shape}"
            )
        if not (logits.max(axis=1) > -np.inf).all():
            name = shorten(repr(rule), 100)
            raise GenerationError(
                f"{name} leaves no token to choose after {new_tokens} new tokens: loosen it"
            )
    return logits


def keep_only(logits: Logits, keep: NDArray[np.bool_]) -> Logits:
    """New logits with everything banned that is not to be kept.

    >>> keep_only(np.array([[1.0, 2.0]], np.float32), np.array([[True, False]]))
    array([[  1., -inf]], dtype=float32)
    """
    new = np.full_like(logits, -np.inf)
    np.copyto(new, logits, where=keep)
    return new


def keep_nearest(logits: Logits, distances: Logits, weights: Logits, p: float) -> Logits:
    """New logits: of each row the nearest tokens are kept that hold a probability of at least p.

    Ties with the last of them are kept.

    Args:
        logits: (B, V).
        distances: (B, V), the smaller the better; each at most the token's surprisal or log V.
        weights: (B, V), the probabilities, up to a factor.
        p: below 1.
    """
    pairs = zip(distances, weights, strict=True)
    edges = np.array([[_edge(*pair, p)] for pair in pairs], np.float32)
    return keep_only(logits, distances <= edges)


def _edge(distances: Logits, weights: Logits, p: float) -> float:
    """The least distance within which a row's (V,) weights reach a share of p."""
    wanted = p * float(weights.sum())
    # V tokens of probability (1 - p) / V or less cannot matter, so the edge lies nearer than those.
    near, far = -1.0, math.log(len(weights) / (1 - p)) + 0.01
    for _ in range(6):  # halving costs less than sorting what it leaves out
        middle = (near + far) / 2
        inside = distances <= middle
        if weights @ inside < wanted:
            near = middle
            continue
        far = middle
        if 4 * np.count_nonzero(inside) < len(inside):
            places = np.flatnonzero(inside)
            distances, weights = distances[places], weights[places]
    between = np.flatnonzero((distances > near) & (distances <= far))
    if not len(between):
        return math.inf  # p is so near to 1 that rounding decides
    between = between[distances[between].argsort()]
    held = weights @ (distances <= near) + weights[between].cumsum(dtype=np.float64)
    last = min(int(held.searchsorted(wanted)), len(between) - 1)
    return float(distances[between[last]])


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
