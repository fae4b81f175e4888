"""Ids to text while it grows: whole characters, stop texts across tokens."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from textrnn.generation.text import Writer, find_stop, hold_back
from textrnn.tokenizers.byte import ByteTokenizer

BYTES = ByteTokenizer()
letters = st.text("ab\n", max_size=30)
stop_texts = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


def write(text: str, stops: list[str]) -> tuple[list[str], bool, Writer]:
    writer = Writer(BYTES, stops)
    pieces = []
    for token in BYTES.encode(text):
        piece, stopped = writer.push(token)
        pieces.append(piece)
        if stopped:
            return pieces, True, writer
    return pieces, False, writer


@given(letters, stop_texts)
@example("aab", ["ab"])
@example("abab", ["abb", "ba"])
def test_a_stop_text_is_found_whether_it_comes_whole_or_in_pieces(
    text: str, stops: list[str]
) -> None:
    pieces, stopped, writer = write(text, stops)
    place = find_stop(text, stops)
    assert stopped == (place is not None)
    if place is None:
        assert "".join(pieces) + writer.close() == text
    else:
        assert "".join(pieces) == text[: place[0]]


@given(letters, stop_texts)
def test_nothing_is_given_out_that_may_belong_to_a_stop_text(text: str, stops: list[str]) -> None:
    pieces, stopped, writer = write(text, stops)
    if not stopped:
        given_out = "".join(pieces)
        assert all(stop not in given_out for stop in stops)
        assert text == given_out + writer.held
        assert hold_back(text, stops) == len(writer.held)


def test_what_is_held_comes_when_it_is_certain() -> None:
    assert write("a\nb", ["\n\n"])[0] == ["a", "", "\nb"]
    assert write("aEN!", ["END"])[0] == ["a", "", "", "EN!"]


def test_what_is_left_after_a_stop_text_is_held() -> None:
    writer = Writer(BYTES, [";"], held="a;b")
    assert writer.reopen() == ("a", True)
    assert writer.held == "b"
    assert writer.reopen() == ("b", False)


def test_of_stop_texts_the_first_to_end_counts_and_then_the_longest() -> None:
    assert find_stop("xabcd", ["bcd", "ab", "xab"]) == (0, 3)
    assert find_stop("xabcd", []) is None


@pytest.mark.parametrize("text", ["é", "☃", "🙂"])
def test_a_character_comes_whole_and_is_completed_by_a_later_writer(text: str) -> None:
    ids = BYTES.encode("a" + text)
    pieces, _, _ = write("a" + text, [])
    assert pieces == ["a", *[""] * (len(ids) - 2), text]
    for cut in range(1, len(ids)):
        later = Writer(BYTES, recent=[BYTES.encode("x")[0], *ids[:cut]])
        assert "".join(later.push(token)[0] for token in ids[cut:]) == text


def test_a_character_that_is_never_completed_is_replaced() -> None:
    writer = Writer(BYTES)
    assert writer.push(BYTES.encode("é")[0]) == ("", False)
    assert writer.close() == "\N{REPLACEMENT CHARACTER}"
    assert writer.close() == ""
