"""The words of a score, whatever the tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from textrnn.models import Score, TokenScore, WordScore, word_scores
from textrnn.tokenizers import FAMILY, Tokenizer, TokenizerSettings

TEXT = ["the cat sat on the mat.", "a dog ran after the cat, and the cat ran away."]


def scored(text: str, tokenizer: Tokenizer) -> list[WordScore]:
    ids = tokenizer.encode(text)
    tokens = map(TokenScore, tokenizer.pieces(ids), ids, (1.0 + n for n in range(len(ids))))
    score = Score(text, tuple(tokens))
    words = word_scores(score, tokenizer)
    assert [token for word in words for token in word.tokens] == list(score.tokens)
    assert sum(word.bits for word in words) == pytest.approx(score.bits)
    return words


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "byte"},
        {"kind": "char"},
        {"kind": "word"},
        {"kind": "word", "lowercase": True},
        {"kind": "word", "pretokenized": True},
        {"kind": "sentencepiece", "vocab_size": 280},
        {"kind": "sentencepiece", "vocab_size": 280, "spaces": "folded"},
    ],
)
@pytest.mark.parametrize(
    "text", ["the cat", "  The  dog,\nran ", "a caf\u00e9 \u2603 mat", "x", "\u4e2d\u6587 the"]
)
def test_words_are_those_of_the_text(settings: dict[str, object], text: str) -> None:
    chosen = TokenizerSettings(**settings)  # type: ignore[arg-type]
    tokenizer = FAMILY.get(chosen.kind).train(TEXT, chosen)
    words = scored(text, tokenizer)
    assert [word.word for word in words] == text.split()
    assert all(word.tokens for word in words)


def test_a_word_takes_the_space_before_it() -> None:
    tokenizer = FAMILY.get("byte").train([], TokenizerSettings(kind="byte"))
    words = scored("ab  c d ", tokenizer)
    assert [len(word.tokens) for word in words] == [2, 3, 3]
    assert scored("", tokenizer) == []
    (blank,) = scored("   ", tokenizer)
    assert (blank.word, len(blank.tokens)) == ("", 3)


class Joining(FAMILY.get("byte")):  # type: ignore[misc]
    """Reads ``of the`` as one token, 4, as a tokenizer does that has pieces with spaces."""

    def encode(self, text: str) -> list[int]:
        first, *rest = text.split(" of the")
        ids: Sequence[int] = super().encode(first)
        for part in rest:
            ids = [*ids, 4, *super().encode(part)]
        return list(ids)


def test_words_that_share_a_token_are_one() -> None:
    words = scored("end of the day", Joining())
    assert [word.word for word in words] == ["end", "of the", "day"]
