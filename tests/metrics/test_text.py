"""Bits add up; perplexities follow from them, each per what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.metrics import TextScore, bits_of, count_words, score_text

texts = st.text(st.characters(codec="utf-8"))
scores = st.builds(
    TextScore,
    bits=st.floats(0, 1e6),
    tokens=st.integers(1, 1000),
    words=st.integers(1, 1000),
    bytes=st.integers(1, 1000),
)


def test_a_text_scored_by_hand() -> None:
    # "a b" + newline, as four tokens of probability 1/2, 1/4, 1/8 and 1/4: 1 + 2 + 3 + 2 bits.
    log_probs = np.log([1 / 2, 1 / 4, 1 / 8, 1 / 4])
    score = score_text("a b\n", log_probs)
    assert (score.tokens, score.words, score.bytes) == (4, 2, 4)
    assert score.bits == pytest.approx(8)
    assert score.perplexity == pytest.approx(4)
    assert score.perplexity_per_word == pytest.approx(16)
    assert score.bits_per_byte == pytest.approx(2)
    benchmark = score_text("a b\n", log_probs, line_ends=True)
    assert benchmark.perplexity_per_word == pytest.approx(2 ** (8 / 3))


def test_perplexity_is_that_of_the_mean_loss() -> None:
    log_probs = np.log(np.random.default_rng(0).uniform(0.01, 1, 1000))
    score = score_text("x" * 500, log_probs)
    assert score.perplexity == pytest.approx(math.exp(-log_probs.mean()))


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    assert score_text("x", [-math.log(50)] * 7).perplexity == pytest.approx(50)


def test_bytes_are_counted_in_utf_8() -> None:
    assert score_text("für 猫", [0.0]).bytes == 8


def test_bits_are_summed_in_double_precision() -> None:
    log_probs = np.full(1_000_000, -0.1, np.float32)
    assert bits_of(log_probs) == pytest.approx(1e5 / math.log(2), rel=1e-6)


def test_certainty_costs_nothing() -> None:
    assert math.copysign(1, bits_of([0.0])) == 1
    assert score_text("a", [0.0]).perplexity == 1


def test_an_empty_text_has_no_perplexity() -> None:
    score = score_text("", [])
    assert (score.bits, score.tokens) == (0, 0)
    assert math.isnan(score.perplexity)
    assert math.isnan(score.perplexity_per_word)
    assert math.isnan(score.bits_per_byte)


def test_a_perplexity_beyond_all_numbers_is_infinite() -> None:
    assert TextScore(1e6, 1, 1, 1).perplexity == math.inf
    assert score_text("a", [-math.inf]).perplexity == math.inf


@given(scores, scores)
def test_scores_add_up(a: TextScore, b: TextScore) -> None:
    both = a + b
    assert both.bits == a.bits + b.bits
    assert (both.tokens, both.words) == (a.tokens + b.tokens, a.words + b.words)
    ends = sorted([a.bits_per_byte, b.bits_per_byte])
    assert ends[0] - 1e-9 <= both.bits_per_byte <= ends[1] * (1 + 1e-9) + 1e-9


@given(texts, texts)
def test_words_and_bytes_of_lines_add_up(first: str, second: str) -> None:
    a, b = f"{first}\n", f"{second}\n"
    for line_ends in (False, True):
        counts = [count_words(text, line_ends=line_ends) for text in (a, b, a + b)]
        assert counts[0] + counts[1] == counts[2]
    assert score_text(a, []).bytes + score_text(b, []).bytes == score_text(a + b, []).bytes
