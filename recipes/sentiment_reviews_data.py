"""The texts that sentiment_imdb and sentiment_sst2_transfer learn from: film reviews.

    python recipes/sentiment_reviews_data.py SETS FOLDER

SETS holds, each in a folder of its own, imdb (train.tsv.gz and test.tsv.gz with label, rating, id
and text, unsup.txt.gz with a text a line), sst (GLUE's train.tsv, stsa.binary.train and
stsa.binary.dev) and mr_rt_polarity. Into FOLDER go lines of JSON:

    reviews, reviews_valid      for a language model: all reviews but imdb_test's, and snippets
    snippets, snippets_valid    the snippets alone
    imdb_train, imdb_test       whole reviews; what imdb_test has too is not in imdb_train
    imdb_500                    250 positive and 250 negative ones of imdb_train
    sst_train, sst_valid        phrases and sentences; a tenth of the sentences, and none of their
                                phrases in sst_train
    sst_test                    stsa.binary.dev, which is GLUE's development set

The texts of SST are joined as one writes, without the spaces that cutting them into words put in.
What is written depends on nothing but the sets.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sentiment_shipped_data import joined, letters_of, lines, number_of, rows

SIGNS = ("negative", "positive")
REVIEWS_TO_VALIDATE = 200
"""One review of so many is kept from the language model, to measure it."""


class Labelled(NamedTuple):
    """A text and what it is."""

    text: str
    label: str


def main(sets: Path, folder: Path) -> None:
    """Write all files."""
    folder.mkdir(parents=True, exist_ok=True)
    test = list(imdb(sets / "imdb" / "test.tsv.gz"))
    train = list(unique(imdb(sets / "imdb" / "train.tsv.gz"), without=test))
    random.Random(1).shuffle(train)
    write(folder / "imdb_train.jsonl", train)
    write(folder / "imdb_test.jsonl", test)
    write(folder / "imdb_500.jsonl", [one for sign in SIGNS for one in of_label(train, sign)[:250]])

    asked = list(sst(sets / "sst" / "stsa.binary.dev"))
    sentences = list(unique(sst(sets / "sst" / "stsa.binary.train"), without=asked))
    random.Random(2).shuffle(sentences)
    valid, kept = sentences[: len(sentences) // 10], sentences[len(sentences) // 10 :]
    phrases = without_parts_of(valid, labelled(sets / "sst" / "train.tsv", headed=True))
    write(folder / "sst_train.jsonl", unique([*kept, *phrases], without=[*valid, *asked]))
    write(folder / "sst_valid.jsonl", valid)
    write(folder / "sst_test.jsonl", asked)

    own = labelled(sets / "mr_rt_polarity" / "all_minus_sst_devtest.tsv")
    snippets = list(unique([*kept, *own], without=[*valid, *asked]))
    others = (Labelled(text, "") for text in packed(sets / "imdb" / "unsup.txt.gz"))
    reviews = list(unique([*train, *others], without=test))
    random.Random(3).shuffle(reviews)
    few = len(reviews) // REVIEWS_TO_VALIDATE
    read = reviews[few:] + snippets
    random.Random(4).shuffle(read)
    for name, texts in (
        ("reviews", read),
        ("reviews_valid", reviews[:few]),
        ("snippets", snippets),
        ("snippets_valid", valid),
    ):
        write_lines(folder / f"{name}.jsonl", ({"text": one.text} for one in texts))


def imdb(path: Path) -> Iterator[Labelled]:
    """Whole reviews."""
    for line in packed(path):
        label, _, _, text = line.split("\t", 3)
        yield Labelled(text, {"neg": "negative", "pos": "positive"}[label])


def sst(path: Path) -> Iterator[Labelled]:
    """Lines of 0 or 1 and a sentence."""
    for line in lines(path):
        label, text = line.split(" ", 1)
        yield Labelled(joined(text), SIGNS[int(label)])


def labelled(path: Path, *, headed: bool = False) -> Iterator[Labelled]:
    """Lines of 0 or 1 and a text, behind one that names the columns where it is headed."""
    for label, text in islice(rows(path), int(headed), None):
        yield Labelled(joined(text), SIGNS[int(label)])


def without_parts_of(sentences: Iterable[Labelled], some: Iterable[Labelled]) -> list[Labelled]:
    """Those of ``some`` whose letters do not stand in any of the sentences."""
    held_out = "\n".join(letters_of(one.text) for one in sentences)
    return [one for one in some if letters_of(one.text) not in held_out]


def unique(some: Iterable[Labelled], *, without: Iterable[Labelled]) -> Iterator[Labelled]:
    """Each text once, and none of those others."""
    seen = {number_of(one.text) for one in without}
    for one in some:
        key = number_of(one.text)
        if key not in seen:
            seen.add(key)
            yield one


def of_label(some: Iterable[Labelled], label: str) -> list[Labelled]:
    """Those with a label."""
    return [one for one in some if one.label == label]


def packed(path: Path) -> Iterator[str]:
    """The lines of a gzipped file that are not blank."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from (line.strip("\n") for line in file if line.strip())


def write(path: Path, some: Iterable[Labelled]) -> None:
    """Texts and labels as lines of JSON."""
    write_lines(path, ({"text": one.text, "label": one.label} for one in some))


def write_lines(path: Path, records: Iterable[dict[str, str]]) -> None:
    """Lines of JSON."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} SETS FOLDER")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
