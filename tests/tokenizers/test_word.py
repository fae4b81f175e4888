"""Words: the reversible split of raw text, and the pre-tokenised benchmark format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.tokenizers import UNK, Tokenizer
from textrnn.tokenizers.word import SPLIT

Train: TypeAlias = Callable[..., Tokenizer]

WIKI = [" = Tom = \n", " \n", " The <unk> cat , the <unk> . \n", " \n"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The cat's out.", ["The", " cat's", " out", "."]),
        ('"Well," she  said', ['"', "Well", ",", '"', " she", " ", " said"]),
        ("a -- b...", ["a", " -", "-", " b", ".", ".", "."]),
        (" x\n\ty ", [" x", "\n", "\t", "y", " "]),
        ("3.14 naïve Straße", ["3", ".", "14", " naïve", " Straße"]),
        ("don’t 東京🦊", ["don’t", " 東京", "🦊"]),
        ("", []),
    ],
)
def test_the_split_by_hand(text: str, tokens: list[str]) -> None:
    assert SPLIT.findall(text) == tokens


@given(st.text())
def test_the_split_loses_nothing(text: str) -> None:
    assert "".join(SPLIT.findall(text)) == text


def test_types_are_numbered_by_falling_count_then_code_point(train: Train) -> None:
    tokenizer = train("word", ["b a a", "b a"])
    assert tokenizer.pieces(range(4, tokenizer.vocab_size)) == ["\n", " ", " a", "b"]


def test_a_known_word_after_a_space_is_two_ids_where_only_the_bare_word_is_known(
    train: Train,
) -> None:
    tokenizer = train("word", ["cat, dog"])
    assert tokenizer.pieces(tokenizer.encode("dog cat")) == ["<unk>", " ", "cat"]
    assert tokenizer.decode(tokenizer.encode("cat cat")) == "cat cat"


def test_an_unknown_word_keeps_its_space(train: Train) -> None:
    tokenizer = train("word", ["the cat"])
    assert tokenizer.decode(tokenizer.encode("the dog sat\n")) == "the <unk> <unk>\n"


def test_rare_words_are_unknown(train: Train) -> None:
    tokenizer = train("word", ["a a a b b c"], min_frequency=2)
    assert tokenizer.pieces(range(4, tokenizer.vocab_size)) == ["\n", " ", " a", " b"]
    assert train("word", ["a a a b b c"], vocab_size=7).id_of(" b") is None
    assert train("word", ["a"], vocab_size=5).pieces(range(4, 6)) == ["\n", " "]


def test_lower_case_is_a_stated_normalisation(train: Train) -> None:
    tokenizer = train("word", ["The CAT"], lowercase=True)
    assert tokenizer.decode(tokenizer.encode("THE cat")) == "the cat"


def test_pretokenized_text_comes_back_byte_for_byte(train: Train) -> None:
    tokenizer = train("word", WIKI, pretokenized=True)
    text = "".join(WIKI)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert [i for line in WIKI for i in tokenizer.encode(line)] == tokenizer.encode(text)


def test_pretokenized_counts_are_the_benchmarks(train: Train) -> None:
    tokenizer = train("word", WIKI, pretokenized=True)
    ids = tokenizer.encode("".join(WIKI))
    assert len(ids) == sum(len(line.split()) + 1 for line in WIKI)
    assert tokenizer.vocab_size - 3 == len(
        {word for line in WIKI for word in line.split()} | {"\n"}
    )
    assert ids.count(UNK) == 2
    assert tokenizer.pieces(ids[:4]) == ["=", "Tom", "=", "\n"]


def test_pretokenized_white_space_is_normalised_as_stated(train: Train) -> None:
    tokenizer = train("word", WIKI, pretokenized=True)
    assert tokenizer.decode(tokenizer.encode("The  cat\n\nsat")) == " The cat \n \n <unk>"


def test_a_literal_special_piece_in_pretokenized_text_is_a_word_like_others(train: Train) -> None:
    tokenizer = train("word", ["<pad> </s> x"], pretokenized=True)
    assert tokenizer.decode(tokenizer.encode("<pad> </s>")) == " <pad> </s>"
    assert min(tokenizer.encode("<pad> </s> x")) >= 4
