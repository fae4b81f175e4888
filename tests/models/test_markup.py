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
        ("a</b> b", "A B", [[0], [1]], "A</b> B"),
        ("a </b>b", "A B", [[0], [1]], "A </b>B"),
        ("a</i> (b)</b>.", "A (B).", [[0], [1]], "A</i> (B).</b>"),
        ("aaa.</i> bbb</b> c", "A. C", [[0], [2]], "A.</i></b> C"),
        ("red</i>.", "rot.", [[0]], "rot</i>."),
        ("a <b>b.</b></p>", "A B.", [[0], [1]], "A <b>B.</b></p>"),
        ("a <b>b.</b></p>", "B. A", [[1], [0]], "<b>B.</b> A</p>"),
        ("a b<br/><hr/>", "A B", [[0], [1]], "A B<br/><hr/>"),
        ('<x id="1"/>a<x id="2"/> b', "A B", [[0], [1]], '<x id="1"/>A<x id="2"/> B'),
        ("<b>a b</b>", "A B.", [[0], [1]], "<b>A B.</b>"),
        ("<b>a <i>(b</i></b>) c", "(B A) C", [[1], [0], [2]], "(<b><i>B</i> A</b>) C"),
        ("<b>a <i>b <u>c</u> <s>d</s></i></b> e", "E", [[4]], "<b><i><s></s><u>E</u></i></b>"),
        ('<a title="b > c">a</a> b', "B A", [[1], [0]], 'B <a title="b > c">A</a>'),
        ("<a don't>a</a> b", "B A", [[1], [0]], "B <a don't>A</a>"),
        ("<0>a</0> b<1/>", "B A", [[1], [0]], "B <0>A</0><1/>"),
        ("<!-- c d -->a b", "A B", [[0], [1]], "<!-- c d -->A B"),
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


def test_tags_may_be_nested_however_deep() -> None:
    text = f"{'<b>' * 3000}w{'</b>' * 3000}"
    assert put_back(text, "z", [[0]]) == text.replace("w", "z")


def test_broken_characters_that_were_left_out_do_not_hinder() -> None:
    found = marked("a <b>b</b> c")
    assert found is not None
    words = Words.of_pieces([b"A\xe2", b" \xe2", b" B"]), Words.of_pieces([b"a b c"])
    assert words[0].texts == ("A\ufffd", "\ufffd", "B")
    shares = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]], np.float32)
    new = found.put_back(Draft("A B", source=words[1], target=words[0], shares=shares))
    assert new is not None
    assert new.text == "A <b>B</b>"


def test_what_has_no_tags_or_nothing_else_is_left_alone() -> None:
    for text in ("a < b and b > c", "1 <2> 3", "<b></b>", "<br>", "plain", "<3 you"):
        assert marked(text) is None
    found = marked("a <b>b</b>")
    assert found is not None
    assert found.put_back(Draft("A B")) is None
    assert found.put_back(replace(draft("a b", "A B", [[0], [1]]), text="other")) is None


@st.composite
def texts_with_tags(draw: st.DrawFn) -> tuple[str, int]:
    """Markup, in which some tags are alone, each element by a name of its own; how many words."""
    words, names = 0, 0

    def inside(depth: int) -> str:
        nonlocal words, names
        parts = []
        for _ in range(draw(st.integers(0 if depth else 1, 3))):
            kind = draw(st.sampled_from("wwp<>" if depth < 3 else "w"))
            glue = draw(st.sampled_from(["", " "]))
            if kind == "w":
                parts.append(f" {draw(st.sampled_from(['', '(']))}w{words}")
                parts.append(f"{draw(st.sampled_from(['', '.']))}{glue}")
                words += 1
                continue
            names += 1
            name = chr(96 + names % 26 + 1) + "x" * (names // 26)
            if kind == "p":
                parts.append(f"{glue}<{name}>{inside(depth + 1)}</{name}>{glue}")
            else:
                parts.append(f"{glue}<{name}>" if kind == "<" else f"</{name}>{glue}")
        return "".join(parts)

    return inside(0), words


def holds(text: str) -> dict[str, set[str]]:
    """The tags inside each pair of tags."""
    tags = TAG.findall(text)
    return {
        tag: set(tags[place + 1 : tags.index(f"</{tag[1:]}")])
        for place, tag in enumerate(tags)
        if f"</{tag[1:]}" in tags
    }


@given(texts_with_tags(), st.data())
def test_no_tag_is_lost_or_crosses_another(made: tuple[str, int], data: st.DataObject) -> None:
    text, count = made
    found = marked(text)
    if found is None:
        assert not TAG.search(text) or not count
        return
    plain = TAG.sub("", text)
    assert found.text == " ".join(plain.split())
    size = data.draw(st.integers(1, 6))
    columns = st.lists(st.integers(0, count), min_size=1, max_size=2, unique=True)
    marks = st.sampled_from(["z", "(z", "z.", "(z)"])
    target = " ".join(data.draw(st.lists(marks, min_size=size, max_size=size)))
    looks = data.draw(st.lists(columns, min_size=size, max_size=size))
    one = draft(found.text, target, looks)
    prefix = " ".join(target.split(" ")[: data.draw(st.integers(0, size))])
    new = found.put_back(one, prefix)
    assert new is not None
    assert TAG.sub("", new.text) == target
    assert new.text.startswith(prefix)
    assert sorted(TAG.findall(new.text)) == sorted(TAG.findall(text))
    assert holds(new.text) == holds(text)


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
