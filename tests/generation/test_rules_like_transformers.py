"""Rules do what the logits processors of transformers with the same name do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import generation as hf

from textrnn.generation.rules import FAMILY, Rule, apply_rules
from textrnn.generation.rules.ban import Ban
from textrnn.generation.rules.logit_bias import LogitBias
from textrnn.tokenizers import EOS

V, ROWS = 500, 16
CASES: list[tuple[str, Any, Any]] = [
    ("temperature", 0.7, hf.TemperatureLogitsWarper(0.7)),
    ("temperature", 1.9, hf.TemperatureLogitsWarper(1.9)),
    ("top_k", 1, hf.TopKLogitsWarper(1)),
    ("top_k", 40, hf.TopKLogitsWarper(40)),
    ("top_k", 9999, hf.TopKLogitsWarper(9999)),
    ("top_p", 0.05, hf.TopPLogitsWarper(0.05)),
    ("top_p", 0.5, hf.TopPLogitsWarper(0.5)),
    ("top_p", 0.95, hf.TopPLogitsWarper(0.95)),
    ("min_p", 0.01, hf.MinPLogitsWarper(0.01)),
    ("min_p", 0.5, hf.MinPLogitsWarper(0.5)),
    ("typical_p", 0.2, hf.TypicalLogitsWarper(0.2)),
    ("typical_p", 0.9, hf.TypicalLogitsWarper(0.9)),
    ("repetition_penalty", 1.3, hf.RepetitionPenaltyLogitsProcessor(1.3)),
    ("repetition_penalty", 0.8, hf.RepetitionPenaltyLogitsProcessor(0.8)),
    ("no_repeat_ngram_size", 1, hf.NoRepeatNGramLogitsProcessor(1)),
    ("no_repeat_ngram_size", 2, hf.NoRepeatNGramLogitsProcessor(2)),
    ("no_repeat_ngram_size", 4, hf.NoRepeatNGramLogitsProcessor(4)),
]
SEQUENCES = ((5,), (7, 8), (9, 5, 6), (4, 4, 4, 4))


def both(rule: Rule, processor: Any, ids: Any, logits: Any) -> tuple[Any, Any]:
    ours = rule(ids, logits)
    theirs = processor(torch.from_numpy(ids), torch.from_numpy(logits.astype(np.float64)))
    return ours, theirs.numpy()


@pytest.mark.parametrize(("name", "value", "processor"), CASES)
@pytest.mark.parametrize("spread", [0.3, 3.0, 12.0])
def test_a_rule_agrees_with_transformers(
    name: str, value: Any, processor: Any, spread: float
) -> None:
    random = np.random.default_rng(1)
    logits = random.normal(0, spread, (ROWS, V)).astype(np.float32)
    ids = random.integers(4, 12, (ROWS, 30))
    ours, theirs = both(FAMILY.get(name)(value), processor, ids, logits)
    differ = np.isinf(ours) != np.isinf(theirs)
    assert differ.sum() <= 1  # a token at the very edge, where float32 and float64 round apart
    agree = np.isfinite(ours) & np.isfinite(theirs)
    np.testing.assert_allclose(ours[agree], theirs[agree], rtol=1e-5, atol=1e-5)


def test_bans_and_biases_agree_with_transformers() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(0, 3, (ROWS, V)).astype(np.float32)
    ids = random.integers(4, 10, (ROWS, 12))
    processor = hf.NoBadWordsLogitsProcessor([list(sequence) for sequence in SEQUENCES])
    np.testing.assert_allclose(*both(Ban(SEQUENCES), processor, ids, logits))
    biases = ((5, 2.5), (9, -1.0), (11, float("-inf")))
    bias = hf.SequenceBiasLogitsProcessor({(token,): amount for token, amount in biases})
    np.testing.assert_allclose(*both(LogitBias(biases), bias, ids, logits), rtol=1e-6)


@pytest.mark.parametrize("new_tokens", range(6))
def test_the_least_length_agrees_with_transformers(new_tokens: int) -> None:
    logits = np.random.default_rng(3).normal(0, 3, (2, V)).astype(np.float32)
    ids = np.full((2, 7 + new_tokens), 9)
    rule = FAMILY.get("min_new_tokens")(4)
    processor: Any = hf.MinNewTokensLengthLogitsProcessor(7, 4, EOS)
    theirs = processor(torch.from_numpy(ids), torch.from_numpy(logits))
    np.testing.assert_array_equal(apply_rules((rule,), ids, logits, new_tokens), theirs)


def test_what_was_banned_before_does_not_count() -> None:
    """Rules follow upon each other: the likeliest tokens are those that are left."""
    random = np.random.default_rng(4)
    logits = random.normal(0, 3, (ROWS, V)).astype(np.float32)
    logits[:, ::2] = -np.inf
    ids = random.integers(4, 12, (ROWS, 30))
    for name, value, processor in CASES:
        ours, theirs = both(FAMILY.get(name)(value), processor, ids, logits)
        assert (np.isinf(ours) != np.isinf(theirs)).sum() <= 1, name
