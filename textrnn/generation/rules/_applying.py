"""Rules applied one after the other, each to as few tokens as it can do with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from textwrap import shorten

import numpy as np

from textrnn.errors import GenerationError
from textrnn.generation.rules._base import Ids, Logits, Rule
from textrnn.generation.rules._shortlist import Shaping, Shortlist

__all__ = ["active_rules", "apply_rules", "narrow"]


def active_rules(rules: Iterable[Rule], new_tokens: int) -> tuple[Rule, ...]:
    """Those rules that apply to a text of ``new_tokens`` new tokens.

    >>> from textrnn.generation.rules.min_new_tokens import MinNewTokens
    >>> active_rules([MinNewTokens(3), MinNewTokens(4)], 3)
    (MinNewTokens(until=4),)
    """
    return tuple(rule for rule in rules if new_tokens < getattr(rule, "until", math.inf))


def apply_rules(rules: Iterable[Rule], ids: Ids, logits: Logits, new_tokens: int) -> Logits:
    """Apply rules in order to rows that have ``new_tokens`` new tokens each: new logits (B, V).

    >>> from textrnn.generation.rules.min_new_tokens import MinNewTokens
    >>> ids, logits = np.array([[2, 7]]), np.zeros((1, 5), np.float32)
    >>> apply_rules((MinNewTokens(3),), ids, logits, new_tokens=2)
    array([[  0.,   0.,   0., -inf,   0.]], dtype=float32)
    >>> apply_rules((MinNewTokens(3),), ids, logits, new_tokens=3)
    array([[0., 0., 0., 0., 0.]], dtype=float32)

    Raises:
        GenerationError: a rule leaves a row no token, or returns something else than logits of the
            same shape, finite or ``-inf``.
    """
    new = logits.copy()
    for rule in active_rules(rules, new_tokens):
        new = _applied(rule, ids, new, new_tokens)
    return new


def narrow(
    rules: Iterable[Rule], ids: Ids, left: Shortlist, vocab_size: int, new_tokens: int
) -> Shortlist:
    """The same for the tokens that are left to one text; all rules given apply.

    A rule that is a :class:`Shaping` sees these, any other one a row of all V logits, and it leaves
    tokens from the first of ``left`` on.

    Args:
        rules: in order.
        ids: the text so far (1, T).
        left: its tokens.
        vocab_size: V.
        new_tokens: how many it has.

    Raises:
        GenerationError: see :func:`apply_rules`.
    """
    first = left.first
    for rule in rules:
        if isinstance(rule, Shaping):
            left = rule.shape(left)
            if not -math.inf < left.best < math.inf:
                raise _unusable(rule, left.best, new_tokens)
        else:
            (whole,) = _applied(rule, ids, left.whole(vocab_size)[np.newaxis], new_tokens)
            left = Shortlist(whole[first:], first)
    return left


def _applied(rule: Rule, ids: Ids, logits: Logits, new_tokens: int) -> Logits:
    """What a rule makes of the logits (B, V) of rows that have ``new_tokens`` new tokens each.

    Raises:
        GenerationError: see :func:`apply_rules`.
    """
    new: object = rule(ids, logits)
    if not isinstance(new, np.ndarray):
        raise _no_logits(rule, type(new).__name__, logits)
    if new.shape != logits.shape or new.dtype.kind not in "fiu":
        raise _no_logits(rule, f"{new.shape} of {new.dtype}", logits)
    for greatest in np.maximum.reduce(new, axis=1).tolist():  # NaN where the row has one
        if not math.isfinite(greatest):
            raise _unusable(rule, greatest, new_tokens)
    return new


def _no_logits(rule: Rule, got: str, logits: Logits) -> GenerationError:
    return GenerationError(
        f"{shorten(repr(rule), 100)} returned {got}: a rule returns new logits, "
        f"here {logits.shape} of float32"
    )


def _unusable(rule: Rule, greatest: float, new_tokens: int) -> GenerationError:
    """What to say of a row of which that is the greatest logit."""
    name = shorten(repr(rule), 100)
    if greatest == -math.inf:
        return GenerationError(
            f"{name} leaves no token to choose after {new_tokens} new tokens: loosen it"
        )
    return GenerationError(
        f"{name} makes a logit {greatest} after {new_tokens} new tokens: a rule gives finite "
        "numbers, and -inf for what is banned"
    )
