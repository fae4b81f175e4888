"""The translator on real engines: a line alone is that line in a batch, whatever runs it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textrnn
from textrnn.models import Translator

WORDS = ("the", "cat", "dog", "sat", "ran")


def lines(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(count)]


@pytest.fixture(scope="module", params=["onnx", "torch"])
def model(request: pytest.FixtureRequest, toy_translator: Path) -> Translator:
    found = textrnn.load(toy_translator, engine=request.param, device="cpu", threads=1)
    assert isinstance(found, Translator)
    return found


OPTIONS: list[dict[str, Any]] = [
    {"n_best": 3, "alignments": True},
    {"beam_size": 1},
    {"coverage_penalty": 0.3, "length_penalty": 0.6},
    {"glossary": {"cat": "Hund", "sat": "lief"}},
    {"prefix": "der Hund", "repetition_penalty": 1.2},
    {"sample": True, "seed": 5, "n_best": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options)))
def test_alone_is_as_in_a_batch(model: Translator, options: dict[str, Any]) -> None:
    texts = [*lines(12, seed=1), "", "x y z", "the cat"]
    together = model.translate(texts, **options)
    for text, one in zip(texts, together, strict=True):
        alone = model.translate(text, **options)
        assert [best.text for best in alone.n_best] == [best.text for best in one.n_best]
        np.testing.assert_allclose(  # 8-bit products of many rows round in another order
            [best.score for best in alone.n_best], [best.score for best in one.n_best], atol=2e-3
        )
        assert alone.alignment == one.alignment


def test_forced_decoding_scores_what_the_search_found(model: Translator) -> None:
    texts = lines(8, seed=2)
    found = model.translate(texts)
    forced = model.score(texts, [one.text for one in found])
    for one, score in zip(found, forced, strict=True):
        if [token.id for token in score.tokens] == [token.id for token in one.tokens]:
            bits = [token.bits for token in one.tokens]
            np.testing.assert_allclose([t.bits for t in score.tokens], bits, atol=2e-2)
    assert sum(score.bits for score in forced) < 60


def test_terms_are_in_the_text_on_any_engine(model: Translator) -> None:
    for one in model.translate(lines(10, seed=3), glossary={"cat": "Hund", "dog": "Kater"}):
        assert ("Hund" in one.text) >= ("cat" in one.source)
        assert ("Kater" in one.text) >= ("dog" in one.source)


def test_attention_is_a_share_of_each_word(model: Translator) -> None:
    seen = model.attention("the cat ran")
    assert seen.weights.shape == (len(seen.target_words), 3)
    assert (seen.weights >= 0).all()
    assert (seen.weights.sum(axis=1) <= 1 + 1e-5).all()


def test_both_engines_say_the_same(toy_translator: Path) -> None:
    one, other = (textrnn.load(toy_translator, engine=name) for name in ("onnx", "torch"))
    texts = lines(15, seed=4)
    said = [[found.text for found in model.translate(texts)] for model in (one, other)]  # type: ignore[union-attr]
    assert sum(a != b for a, b in zip(*said, strict=True)) <= 1  # 8-bit weights


def test_a_model_with_itself_is_the_model(toy_translator: Path, model: Translator) -> None:
    twice = Translator.open(model.folder, model.folder, engine=model.engine.name)
    texts = lines(6, seed=5)
    assert [a.text for a in twice.translate(texts)] == [b.text for b in model.translate(texts)]
    np.testing.assert_allclose(
        [score.bits for score in twice.score(texts, ["der Kater"] * 6)],
        [score.bits for score in model.score(texts, ["der Kater"] * 6)],
        rtol=1e-4,
    )
