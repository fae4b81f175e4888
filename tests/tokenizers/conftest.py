"""One small tokenizer of every registered kind, trained once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from textrnn.tokenizers import FAMILY, Tokenizer, TokenizerSettings

STORY = [
    "Once upon a time there was a girl who lived in the woods with her old cat.",
    '"Where are you going?" asked the cat, and the girl said: "To the sea -- come along!"',
    "They walked and walked;  it was far, but the weather was fine (it was May).",
    "",
    "The cat's name was Tom. He was 7 years old, and he didn't like the water.",
    "When they came to the hill, they saw a house with a red door and a garden behind it.",
    '"Who lives there?" said the cat. "An old king," said the girl, "who has lost his crown."',
    "So they knocked three times, and a voice from within called out: come in, come in!",
    "Inside there stood a table, two chairs and a clock that had stopped at half past nine.",
    "The king was sitting by the window; he looked at them sadly and shook his head.",
    "Never before had anybody walked so far to see him, and nobody had ever brought a cat.",
    "He gave them bread, butter, cheese and honey, and told them about the great storm.",
    "In the morning the sun was shining, and the crown lay on the grass under the apple tree.",
]
# What a kind needs to be trained on so little text; a kind that is not named here needs nothing.
NEEDED = {"sentencepiece": {"vocab_size": 340}}
VARIANTS = {
    "sentencepiece, bpe": TokenizerSettings(vocab_size=340, model_type="bpe"),
    "sentencepiece, no bytes": TokenizerSettings(vocab_size=80, byte_fallback=False),
    "sentencepiece, symbols": TokenizerSettings(vocab_size=340, user_symbols=("cat", "was")),
}
SETTINGS = VARIANTS | {
    kind: TokenizerSettings(kind=kind, **NEEDED.get(kind, {})) for kind in FAMILY.names()
}


@cache
def trained(name: str) -> Tokenizer:
    settings = SETTINGS[name]
    return FAMILY.get(settings.kind).train(STORY, settings)


@pytest.fixture
def train() -> Callable[..., Tokenizer]:
    """Trains a tokenizer of a kind on texts, STORY unless others are given."""

    def train_on(kind: str, texts: list[str] = STORY, **settings: object) -> Tokenizer:
        return FAMILY.get(kind).train(texts, TokenizerSettings(kind=kind, **settings))  # type: ignore[arg-type]

    return train_on


@pytest.fixture(params=sorted(SETTINGS))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """A tokenizer of each registered kind, and of each variant."""
    return trained(request.param)


@pytest.fixture
def story() -> list[str]:
    return list(STORY)
