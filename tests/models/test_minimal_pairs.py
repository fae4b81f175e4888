"""Pairs of sentences, read and counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from textrnn.errors import DataError
from textrnn.models import (
    MinimalPair,
    Score,
    TokenScore,
    minimal_pair_accuracy,
    read_minimal_pairs,
)


class Counting:
    """A model for which each ``x`` is one bit."""

    def score(self, texts: Sequence[str]) -> list[Score]:
        return [Score(text, (TokenScore(text, 4, float(text.count("x"))),)) for text in texts]


def accuracy(pairs: list[MinimalPair]) -> tuple[int, int, dict[str, tuple[int, int]]]:
    model: Any = Counting()
    found = minimal_pair_accuracy(model, pairs)
    assert found.accuracy == found.right / found.pairs
    return found.pairs, found.right, dict(found.groups)


def test_the_more_probable_one_is_preferred_and_a_tie_is_wrong() -> None:
    pairs = [MinimalPair("", "x", "b"), MinimalPair("x", "", "a"), MinimalPair("x", "x", "b")]
    assert accuracy(pairs) == (3, 1, {"b": (2, 1), "a": (1, 0)})
    assert accuracy([MinimalPair("", "x")]) == (1, 1, {})
    assert accuracy([MinimalPair("", "x", "many")] * 300) == (300, 300, {"many": (300, 300)})


def test_a_file_is_read_as_blimp_writes_it() -> None:
    record = {"sentence_good": "A b.", "sentence_bad": "B a.", "field": "syntax", "pairID": "0"}
    lines = [json.dumps(record | {"UID": "order"}), " ", json.dumps(record)]
    found = list(read_minimal_pairs(lines, "file"))
    assert found == [MinimalPair("A b.", "B a.", "order"), MinimalPair("A b.", "B a.", "syntax")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "pairs.jsonl, line 2 is not JSON: Expecting"),
        ("[]", "pairs.jsonl, line 2 is not an object with sentence_good"),
        ('{"sentence_good": "a"}', "line 2 has no text as sentence_bad: a pair is"),
        ('{"sentence_good": "", "sentence_bad": "a"}', "line 2 has no text as sentence_good"),
        ('{"sentence_good": 1, "sentence_bad": "a"}', "line 2 has no text as sentence_good"),
        ('{"sentence_good": "a", "sentence_bad": "b", "UID": 3}', "line 2 has a UID or a field"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(line: str, message: str) -> None:
    good = '{"sentence_good": "a", "sentence_bad": "b"}'
    with pytest.raises(DataError, match=message):
        list(read_minimal_pairs([good, line], "pairs.jsonl"))


def test_no_pair_has_no_accuracy() -> None:
    with pytest.raises(DataError, match="there is no pair: give a file with a line for each"):
        accuracy([])
