"""The text that the language model of trec_transfer learns: Wikipedia, sentences and stories.

    python recipes/trec_transfer_data.py SETS FOLDER

SETS holds, each in a folder of its own, wikitext-2 (train.txt and valid.txt), tatoeba_deu_eng and
tatoeba_fra_eng (train.en) and stories (train_1.txt). Into FOLDER goes train.txt, some 6 million
words: all of Wikipedia's text, each of Tatoeba's English sentences once, and a part of the stories,
in blocks of a few paragraphs that are shuffled; and valid.txt, 400 paragraphs of Wikipedia. What
wikitext-2 writes as ``<unk>`` is left out, and its `` @-@ `` is a hyphen again. What is written
depends on nothing but the sets.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from pathlib import Path

WRITTEN = {"<unk>": "", " @-@ ": "-", " @,@ ": ",", " @.@ ": "."}
STORIES = 55
"""Per cent of the stories' paragraphs."""
TO_VALIDATE = 400


def main(sets: Path, folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    shuffle = random.Random(0).shuffle
    pairs = (lines(sets / f"tatoeba_{name}" / "train.en") for name in ("deu_eng", "fra_eng"))
    sentences = list(dict.fromkeys(line for some in pairs for line in some))
    shuffle(sentences)
    stories = [line for line in lines(sets / "stories" / "train_1.txt") if line.strip()]
    stories = stories[: len(stories) * STORIES // 100]
    blocks = [
        *cut(wikipedia(sets / "wikitext-2" / "train.txt"), 30),
        *cut(sentences, 300),
        *cut(stories, 60),
    ]
    shuffle(blocks)
    write(folder / "train.txt", (line for block in blocks for line in block))
    write(folder / "valid.txt", wikipedia(sets / "wikitext-2" / "valid.txt")[:TO_VALIDATE])


def lines(path: Path) -> list[str]:
    """The lines of a file, line breaks kept."""
    with path.open(encoding="utf-8") as file:
        return list(file)


def wikipedia(path: Path) -> list[str]:
    """The paragraphs and headings of a file of wikitext-2, as one writes."""
    found = []
    for line in lines(path):
        if line.strip():
            for mark, written in WRITTEN.items():
                line = line.replace(mark, written)
            found.append(line)
    return found


def cut(some: list[str], size: int) -> list[list[str]]:
    """The same in blocks of so many lines."""
    return [some[first : first + size] for first in range(0, len(some), size)]


def write(path: Path, some: Iterable[str]) -> None:
    """Write lines that have their line breaks."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(some)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
