"""The texts that sentiment-en learns from: what recipes/sentiment_shipped_data.py makes of sets."""

from __future__ import annotations

import importlib
import json
import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WORDS = [f"z{''.join(letters)}ox" for letters in product("bdfgkp", "aeiou", "lmnrst")]
GOOD, BAD = WORDS[:90], WORDS[90:]
KEPT = "The lid was closed with care."
UNSIGNED = "It stands in a corner."


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(ROOT / "recipes")
    names = ("data", "grammar", "lexicon")
    return {name: importlib.import_module(f"sentiment_shipped_{name}") for name in names}


@pytest.fixture
def lexicons(recipes: dict[str, Any]) -> dict[str, Any]:
    make = recipes["grammar"].Lexicon
    return {
        sign: make(words, words, [f"it did {word}{word}" for word in words])
        for sign, words in (("positive", GOOD), ("negative", BAD))
    }


def challenge() -> list[str]:
    lines = (ROOT / "tests/data/sentiment_challenge.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[-1] for line in lines[1:]]


def test_every_template_is_filled_for_both_signs(
    recipes: dict[str, Any], lexicons: dict[str, Any]
) -> None:
    made = list(recipes["grammar"].sentences(lexicons, 6))
    templates = list(recipes["grammar"].templates())
    assert len({one.text for one in made}) == len(made) > 5 * len(templates)
    assert not any("{" in one.text or "}" in one.text for one in made)
    for phenomenon in {phenomenon for phenomenon, _, _ in templates}:
        labels = Counter(one.label for one in made if one.phenomenon == phenomenon)
        assert labels["positive"] == pytest.approx(labels["negative"], rel=0.1)


def test_a_turned_sentence_has_the_other_sign(
    recipes: dict[str, Any], lexicons: dict[str, Any]
) -> None:
    turned = 0
    for one in recipes["grammar"].sentences(lexicons, 10):
        good, bad = ({*re.findall(r"[a-z]+", one.text.lower())} & {*some} for some in (GOOD, BAD))
        if one.phenomenon == "negation" and (good or bad):
            assert one.label == ("negative" if good else "positive"), one.text
            turned += 1
        if one.phenomenon in ("plain", "stronger", "most of all") and (good or bad):
            assert one.label == ("positive" if good else "negative"), one.text
    assert turned > 100


def test_what_is_held_out_shares_neither_template_nor_word(
    recipes: dict[str, Any], lexicons: dict[str, Any]
) -> None:
    used: dict[bool, set[str]] = {True: set(), False: set()}
    for one in recipes["grammar"].sentences(lexicons, 10):
        used[one.held_out] |= {*re.findall(r"[a-z]+", one.text.lower())} & {*WORDS}
    assert not used[True] & used[False]
    assert min(map(len, used.values())) > 10


def test_signs_are_told_by_the_texts(recipes: dict[str, Any]) -> None:
    texts = [
        (sign, text)
        for sign, thing, feeling in (("positive", "lovely", "glad"), ("negative", "dull", "angry"))
        for text in [f"it was {thing}, so {thing}", f"I am so {feeling}", "It is so blue."] * 9
    ]
    told = [("positive", "It works well for us."), ("negative", "It is not what we asked for.")]
    found = recipes["lexicon"].lexicons(texts, told)
    assert found["positive"] == (["lovely"], ["glad"], ["it works well for us"])
    assert found["negative"] == (["dull"], ["angry"], [])


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Small sets in the places of the real ones; each holds a sentence of the challenge."""
    asked = challenge()
    products = [
        f"{sign}\tThe {thing} {be} {word}."
        for sign, words in (("pos", GOOD), ("neg", BAD))
        for word in words[:60]
        for thing, be in (("pen", "is very"), ("cup", "is so"), ("hat", "was"), ("bag", "was too"))
    ]
    persons = [
        f"{sign}\tI am so {word} number {number}."
        for sign, words in (("pos", GOOD[60:]), ("neg", BAD[60:]))
        for word in words
        for number in range(4)
    ]
    review = " ".join(f"word{number}" for number in range(700))
    emotions = [f"{text}\t{number % 3}\tid" for number, text in enumerate([KEPT, *asked[20:60]])]
    emotions.append(f"{UNSIGNED}\t2\tid")  # and to test, with an emotion
    files = {
        "mr_rt_polarity/all_minus_sst_devtest.tsv": [f"1\t{text}" for text in asked[:20]],
        "polarity_v2/pos.tsv": [f"{number}\tgood{number} {review}" for number in range(9)],
        "polarity_v2/neg.tsv": [f"{number}\tbad{number} {review}" for number in range(9)],
        "bingliu_reviews/product_reviews_1.tsv": products,
        "bingliu_reviews/product_reviews_2.tsv": persons,
        "bingliu_reviews/pros_cons.pos.txt": ["Light, cheap", *asked[60:80]],
        "bingliu_reviews/pros_cons.neg.txt": ["Heavy"],
        "goemotions/labels.txt": ["joy", "anger", "neutral"],
        "goemotions/train.tsv": emotions,
        "goemotions/dev.tsv": ["Hm.\t0\tid"],
        "goemotions/test.tsv": ["Ah.\t1\tid", f"{UNSIGNED}\t1\tid"],
        "stories/train_1.txt": ["Once upon a time."] * 9,
        "stories/train_2.txt": ["The end."],
    }
    for name, lines in files.items():
        path = tmp_path / "sets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "sets"


def test_the_files(
    recipes: dict[str, Any], sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = recipes["data"]
    monkeypatch.setattr(data, "OF_EACH", 4)
    data.main(sets, tmp_path / "first")
    data.main(sets, tmp_path / "second")
    written = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "first").iterdir()
    }
    for name, text in written.items():
        assert (tmp_path / "second" / name).read_text(encoding="utf-8") == text
    asked = {data.number_of(text) for text in challenge()}
    texts = {
        name: [json.loads(line)["text"] for line in text.splitlines()]
        if name.endswith(".jsonl")
        else text.splitlines()
        for name, text in written.items()
    }
    for some in texts.values():
        assert not asked & {data.number_of(text) for text in some}
    assert KEPT in texts["train.jsonl"]
    assert KEPT in texts["texts.txt"]
    assert UNSIGNED in texts["test.jsonl"]
    assert UNSIGNED not in texts["texts.txt"]
    assert "Once upon a time." in texts["texts_and_stories.txt"]
    splits = [{*texts[f"{name}.jsonl"]} for name in ("train", "valid", "test", "test_grammar")]
    assert sum(map(len, splits)) == len(set().union(*splits))
    reviews = [text for text in texts["train.jsonl"] if "word50" in text or "word150" in text]
    assert {len(text.split()) for text in reviews} == {sum(data.ENDS)}
