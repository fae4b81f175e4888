"""Plain text for a model of questions: what recipes/trec_transfer_data.py makes of sets."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "recipes")
    return importlib.import_module("trec_transfer_data")


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    paragraphs = "".join(f" The <unk> of room {n} @-@ wide . \n \n" for n in range(500))
    texts = {
        "wikitext-2/train.txt": paragraphs,
        "wikitext-2/valid.txt": paragraphs,
        "tatoeba_deu_eng/train.en": "".join(f"Is it {n}?\n" for n in range(400)),
        "tatoeba_fra_eng/train.en": "".join(f"Is it {n}?\n" for n in range(300, 700)),
        "stories/train_1.txt": "".join(f"Once, at {n}, he left.\n\n" for n in range(200)),
    }
    for name, text in texts.items():
        path = tmp_path / "sets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "sets"


def test_all_that_is_wanted_is_there_once_in_blocks(data: Any, sets: Path, tmp_path: Path) -> None:
    data.main(sets, tmp_path / "made")
    lines = (tmp_path / "made" / "train.txt").read_text().splitlines()
    counts = Counter(line.split()[0] for line in lines)
    assert counts == {"The": 500, "Is": 700, "Once,": 110}
    assert max(Counter(lines).values()) == 1
    assert " The  of room 7-wide . " in lines
    first = lines.index(" The  of room 30-wide . ")
    assert lines[first + 29] == " The  of room 59-wide . "
    assert len((tmp_path / "made" / "valid.txt").read_text().splitlines()) == 400


def test_it_is_the_same_each_time(data: Any, sets: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        data.main(sets, tmp_path / name)
    for file in ("train.txt", "valid.txt"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
