"""Rules on a short list do what they do on the whole vocabulary, by their plain definitions."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.errors import GenerationError
from textrnn.generation.draw import draw
from textrnn.generation.rules import Rule, Shaping, Shortlist, narrow
from textrnn.generation.rules.ban import Ban
from textrnn.generation.rules.min_new_tokens import MinNewTokens
from textrnn.generation.rules.min_p import MinP
from textrnn.generation.rules.repetition_penalty import RepetitionPenalty
from textrnn.generation.rules.temperature import Temperature
from textrnn.generation.rules.top_k import TopK
from textrnn.generation.rules.top_p import TopP
from textrnn.generation.rules.typical_p import TypicalP
from textrnn.tokenizers import EOS


def bans_first(rules: list[Rule]) -> list[Rule]:
    """A ban behind a nucleus of one token leaves none, which is an error and not a subject here."""
    return sorted(rules, key=lambda rule: not isinstance(rule, Ban))


some_rules = st.lists(
    st.sampled_from([0.3, 0.7, 0.95, 0.999]).flatmap(
        lambda p: st.sampled_from(
            [
                Temperature(p),
                TopP(p),
                MinP(1 - p),
                TypicalP(p),
                TopK(int(50 * p)),
                TopK(3),
                RepetitionPenalty(1 + p),
                Ban(((7,), (5, 6))),
            ]
        )
    ),
    max_size=4,
).map(bans_first)


@st.composite
def some_logits(draw_one: Any) -> Any:
    """Logits (3, V), flat or peaked, with ties and with banned tokens."""
    vocab = draw_one(st.sampled_from([9, 60, 3000]))
    random = np.random.default_rng(draw_one(st.integers(0, 2**32)))
    spread = draw_one(st.sampled_from([0.0, 0.1, 1.0, 3.0, 12.0]))
    logits = random.normal(0, spread, (3, vocab)) + draw_one(st.sampled_from([0.0, -40.0, 25.0]))
    if draw_one(st.booleans()):
        logits = logits.round(1)
    if draw_one(st.booleans()):
        logits[random.random((3, vocab)) < 0.3] = -np.inf
        logits[:, 8] = 0
    return logits.astype(np.float32)


IDS = np.array([[4, 5], [0, 8], [6, 8]])


def narrowed(rules: list[Rule], row: int, logits: Any, first: int = 0) -> Shortlist:
    """What rules leave of one row."""
    vocab = first + len(logits)
    return narrow(rules, IDS[row : row + 1], Shortlist(logits, first), vocab, 0)


@given(some_logits(), some_rules)
def test_rules_in_a_row_are_each_applied_to_the_whole_vocabulary(
    logits: Any, rules: list[Rule]
) -> None:
    vocab = logits.shape[1]
    whole = reduce(lambda before, rule: rule(IDS, before), rules, logits)
    left = np.stack([narrowed(rules, row, logits[row]).whole(vocab) for row in range(3)])
    differ = np.isfinite(whole) != np.isfinite(left)
    assert differ.sum(axis=1).max() <= 1  # a token at the very edge
    agree = np.isfinite(whole) & np.isfinite(left)
    np.testing.assert_array_equal(left[agree], whole[agree])


@given(some_logits(), some_rules)
def test_what_is_left_is_the_same_whether_the_first_ids_are_left_out(
    logits: Any, rules: list[Rule]
) -> None:
    vocab = logits.shape[1]
    logits[:, :3] = -np.inf
    for row in range(3):
        left = narrowed(rules, row, logits[row, 3:], first=3)
        whole = narrowed(rules, row, logits[row])
        np.testing.assert_array_equal(left.whole(vocab), whole.whole(vocab))
        possible = np.isfinite(left.logits)
        np.testing.assert_array_equal(
            left.tokens[possible], np.flatnonzero(np.isfinite(whole.whole(vocab)))
        )


@given(some_logits(), st.sampled_from([TopK(9), TopP(0.9), MinP(0.1)]))
def test_what_is_known_of_a_short_list_is_what_would_be_computed(
    logits: Any, rule: Shaping
) -> None:
    for row in logits:
        known = Shortlist(row - row.max(), weights=np.exp(row - row.max()), greatest=0.0)
        left = rule.shape(known)
        plain = Shortlist(left.logits)
        assert left.greatest == plain.greatest
        np.testing.assert_array_equal(left.weights, plain.weights)
        again = rule.shape(left)
        np.testing.assert_array_equal(again.logits, row[again.tokens] - row.max())


@given(some_logits(), some_rules, st.floats(0, 1, exclude_max=True))
def test_a_draw_inverts_the_distribution_of_what_is_left(
    logits: Any, rules: list[Rule], uniform: float
) -> None:
    for row in range(3):
        left = narrowed(rules, row, logits[row])
        whole = left.whole(logits.shape[1]).astype(np.float64)
        weights = np.exp(whole - whole.max())
        held = weights.cumsum() / weights.sum()
        token = draw(left, uniform)
        assert weights[token] > 0
        assert held[token] > uniform - 1e-5
        assert held[token] - weights[token] / weights.sum() < uniform + 1e-5


def kept(rule: Rule, logits: Any) -> Any:
    return np.isfinite(rule(IDS, logits)) & np.isfinite(logits)


@given(some_logits(), st.integers(1, 400))
def test_top_k_by_its_definition(logits: Any, k: int) -> None:
    greater = (logits[:, None, :] > logits[:, :, None]).sum(axis=2) if logits.size < 999 else None
    if greater is None:
        ordered = np.sort(logits, axis=1)[:, ::-1]
        greater = np.array(
            [np.searchsorted(-o, -row) for o, row in zip(ordered, logits, strict=True)]
        )
    np.testing.assert_array_equal(kept(TopK(k), logits), (greater < k) & np.isfinite(logits))


@given(some_logits(), st.floats(0.01, 1))
def test_min_p_by_its_definition(logits: Any, p: float) -> None:
    distance = logits.max(axis=1, keepdims=True).astype(np.float64) - logits + np.log(p)
    sure = np.abs(distance) > 1e-4
    found = kept(MinP(p), logits)
    np.testing.assert_array_equal(found[sure], (distance <= 0)[sure])


@pytest.mark.parametrize("kind", [TopP, TypicalP])
@given(logits=some_logits(), p=st.floats(0.001, 0.9999))
def test_nuclei_by_their_definition(kind: Any, logits: Any, p: float) -> None:
    exact = logits.astype(np.float64)
    shares = np.exp(exact - exact.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprisal = -np.log(shares)
        entropy = np.nansum(shares * surprisal, axis=1, keepdims=True)
    distance = surprisal if kind is TopP else np.abs(surprisal - entropy)
    for row, found in enumerate(kept(kind(p), logits)):
        nearer = np.array(
            [shares[row][distance[row] < d - 1e-4].sum() for d in distance[row][found]]
        )
        assert (nearer < p + 1e-4).all()  # without those as far or farther, it is not enough
        assert shares[row][found].sum() > p - 1e-4


@given(some_logits(), st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_likeliest_are_within_any_reach_of_themselves_at_any_temperature(
    logits: Any, value: float, other: float
) -> None:
    for row in logits:
        likeliest = np.flatnonzero(row == row.max())
        for left in (Shortlist(row), Shortlist(row - row.max(), greatest=0.0)):
            tempered = left.divided(value).divided(other)
            assert tempered.greatest == tempered.logits.max()
            assert set(likeliest) <= set(tempered.within(0).tokens)
            assert set(likeliest) <= set(MinP(1).shape(tempered).tokens)
            assert len(tempered) == len(row)


@pytest.mark.parametrize("value", [1e-30, 0.5])
def test_quotients_beyond_float32_leave_the_likeliest(value: float) -> None:
    row = np.array([-3e38, 3e38, 3e38, 1.0, -np.inf], np.float32)
    for left in (Shortlist(row), Shortlist(row).divided(1.5)):
        tempered = left.divided(value)
        assert tempered.weights.tolist() == [0, 1, 1, 0, 0]
        assert (tempered.greatest, tempered.id(1)) == (0.0, 1)


def test_a_rule_that_leaves_nothing_of_a_short_list_is_named() -> None:
    ends = np.full(9, -np.inf, np.float32)
    ends[EOS] = 0
    with pytest.raises(GenerationError, match=r"MinNewTokens\(until=3\) leaves no token to choose"):
        narrowed([MinNewTokens(3)], 0, ends)
