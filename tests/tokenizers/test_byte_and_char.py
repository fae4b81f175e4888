"""Bytes and characters, by hand-worked examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from textrnn.tokenizers import UNK, Tokenizer
from textrnn.tokenizers.byte import ByteTokenizer
from textrnn.tokenizers.char import CharTokenizer

Train: TypeAlias = Callable[..., Tokenizer]


def test_byte_ids_are_the_bytes_plus_four() -> None:
    assert ByteTokenizer().encode("A€\n") == [69, 0xE2 + 4, 0x82 + 4, 0xAC + 4, 14]
    assert ByteTokenizer().vocab_size == 260
    assert ByteTokenizer().pieces([69, 36, 14, 259]) == ["A", "<0x20>", "<0x0A>", "<0xFF>"]


@given(st.binary(max_size=20))
def test_any_bytes_decode_as_python_decodes_them(data: bytes) -> None:
    ids = [byte + 4 for byte in data]
    stream = ByteTokenizer().stream()
    assert ByteTokenizer().decode(ids) == data.decode("utf-8", errors="replace")
    assert "".join([*map(stream.push, ids), stream.flush()]) == ByteTokenizer().decode(ids)


def test_a_stream_gives_a_character_with_its_last_byte() -> None:
    stream = ByteTokenizer().stream()
    assert [stream.push(id) for id in ByteTokenizer().encode("a€b")] == ["a", "", "", "€", "b"]


def test_an_unfinished_character_is_replaced_at_the_end_or_by_what_follows() -> None:
    first, second, _ = ByteTokenizer().encode("€")
    stream = ByteTokenizer().stream()
    assert (stream.push(first), stream.push(second), stream.flush()) == ("", "", "\ufffd")
    assert (stream.push(first), stream.push(ord("x") + 4)) == ("", "\ufffdx")


def test_characters_are_numbered_by_code_point_and_newline_is_always_one(train: Train) -> None:
    tokenizer = train("char", ["baa", "c🦊"])
    assert tokenizer.pieces(range(4, 9)) == ["\n", "a", "b", "c", "🦊"]
    assert tokenizer.encode("ab\n🦊") == [5, 6, 4, 8]


def test_an_unseen_character_is_unknown(train: Train) -> None:
    tokenizer = train("char", ["ab"])
    assert tokenizer.encode("axb") == [5, UNK, 6]
    assert tokenizer.decode([5, UNK, 6]) == "a\ufffdb"


def test_rare_characters_are_left_out(train: Train) -> None:
    assert train("char", ["aabbbc"], min_frequency=2).pieces(range(4, 7)) == ["\n", "a", "b"]
    assert train("char", ["aabbbc"], vocab_size=6).pieces(range(4, 6)) == ["\n", "b"]
    assert train("char", ["aabbbc"], vocab_size=5).encode("abc\n") == [UNK, UNK, UNK, 4]


def test_lower_case_is_a_stated_normalisation(train: Train) -> None:
    tokenizer = train("char", ["AbÉ"], lowercase=True)
    assert isinstance(tokenizer, CharTokenizer)
    assert tokenizer.decode(tokenizer.encode("BÉA")) == "béa"
    assert tokenizer.facts()["lowercase"] is True
