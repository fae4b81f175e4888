"""The best tokens of many rows, and the sums that their log-probabilities are measured by."""

from __future__ import annotations

import numpy as np
import pytest

from textrnn.generation.candidates import NEVER, best_tokens, log_totals


def rows(*bases: float) -> np.ndarray:
    """Logits around each of these."""
    draw = np.random.default_rng(0).standard_normal((len(bases), 50)).astype(np.float32)
    return draw + np.array(bases, np.float32)[:, np.newaxis]


@pytest.mark.parametrize("count", [1, 5, 20])
def test_logits_of_any_size_have_their_sums(count: int) -> None:
    logits = rows(0, 60, -60, 1e4, -1e4)
    exact = logits.astype(np.float64)
    whole = np.logaddexp.reduce(exact, axis=1)
    without = np.logaddexp.reduce(exact[:, NEVER:], axis=1)
    best = best_tokens(logits, count)
    for found in (best[2:], log_totals(logits)):
        np.testing.assert_allclose(found[0], whole, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[1], without, rtol=1e-6, atol=1e-6)
    order = np.argsort(-logits[:, NEVER:], axis=1, kind="stable")[:, :count] + NEVER
    np.testing.assert_array_equal(best.ids, order)
    np.testing.assert_array_equal(best.values, np.take_along_axis(logits, order, axis=1))


@pytest.mark.parametrize("beside", [1e4, np.nan, -np.inf])
def test_a_row_is_the_same_beside_any_other(beside: float) -> None:
    logits = rows(1.5, beside)
    alone, together = best_tokens(logits[:1], 5), best_tokens(logits, 5)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    for one, other in zip(log_totals(logits[:1]), log_totals(logits), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
