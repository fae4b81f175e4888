"""Continuations, against the score of whole texts and against greedy writing."""

from __future__ import annotations

from pathlib import Path

import pytest

import textrnn
from textrnn.models import LanguageModel, score_continuations
from textrnn.models.continuations import split_ids
from textrnn.tokenizers.byte import ByteTokenizer

PAIRS = [("the cat", " sat."), ("", "a dog"), ("the", ""), ("a", "b c d e"), ("the cat", " ran")]


@pytest.fixture(params=["onnx", "torch"])
def model(request: pytest.FixtureRequest, toy_model: Path) -> LanguageModel:
    loaded = textrnn.load(toy_model, engine=request.param)
    assert isinstance(loaded, LanguageModel)
    return loaded


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_a_continuation_is_the_rest_of_the_whole(model: LanguageModel, batch_size: int) -> None:
    scores = score_continuations(model, PAIRS, batch_size=batch_size)
    for (context, continuation), score in zip(PAIRS, scores, strict=True):
        tokens = model.score(context + continuation).tokens[len(context) :]
        expected = -sum(token.bits for token in tokens) * 0.6931471805599453
        assert score.log_prob == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert scores[2].log_prob == 0.0
    assert scores[2].greedy
    assert score_continuations(model, []) == []


def test_greedy_is_what_greedy_writing_writes(model: LanguageModel) -> None:
    written = [model.generate(start, temperature=0, max_new_tokens=5).text for start in ("a", "th")]
    pairs = list(zip(("a", "th"), written, strict=True))
    changed = [(start, text[:-1] + ("q" if text[-1] != "q" else "r")) for start, text in pairs]
    scores = score_continuations(model, [*pairs, *changed])
    assert [score.greedy for score in scores] == [True, True, False, False]


class Joining(ByteTokenizer):
    """Reads ``ab`` as one token, 4."""

    def encode(self, text: str) -> list[int]:
        first, *rest = text.split("ab")
        ids = super().encode(first)
        for part in rest:
            ids = [*ids, 4, *super().encode(part)]
        return ids


def test_a_token_over_the_cut_is_cut() -> None:
    tokenizer = Joining()
    (a,), (b,) = tokenizer.encode("a"), tokenizer.encode("b")
    assert split_ids(tokenizer, "a", "b") == ([a], [b])
    assert split_ids(tokenizer, "b", "ab") == ([b], [4])
