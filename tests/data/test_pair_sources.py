"""Sentence pairs from files, tables and folders, and what is refused of them."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from textrnn.config import PairDataSettings
from textrnn.data import open_pairs
from textrnn.data.pair_parts import HubPairs
from textrnn.errors import DataError

PAIRS = [("one cat", "eine Katze"), ("two", "zwei\u2028drei"), ("", "leer"), ('a "b"', "c, d")]


def pairs_of(folder: Path, **settings: Any) -> list[tuple[str, str]]:
    given = {"path": str(folder), "train": "train", "source": "en", "target": "de"} | settings
    source = open_pairs(PairDataSettings(**given), "train")
    assert source is not None
    return list(source.pairs())


def write(folder: Path, kind: str) -> None:
    """PAIRS as ``train`` in one of the forms that are read."""
    columns = list(zip(*PAIRS, strict=True))
    texts = ["\n".join(column) + "\n" for column in columns]
    records = [dict(zip(("en", "de"), pair, strict=True)) for pair in PAIRS]
    if kind == "text":
        for side, text in zip(("en", "de"), texts, strict=True):
            (folder / f"train.{side}").write_text(text)
    elif kind == "text.gz":
        for side, text in zip(("en", "de"), texts, strict=True):
            (folder / f"train.{side}.gz").write_bytes(gzip.compress(text.encode()))
    elif kind == "crlf":
        for side, text in zip(("en", "de"), texts, strict=True):
            (folder / f"train.{side}").write_bytes(text.replace("\n", "\r\n").encode())
    elif kind == "tsv":
        rows = ["de\tid\ten", *(f"{target}\t7\t{source}" for source, target in PAIRS)]
        (folder / "train.tsv").write_text("\n".join(rows) + "\n")
    elif kind == "csv":
        with (folder / "train.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["source", "target"], *PAIRS])
    elif kind == "jsonl":
        lines = [json.dumps(record) for record in records]
        (folder / "train.jsonl").write_text("\n".join(lines) + "\n\n")
    elif kind == "jsonl, nested":
        lines = [json.dumps({"id": 1, "translation": record}) for record in records]
        (folder / "train.jsonl").write_text("\n".join(lines))
    elif kind == "parquet":
        from datasets import Dataset

        Dataset.from_list(records).to_parquet(folder / "train.parquet")
    else:
        (folder / "train").mkdir()
        write(folder / "train", kind.removeprefix("folder of "))


@pytest.mark.parametrize(
    "kind",
    [
        *("text", "text.gz", "crlf", "tsv", "csv", "jsonl", "jsonl, nested", "parquet"),
        *("folder of text", "folder of text.gz", "folder of csv"),
    ],
)
def test_the_same_pairs_from_every_form(kind: str, tmp_path: Path) -> None:
    write(tmp_path, kind)
    assert pairs_of(tmp_path) == PAIRS
    assert pairs_of(tmp_path, path=None, train=str(tmp_path / "train")) == PAIRS


def test_the_folder_that_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "csv")
    monkeypatch.chdir(tmp_path)
    assert pairs_of(Path(), train=".") == PAIRS


def test_the_other_direction(tmp_path: Path) -> None:
    write(tmp_path, "tsv")
    turned = [(target, source) for source, target in PAIRS]
    assert pairs_of(tmp_path, source="de", target="en") == turned


def test_several_sets_one_after_the_other(tmp_path: Path) -> None:
    write(tmp_path, "text")
    write(tmp_path, "jsonl")
    data = PairDataSettings(
        path=str(tmp_path), train=("train", "train.jsonl"), source="en", target="de"
    )
    source = open_pairs(data, "train")
    assert source is not None
    assert source.name == "train.en / train.de, train.jsonl"
    assert list(source.pairs()) == PAIRS * 2
    places = [place for place, _ in source.numbered_pairs()]
    assert places[3:5] == ["train.en / train.de, pair 4", "train.jsonl, pair 1"]
    before = source.fingerprint()
    (tmp_path / "train.en").write_text("other\n")
    assert source.fingerprint() != before


def test_a_table_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("one\teins\n\ntwo\tzwei\n")
    expected = [("one", "eins"), ("", ""), ("two", "zwei")]
    source = open_pairs(PairDataSettings(path=str(tmp_path), train="train"), "train")
    assert source is not None
    assert list(source.pairs()) == expected
    (remark,) = source.remarks()
    assert "names no columns 'source' and 'target' in its first line" in remark
    numbered = {"source": "2", "target": "1"}
    assert pairs_of(tmp_path, **numbered)[0] == ("eins", "one")
    source = open_pairs(PairDataSettings(path=str(tmp_path), train="train", **numbered), "train")
    assert source is not None
    assert source.remarks() == []


def test_names_of_a_split(tmp_path: Path) -> None:
    data = {"path": str(tmp_path), "source": "en", "target": "de"}
    for side in ("en", "de"):
        (tmp_path / f"val.{side}").write_text("x\n")
        (tmp_path / f"test_2016_flickr.{side}.gz").write_bytes(gzip.compress(b"y\n"))
    valid = open_pairs(PairDataSettings(**data, valid="validation"), "valid")
    test = open_pairs(PairDataSettings(**data, test="test"), "test")
    assert valid is not None
    assert test is not None
    assert (list(valid.pairs()), list(test.pairs())) == ([("x", "x")], [("y", "y")])
    assert open_pairs(PairDataSettings(**data), "train") is None
    for side in ("en", "de"):
        (tmp_path / f"test_2017.{side}").write_text("z\n")
    with pytest.raises(DataError, match=r"data.test: no pair of files .*test.en and .de"):
        open_pairs(PairDataSettings(**data, test="test"), "test")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"train.en": "a\nb\n", "train.de": "x\n"},
            r"train.de ends after 1 lines, but .*train.en goes on at line 2: the two files must be",
        ),
        (
            {"train.en": "a", "train.de": "x\ny\nz"},
            r"train.en ends after 1 lines, but .*train.de goes on at line 2",
        ),
        ({"train.en": "a\n"}, r"train.en has no train.de beside it"),
        ({"train.de": "a\n"}, r"train.de has no train.en beside it"),
        ({"train.en": b"a\n\xff", "train.de": "x\ny"}, r"train.en is not UTF-8: byte 2"),
        ({"other.txt": "a"}, r"no pair of files .*train.en and .de, .*there are: other.txt"),
        ({"train": "a"}, r"is one text, and pairs need two: name a table"),
        ({"train/notes.txt": "a"}, r"the folder .*train has no pairs in en and de"),
        ({"train.tsv": "en\tde\na\n"}, r"train.tsv, row 2: 1 columns, where the first row has 2"),
        ({"train.tsv": "a\tb\nc\td\te\n"}, r"train.tsv, row 2: 3 columns, where the first"),
        ({"train.tsv": "id\ten\ttext\n1\ta\tb\n"}, r"no columns 'en' and 'de': its first row is"),
        ({"train.tsv": "en\tx\n"}, r"no columns 'en' and 'de'"),
        ({"train.csv": 'en,de\n"a,b\n'}, r"train.csv, line 2: unexpected end of data"),
        ({"train.jsonl": '{"en": "a", "de": "b"}\nnope'}, r"train.jsonl, line 2 is not JSON"),
        ({"train.jsonl": '{"en": "a"}'}, r"row 1 has no 'de': name two of en \(data.source"),
        ({"train.jsonl": '{"en": "a", "de": 3}'}, r"row 1: de is 3, not a text"),
        ({"train.jsonl": "[1]"}, r"row 1 is not an object with two texts"),
        ({"train.parquet": "nonsense"}, r"cannot read .*train.parquet"),
        ({"train.en.gz": "plain", "train.de.gz": "plain"}, r"cannot read .*train.en.gz"),
    ],
)
def test_what_is_refused(files: dict[str, str | bytes], message: str, tmp_path: Path) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        pairs_of(tmp_path)


def test_a_number_of_a_column_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match="has 2 columns, no number 3"):
        pairs_of(tmp_path, source="3", target="1")


def test_nulls_are_empty_sides(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"en": null, "de": "b"}\n')
    assert pairs_of(tmp_path) == [("", "b")]
    (tmp_path / "train.tsv").write_text("")
    assert pairs_of(tmp_path, train="train.tsv") == []


def test_a_set_on_the_hub_is_not_looked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    data = PairDataSettings(path="org/set", name="en-de", train="train", source="en", target="de")
    source = open_pairs(data, "train")
    assert source is not None
    (part,) = source.parts
    assert isinstance(part, HubPairs)
    assert source.name == "org/set (en-de), split train"
    assert source.remarks() == []
    assert "org/set" in source.fingerprint()
    rows = [{"translation": {"en": "a", "de": "b"}}]
    monkeypatch.setattr("textrnn.data.pair_parts.read_hub", lambda *_: iter(rows))
    assert list(source.pairs()) == [("a", "b")]
    with pytest.raises(DataError, match="neither a folder here nor a hub id"):
        pairs_of(Path("/nowhere/at/all"))
