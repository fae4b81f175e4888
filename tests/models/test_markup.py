"""Tags: taken out of a text, and put back where its words went."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import textrnn
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.markup import marked
from textrnn.models.translating.words import Words

TAG = re.compile(r"</?[a-z]+>")


def draft(source: str, target: str, looks: list[list[int]]) -> Draft:
    """A translation each of whose words looked at some words of the source alone."""
    words = [Words.of_pieces([text.encode()]) for text in (source, target)]
    shares = np.zeros((len(words[1].texts), len(words[0].texts) + 1), np.float32)
    for row, columns in zip(shares, looks, strict=True):
        row[columns] = 1 / len(columns)
    return Draft(target, 1.0, (7, 3), (-1.0, -2.0), *words, shares)


def put_back(text: str, target: str, looks: list[list[int]]) -> str:
    found = marked(text)
    assert found is not None
    new = found.put_back(draft(found.text, target, looks))
    assert new is not None
    assert (new.ids, new.log_probs, new.score) == ((), (), 1.0)
    return new.text


@pytest.mark.parametrize(
    ("source", "target", "looks", "expected"),
    [
        (
            "I like <b>red</b> it.",
            "Ich mag rot es.",
            [[0], [1], [2], [3]],
            "Ich mag <b>rot</b> es.",
        ),
        ("I <b>like it</b>.", "Es mag ich.", [[2], [1], [0]], "<b>Es mag</b> ich."),
        ("I like <b>it.</b>", "Es mag ich.", [[2], [1], [0]], "<b>Es</b> mag ich."),
        ("(<i>He</i>) ran", "(Er) lief", [[0], [1]], "(<i>Er</i>) lief"),
        ("<p>(He) ran.</p>", "(Er) lief.", [[0], [1]], "<p>(Er) lief.</p>"),
        ("a <b>b <i>c</i></b> d", "C B A D", [[2], [1], [0], [3]], "<b><i>C</i> B</b> A D"),
        ("<b>a</b> <i>b</i>", "B A", [[1], [0]], "<i>B</i> <b>A</b>"),
        ("One.<br>Two.", "Eins. Zwei.", [[0], [1]], "Eins. <br>Zwei."),
        ("One two<br/>", "Eins zwei", [[0], [1]], "Eins zwei<br/>"),
        ("a <b></b> b", "A B", [[0], [1]], "A <b></b>B"),
        ("a</b> b", "A B", [[0], [1]], "A </b>B"),
        ('<a href="x y">a</a> b', "B A", [[1], [0]], 'B <a href="x y">A</a>'),
    ],
)
def test_tags_stand_around_what_says_the_same(
    source: str, target: str, looks: list[list[int]], expected: str
) -> None:
    assert put_back(source, target, looks) == expected


def test_a_word_that_looked_elsewhere_does_not_tear_a_pair_apart() -> None:
    looks = [[1], [1, 0], [1], [0]]
    assert put_back("a <b>b</b>", "W X Y Z", looks) == "<b>W X Y</b> Z"
    assert put_back("a <b>b</b>", "W X Y Z", [[1], [0], [0], [0]]) == "<b>W</b> X Y Z"


def test_pieces_of_unspaced_text_are_words() -> None:
    found = marked("the <b>cat</b>")
    assert found is not None
    target = Words.of_pieces(["その".encode(), "猫".encode()])
    shares = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    source = Words.of_pieces([b"the cat"])
    new = found.put_back(Draft("その猫", source=source, target=target, shares=shares))
    assert new is not None
    assert new.text == "その<b>猫</b>"


def test_what_has_no_tags_or_nothing_else_is_left_alone() -> None:
    for text in ("a < b and b > c", "1 <2> 3", "<b></b>", "<br>", "plain", "<3 you"):
        assert marked(text) is None
    found = marked("a <b>b</b>")
    assert found is not None
    assert found.put_back(Draft("A B")) is None
    assert found.put_back(replace(draft("a b", "A B", [[0], [1]]), text="other")) is None


@st.composite
def texts_with_tags(draw: st.DrawFn) -> tuple[str, int]:
    """Well-formed markup, and the number of its words."""
    count = 0

    def inside(depth: int) -> str:
        nonlocal count
        parts = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.sampled_from("wwpa" if depth < 3 else "w"))
            if kind == "p":
                name = draw(st.sampled_from(["b", "i", "u"]))
                parts.append(f"<{name}>{inside(depth + 1)}</{name}>")
            elif kind == "a":
                parts.append("<br>")
            else:
                parts.append(f"w{count}")
                count += 1
        return " ".join(parts)

    return inside(0), count


@given(texts_with_tags(), st.data())
def test_no_tag_is_lost_or_crosses_another(made: tuple[str, int], data: st.DataObject) -> None:
    text, count = made
    found = marked(text)
    if found is None:
        assert not TAG.search(text) or not count
        return
    assert found.text == " ".join(f"w{number}" for number in range(count))
    size = data.draw(st.integers(1, 6))
    columns = st.lists(st.integers(0, count), min_size=1, max_size=2, unique=True)
    target = " ".join(f"z{number}" for number in range(size))
    looks = data.draw(st.lists(columns, min_size=size, max_size=size))
    new = found.put_back(draft(found.text, target, looks))
    assert new is not None
    assert TAG.sub("", new.text) == target
    assert sorted(TAG.findall(new.text)) == sorted(TAG.findall(text))
    opened: list[str] = []
    for tag in TAG.findall(new.text):
        if tag.startswith("</"):
            assert opened.pop() == tag[2:-1]
        elif tag != "<br>":
            opened.append(tag[1:-1])


def test_a_translation_is_that_of_the_text_without_tags(toy_translator: Path) -> None:
    translator = textrnn.load(toy_translator)
    plain, tagged, bare = translator.translate(["the cat", "the <b>cat</b>", "<b>the cat</b>"])
    assert TAG.sub("", tagged.text) == plain.text
    assert bare.text == f"<b>{plain.text}</b>"
    assert tagged.score == plain.score
    several = translator.translate("the <b>cat</b>", n_best=3, alignments=True)
    assert all(one.text.count("<b>") == one.text.count("</b>") == 1 for one in several.n_best)
    assert several.source_words == ("the", "cat")
    drawn = translator.translate("the <b>cat</b>", sample=True, seed=1)
    assert drawn.text.count("<b>") == drawn.text.count("</b>") == 1
