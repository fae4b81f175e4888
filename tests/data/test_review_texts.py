"""Reviews of IMDb and SST to learn from: what recipes/sentiment_reviews_data.py makes of sets."""

from __future__ import annotations

import gzip
import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

Made = dict[str, list[dict[str, Any]]]
ROOT = Path(__file__).parents[2]
SHARED = "The very same words stood in both halves."
SENTENCES = [f"scene {number} is n't a {word} bore ." for number, word in enumerate(["real"] * 40)]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.syspath_prepend(ROOT / "recipes")
    data = importlib.import_module("sentiment_reviews_data")
    sets = tmp_path / "sets"
    for name in ("imdb", "sst", "mr_rt_polarity"):
        (sets / name).mkdir(parents=True)
    for split in ("train", "test"):
        rows = [
            f"{sign}\t5\t{number}\tReview {number} of {split}, {sign}.<br />It\tended."
            for sign in ("pos", "neg")
            for number in range(300)
        ]
        text = "\n".join([*rows, f"pos\t9\t0\t{SHARED}"]) + "\n"
        (sets / "imdb" / f"{split}.tsv.gz").write_bytes(gzip.compress(text.encode()))
    unlabelled = "".join(f"Nobody rated film {number}.\n" for number in range(50)) + SHARED + "\n"
    (sets / "imdb" / "unsup.txt.gz").write_bytes(gzip.compress(unlabelled.encode()))
    lines = "".join(f"{number % 2} {text}\n" for number, text in enumerate(SENTENCES))
    (sets / "sst" / "stsa.binary.train").write_text(lines)
    (sets / "sst" / "stsa.binary.dev").write_text("1 a joy , really\n0 a mess\n")
    phrases = "".join(f"0\tscene {number} is n't \n" for number in range(len(SENTENCES)))
    (sets / "sst" / "train.tsv").write_text("label\tsentence\n" + phrases + "1\tan odd charm \n")
    snippets = sets / "mr_rt_polarity" / "all_minus_sst_devtest.tsv"
    snippets.write_text("1\tthe rock is 'the' rock\n")
    folder = tmp_path / "made"
    data.main(sets, folder)
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in folder.glob("*.jsonl")
    }


def test_nothing_to_learn_from_stands_in_what_is_asked(made: Made) -> None:
    texts = {name: {row["text"] for row in rows} for name, rows in made.items()}
    assert SHARED in texts["imdb_test"]
    assert len(texts["imdb_test"]) == 601
    assert len(texts["imdb_train"]) == 600
    for learnt in ("imdb_train", "imdb_500", "reviews", "reviews_valid"):
        assert not texts[learnt] & texts["imdb_test"], learnt
    assert not texts["reviews"] & texts["reviews_valid"]
    assert not texts["reviews"] & texts["sst_valid"]
    assert not texts["snippets"] & (texts["sst_valid"] | texts["sst_test"])
    assert texts["snippets_valid"] == texts["sst_valid"]


def test_no_phrase_is_a_part_of_a_sentence_held_out(made: Made) -> None:
    held_out = [row["text"] for row in made["sst_valid"]]
    phrases = {row["text"] for row in made["sst_train"]}
    assert len(held_out) == 4
    assert not {part for part in phrases for whole in held_out if part in whole}
    assert "an odd charm" in phrases
    assert len(phrases) == 1 + 2 * 36  # each sentence that is left, and its phrase


def test_five_hundred_reviews_are_half_and_half(made: Made) -> None:
    labels = Counter(row["label"] for row in made["imdb_500"])
    assert labels == {"positive": 250, "negative": 250}
    kept = [row["text"] for row in made["imdb_train"]]
    assert {row["text"] for row in made["imdb_500"]} <= {*kept}
    assert kept[0].endswith("<br />It\tended.")


def test_sentences_are_joined_as_one_writes(made: Made) -> None:
    assert {"text": "a joy, really", "label": "positive"} in made["sst_test"]
    assert {"text": "scene 0 isn't a real bore.", "label": "negative"} in [
        *made["sst_train"],
        *made["sst_valid"],
    ]
