"""How much of a text a vocabulary knows."""

from __future__ import annotations

import pytest

from textrnn.tokenizers import UNK, Familiarity, Tokenizer, load_tokenizer, vocab_path
from textrnn.tokenizers.byte import ByteTokenizer


@pytest.fixture(scope="module")
def english() -> Tokenizer:
    return load_tokenizer(vocab_path("stories_sp8000"))


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("I am up to it, as we go on.", 0.9, 1.0),  # short words are words
        ("A long film, and hardly a dull minute in it!", 0.7, 1.0),
        ("Der Film war ziemlich langweilig und viel zu lang.", 0.0, 0.45),
        ("Le film était plutôt ennuyeux et bien trop long.", 0.0, 0.45),
        ("とても良い映画でした。", 0.0, 0.1),
        ("Очень хороший фильм", 0.0, 0.1),
        ("😀😀 🎉", 0.0, 0.1),
        ("", 0.0, 0.0),
        ("   ", 0.0, 0.0),
    ],
)
def test_other_languages_fall_to_crumbs(
    english: Tokenizer, text: str, least: float, most: float
) -> None:
    (share,) = Familiarity(english).shares([english.encode(text)])
    assert least <= share <= most


def test_a_text_has_the_same_share_in_any_company(english: Tokenizer) -> None:
    texts = ["We go.", "", "Wir gehen nicht fort.", "go", "語", "as", "ng"]
    rows = [english.encode(text) for text in texts]
    together = Familiarity(english).shares(rows)
    alone = [float(Familiarity(english).shares([row])[0]) for row in rows]
    assert together.tolist() == alone
    assert Familiarity(english).shares([]).tolist() == []


def test_unknown_tokens_and_bytes_of_characters_are_not_familiar() -> None:
    tokenizer = ByteTokenizer()
    familiarity = Familiarity(tokenizer)
    shares = familiarity.shares([tokenizer.encode(text) for text in ("!?", "é", "a 1 b")])
    assert shares.tolist() == [1.0, 0.0, 1.0]
    assert familiarity.shares([[UNK], [UNK, *tokenizer.encode("!")]]).tolist() == [0.0, 0.5]
