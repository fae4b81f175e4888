"""The texts that sentiment-en learns from, made of four labelled sets, stories and a grammar.

    python recipes/sentiment_shipped_data.py SETS FOLDER

SETS holds, each in a folder of its own, mr_rt_polarity (snippets of film reviews), polarity_v2
(whole film reviews), bingliu_reviews (sentences and pros and cons of products), goemotions
(comments) and stories (public-domain books). Into FOLDER go texts.txt, texts_and_stories.txt and
texts_valid.txt, a text a line, for language models, and train.jsonl, valid.jsonl and test.jsonl,
with test_NAME.jsonl of each set, for the classifier; test_grammar.jsonl holds what the grammar
holds out. Which split a text goes into hangs on its words alone, so that no two splits share one;
GoEmotions has splits of its own. No sentence of tests/data/sentiment_challenge.tsv is learnt from.
What is written depends on nothing but the sets.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sentiment_shipped_grammar import sentences
from sentiment_shipped_lexicon import lexicons

POSITIVE = """
    admiration amusement approval caring desire excitement gratitude joy love optimism pride relief
"""
NEGATIVE = """
    anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse
    sadness
"""
NAMES = "Anna Ben Carlos Dana Emma Frank Grace Henry Ivy Jack Kim Leo Maria Nick Olga Paul"
STORIES = 8
"""Every so manieth line of the books goes into the language model's texts."""

CHALLENGE = Path(__file__).parents[1] / "tests" / "data" / "sentiment_challenge.tsv"
OF_EACH = 40
"""So many sentences are made of each template of the grammar."""

ENDS = (100, 200)
"""The words of a review's beginning and of its end that are read together."""

PROS_AND_CONS = 4
"""One of so many is taken: there are six times as many of them as of film snippets."""


class Part(NamedTuple):
    """Labelled texts of one set."""

    name: str
    label: str
    text: str
    split: str


def main(sets: Path, folder: Path) -> None:
    """Write all files."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = list(unique([*films(sets), *products(sets), *comments(sets)]))
    parts += grammar(parts)
    asked = {number_of(line.split("\t")[-1]) for line in lines(CHALLENGE)}
    parts = [part for part in parts if number_of(part.text) not in asked]
    random.Random(1).shuffle(parts)
    for split in ("valid", "test"):
        write(folder / f"{split}.jsonl", (part for part in parts if part.split == split))
    write(folder / "train.jsonl", to_learn_from(parts))
    write(folder / "test_grammar.jsonl", (part for part in parts if part.split == "held_out"))
    for name in sorted({part.name for part in parts if part.split == "test"}):
        own = (part for part in parts if (part.split, part.name) == ("test", name))
        write(folder / f"test_{name}.jsonl", own)
    asked |= {number_of(part.text) for part in parts if part.split != "train"}
    texts = [text for text in to_read(sets, parts) if number_of(text) not in asked]
    for name, some in (
        ("texts", texts),
        ("texts_and_stories", [*texts, *stories(sets)]),
        ("texts_valid", [part.text for part in parts if part.split == "valid"]),
    ):
        (folder / f"{name}.txt").write_text("\n".join(some) + "\n", encoding="utf-8")


def films(sets: Path) -> Iterator[Part]:
    """Snippets, as they are and with the spaces before punctuation taken out; whole reviews."""
    for label, text in rows(sets / "mr_rt_polarity" / "all_minus_sst_devtest.tsv"):
        sign = "positive" if label == "1" else "negative"
        yield Part("snippets", sign, either(text), split_of(text))
    for sign in ("positive", "negative"):
        for _, text in rows(sets / "polarity_v2" / f"{sign[:3]}.tsv"):
            yield Part("reviews", sign, either(text), split_of(text))


def products(sets: Path) -> Iterator[Part]:
    """Sentences, and a part of the pros and cons."""
    for number in (1, 2):
        for label, text in rows(sets / "bingliu_reviews" / f"product_reviews_{number}.tsv"):
            sign = {"pos": "positive", "neg": "negative"}[label]
            yield Part("products", sign, either(text), split_of(text))
    for sign in ("positive", "negative"):
        for text in pros_and_cons(sets, sign):
            if number_of(text + "kept") % PROS_AND_CONS == 0:
                yield Part("pros_and_cons", sign, text, split_of(text))


def comments(sets: Path) -> Iterator[Part]:
    """Comments whose emotions are all of one sign; neutral and ambiguous ones are left out."""
    for split, text, emotions in emotional(sets):
        signs = {sign_of(emotion) for emotion in emotions}
        if len(signs) == 1 and (sign := signs.pop()) is not None:
            yield Part("comments", sign, text, split)


def to_read(sets: Path, parts: Iterable[Part]) -> list[str]:
    """What a language model reads: the sets' texts to train on, and others that have no label."""
    texts = [part.text for part in parts if part.split == "train" and part.name != "grammar"]
    texts += [*other_comments(sets), *other_pros_and_cons(sets)]
    random.Random(2).shuffle(texts)
    return texts


def to_learn_from(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts to train on, a long review as two texts: its two ends, and what is between them."""
    for part in parts:
        words = part.text.split()
        if part.split != "train":
            continue
        if len(words) <= sum(ENDS):
            yield part
        else:
            begin, end = ENDS
            yield part._replace(text=" ".join([*words[:begin], *words[-end:]]))
            yield part._replace(text=" ".join(words[begin:-end][: begin + end]))


def grammar(parts: Sequence[Part]) -> list[Part]:
    """Sentences by the grammar, from the words of the texts to learn from."""
    train = [part for part in parts if part.split == "train"]
    words = lexicons(
        [(part.label, part.text) for part in train if part.name != "reviews"],
        [(part.label, part.text) for part in train if part.name in ("products", "snippets")],
    )
    return [
        Part("grammar", one.label, one.text, "held_out" if one.held_out else "train")
        for one in sentences(words, OF_EACH)
    ]


def other_comments(sets: Path) -> list[str]:
    """Comments to train on that show no one sign, for the language model."""
    return [
        text
        for split, text, emotions in emotional(sets)
        if split == "train" and len({*map(sign_of, emotions)} & {"positive", "negative"}) != 1
    ]


def other_pros_and_cons(sets: Path) -> list[str]:
    """Pros and cons to train on that :func:`products` leaves out, for the language model."""
    return [
        text
        for sign in ("positive", "negative")
        for text in pros_and_cons(sets, sign)
        if number_of(text + "kept") % PROS_AND_CONS and split_of(text) == "train"
    ]


def pros_and_cons(sets: Path, sign: str) -> Iterator[str]:
    """All of a sign."""
    return lines(sets / "bingliu_reviews" / f"pros_cons.{sign[:3]}.txt")


def emotional(sets: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Split, text and emotions of each comment of GoEmotions."""
    folder = sets / "goemotions"
    names, people = list(lines(folder / "labels.txt")), NAMES.split()
    for split, file in (("train", "train"), ("valid", "dev"), ("test", "test")):
        for number, line in enumerate(lines(folder / f"{file}.tsv")):
            text, labels, _ = line.split("\t")
            named = text.replace("[NAME]", people[number % len(people)])
            plain = named.replace("[RELIGION]", "religion").replace("\u2019", "'")
            yield split, plain, [names[int(label)] for label in labels.split(",")]


def sign_of(emotion: str) -> str | None:
    """Positive, negative, or None, by the grouping of Demszky et al. 2020, figure 2."""
    if emotion in POSITIVE.split():
        return "positive"
    return "negative" if emotion in NEGATIVE.split() else None


def stories(sets: Path) -> Iterator[str]:
    """Paragraphs of the books."""
    for number in (1, 2):
        for place, text in enumerate(lines(sets / "stories" / f"train_{number}.txt")):
            if place % STORIES == 0:
                yield text


def either(text: str) -> str:
    """A text cut into words as it is, or joined as one writes; which one hangs on its words."""
    return text if number_of(text + "form") % 10 < 3 else joined(text)


def joined(text: str) -> str:
    """A text without the spaces that cutting it into words put in.

    >>> joined("it 's n't bad , ( really ) . ")
    "it'sn't bad, (really)."
    """
    text = re.sub(r" +(n't|'(?:s|re|ve|ll|d|m)\b)", r"\1", text.strip())
    text = re.sub(r" +([.,!?;:%)\]])", r"\1", text)
    text = re.sub(r"([(\[$]) +", r"\1", text)
    return re.sub(r'" ([^"]*?) "', r'"\1"', text)


def split_of(text: str) -> str:
    """The split of a text, by its words: a tenth to test, a twentieth to valid."""
    place = number_of(text) % 20
    return "test" if place < 2 else "valid" if place == 2 else "train"


def number_of(text: str) -> int:
    """A number that hangs on the letters and digits of a text."""
    digest = hashlib.blake2b(letters_of(text).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")


def letters_of(text: str) -> str:
    """A text's letters and digits, whether capital or small.

    >>> letters_of("It's 2!")
    'its2'
    """
    return "".join(character for character in text.casefold() if character.isalnum())


def unique(parts: Iterable[Part]) -> Iterator[Part]:
    """Each text once, those to test first, so that none to learn from is one of them."""
    seen: set[int] = set()
    order = {"test": 0, "valid": 1, "train": 2}
    for part in sorted(parts, key=lambda part: order[part.split]):
        key = number_of(part.text)
        if key not in seen and part.text.strip():
            seen.add(key)
            yield part


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Two columns."""
    for line in lines(path):
        first, second = line.split("\t", 1)
        yield first, second


def lines(path: Path) -> Iterator[str]:
    """The lines of a file that are not blank."""
    with path.open(encoding="utf-8") as file:
        yield from (line.strip() for line in file if line.strip())


def write(path: Path, parts: Iterable[Part]) -> None:
    """Texts and labels as lines of JSON."""
    with path.open("w", encoding="utf-8") as file:
        for part in parts:
            record = {"text": part.text, "label": part.label, "set": part.name}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} SETS FOLDER")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
