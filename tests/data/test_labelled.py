"""Labelled texts: from files to labels, ids and batches."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.config import LabelledDataSettings, validate
from textrnn.data import (
    LabelledBatches,
    LabelledCorpus,
    Labels,
    find_labels,
    open_labelled,
    prepare_labelled,
)
from textrnn.data.holding_out import held_out
from textrnn.data.labels import named_labels
from textrnn.errors import DataError, UsageError
from textrnn.tokenizers import FAMILY, Tokenizer, TokenizerSettings

TEXTS = ['He said "no",\nand left.', "Good.<br /><br />Very good.", "NA", "  ", "null"]
NAMES = ["neg", "pos", "neg", "pos", "neg"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return FAMILY.get("byte").train([], TokenizerSettings("byte"))


def settings(path: Path, **given: Any) -> LabelledDataSettings:
    return validate(LabelledDataSettings, {"path": str(path), "train": "train", **given}, "test")


def put(folder: Path, name: str, text: str) -> None:
    path = folder / name
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8", newline="")


def as_csv() -> str:
    lines = [
        f'"{text.replace(chr(34), chr(34) * 2)}",{name}'
        for text, name in zip(TEXTS, NAMES, strict=True)
    ]
    return "text,label\r\n" + "\r\n".join(lines) + "\r\n"


def as_jsonl() -> str:
    rows = zip(TEXTS, NAMES, strict=True)
    return "\n".join(json.dumps({"text": text, "label": name}) for text, name in rows)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".parquet", ""])
def test_every_form_gives_the_same_texts(ending: str, tmp_path: Path) -> None:
    if ending == "":
        for number, (text, name) in enumerate(zip(TEXTS, NAMES, strict=True)):
            (tmp_path / "train" / name).mkdir(parents=True, exist_ok=True)
            put(tmp_path / "train" / name, f"{number}_7.txt", text)
    elif ending == ".parquet":
        from datasets import Dataset

        table = Dataset.from_dict({"text": TEXTS, "label": NAMES})
        table.to_parquet(str(tmp_path / "train.parquet"))
    else:
        put(tmp_path, f"train{ending}", as_jsonl() if ending == ".jsonl" else as_csv())
    source = open_labelled(settings(tmp_path), "train")
    assert source is not None
    rows = sorted((row.text.replace("\r\n", "\n"), row.label) for row in source.rows())
    assert rows == sorted(zip(TEXTS, NAMES, strict=True))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ""])
def test_texts_are_folded_and_those_without_a_word_left_out(
    ending: str, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    test_every_form_gives_the_same_texts(ending, tmp_path)
    data = settings(tmp_path)
    source = open_labelled(data, "train")
    assert source is not None
    corpus = prepare_labelled(source, find_labels(source, data, False), tokenizer)
    texts = {tokenizer.decode(corpus.text(row).tolist()[1:-1]) for row in range(len(corpus))}
    assert texts == {'He said "no", and left.', "Good. Very good.", "NA", "null"}
    assert corpus.empty == 1
    assert corpus.classes == ("neg", "pos")
    assert corpus.counts().tolist() == [3, 1]


def test_lines_of_a_label_and_a_text(tmp_path: Path) -> None:
    put(tmp_path, "TREC.train.all", "__label__0 How far is it ?\n\n1\tWho was Galileo ?\n")
    data = settings(tmp_path, train="TREC.train.all", label_names=["number", "human"])
    source = open_labelled(data, "train")
    assert source is not None
    labels = find_labels(source, data, False)
    found = [(row.text.strip(), labels.of(row)) for row in source.rows()]
    assert found == [("How far is it ?", [0]), ("Who was Galileo ?", [1])]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.txt", "pos Good.\npos Fine.\nneg Bad.\n"),
        ("train.csv", "text,label\nGood.,pos\nFine.,pos\nBad.,neg\n"),
        ("train.tsv", "text\tlabel\nGood.\tpos\nFine.\tpos\nBad.\tneg\n"),
        (
            "train.jsonl",
            '{"text": "Good.", "label": "pos"}\n{"text": "Bad.", "label": "neg"}\n',
        ),
    ],
)
def test_a_byte_order_mark_is_part_of_no_label(name: str, text: str, tmp_path: Path) -> None:
    put(tmp_path, name, "\ufeff" + text)
    data = settings(tmp_path)
    source = open_labelled(data, "train")
    assert source is not None
    assert find_labels(source, data, False).names == ("neg", "pos")


def test_columns_by_number_where_there_is_no_header(tmp_path: Path) -> None:
    put(tmp_path, "train.tsv", 'neg\t3\tIt "was bad.\npos\t9\tGood.\n')
    data = settings(tmp_path, text="3", label="1")
    source = open_labelled(data, "train")
    assert source is not None
    assert [(row.text, row.label) for row in source.rows()] == [
        ('It "was bad.', "neg"),
        ("Good.", "pos"),
    ]
    for named, message in (({"text": "9"}, "3 columns, no number 9"), ({"text": "0"}, "number 0")):
        with pytest.raises(DataError, match=message):
            list(open_labelled(settings(tmp_path, **{"label": "1", **named}), "train").rows())  # type: ignore[union-attr]


def test_a_text_column_may_have_several_names(tmp_path: Path) -> None:
    put(tmp_path, "train.tsv", "label\tsentence\n0\tone\n1\ttwo\n")
    put(tmp_path, "dev.tsv", "label\tcontent\n0\tthree\n")
    data = settings(tmp_path, valid="dev", text=["sentence", "content"])
    texts = [
        [row.text for row in open_labelled(data, split).rows()] for split in ("train", "valid")
    ]  # type: ignore[union-attr]
    assert texts == [["one", "two"], ["three"]]
    assert open_labelled(data, "test") is None


@pytest.mark.parametrize(
    ("name", "text", "given", "message"),
    [
        ("train.csv", "txet,label\na,b\n", {}, r"no column 'text'.*did you mean 'txet'"),
        ("train.csv", "text,labels\na,b\n", {}, r"no column 'label'.*did you mean 'labels'"),
        (
            "train.jsonl",
            '{"text": "a"}\n',
            {},
            r"line 1 has no column 'label'.*--label in a command",
        ),
        ("train.jsonl", "[1]\n", {}, r"line 1 is no object"),
        ("train.jsonl", "{\n", {}, r"line 1 is not JSON"),
        ("train.jsonl", '{"text": 5, "label": "x"}\n', {}, r"line 1: text is 5, not a text: put"),
        ("train.csv", "text,label\na,x\nb\n", {}, r"line 3: 1 columns, no number 2"),
        ("train.csv", 'text,label\n"a"b,x\n', {}, r"line 2: "),
        ("train.csv", "text,label\na,x\nb,\n", {}, r"line 3: no label, and one is needed"),
        ("train.jsonl", '{"text": "a", "label": null}\n', {}, r"line 1: no label"),
        ("train.jsonl", '{"text": "a", "label": ["x", "y"]}\n', {}, r"2 labels.*multi_label"),
        ("train.csv", "text,label\na,x\nb,x\n", {}, r"only the label 'x': a classifier needs two"),
        ("train.csv", "text,label\n", {}, r"no text with a label"),
        ("train.csv", "", {}, r"no text with a label"),
        (
            "train.csv",
            "text,label\na,x\nb,good\n",
            {"label_names": ["bad", "goood"]},
            r"line 2: no label 'x' \(known: bad, goood\)",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_with_its_line(
    name: str, text: str, given: dict[str, Any], message: str, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    put(tmp_path, name, text)
    data = settings(tmp_path, **given)
    source = open_labelled(data, "train")
    assert source is not None
    with pytest.raises(DataError, match=message):
        prepare_labelled(source, find_labels(source, data, False), tokenizer)


def test_too_many_labels_are_no_labels(tmp_path: Path) -> None:
    put(tmp_path, "train.csv", "text,label\n" + "".join(f"a,x{n}\n" for n in range(5000)))
    data = settings(tmp_path)
    with pytest.raises(DataError, match="more than 4,096 labels, such as 'x0'"):
        find_labels(open_labelled(data, "train"), data, False)  # type: ignore[arg-type]


def test_only_texts_without_a_word(tmp_path: Path, tokenizer: Tokenizer) -> None:
    put(tmp_path, "train.csv", "text,label\n,a\n  ,b\n")
    data = settings(tmp_path)
    source = open_labelled(data, "train")
    assert source is not None
    with pytest.raises(DataError, match="has no text"):
        prepare_labelled(source, find_labels(source, data, False), tokenizer)


def test_a_lone_surrogate_is_refused_with_its_line(tmp_path: Path, tokenizer: Tokenizer) -> None:
    lines = [{"text": "fine", "label": 0}, {"text": "a \ud800", "label": 1}]
    put(tmp_path, "train.jsonl", "\n".join(map(json.dumps, lines)))
    source = open_labelled(settings(tmp_path), "train")
    assert source is not None
    with pytest.raises(DataError, match=r"line 2: .*lone surrogate"):
        prepare_labelled(source, Labels(("0", "1")), tokenizer)


def test_folders_of_the_classes_that_are_named(tmp_path: Path) -> None:
    for name in ("neg", "pos", "unsup"):
        (tmp_path / "train" / name).mkdir(parents=True)
        put(tmp_path / "train" / name, "1.txt", name)
    source = open_labelled(settings(tmp_path), "train", ("neg", "pos"))
    assert source is not None
    assert [row.label for row in source.rows()] == ["neg", "pos"]
    with pytest.raises(DataError, match="no folder 'positive'"):
        list(open_labelled(settings(tmp_path), "train", ("positive",)).rows())  # type: ignore[union-attr]


def test_several_labels_in_a_cell(tmp_path: Path, tokenizer: Tokenizer) -> None:
    put(tmp_path, "train.tsv", "Is this it?\t2\nNo, yes\t0,1\nWhat\t\n")
    put(tmp_path, "labels.txt", "anger\njoy\nneutral\n")
    data = settings(tmp_path, text="1", label="2", label_names="labels.txt")
    source = open_labelled(data, "train")
    assert source is not None
    labels = find_labels(source, data, True)
    corpus = prepare_labelled(source, labels, tokenizer)
    assert corpus.targets.tolist() == [[0, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert corpus.counts().tolist() == [1, 1, 1]
    assert named_labels(settings(tmp_path)) == ()


def test_labels_that_are_numbers_stand_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "train.jsonl", "".join(f'{{"text": "a", "label": {n}}}\n' for n in (10, 2.0, 1)))
    data = settings(tmp_path)
    labels = find_labels(open_labelled(data, "train"), data, False)  # type: ignore[arg-type]
    assert labels.names == ("1", "2", "10")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": "a", "label": "a"}, "text and label are both 'a'"),
        ({"text": []}, "text names no column"),
        ({"separator": ""}, "separator is empty"),
        ({"held_out": 0.1, "valid": "dev"}, "held_out applies where there is no valid"),
    ],
)
def test_settings_that_do_not_go_together(
    given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        settings(tmp_path, **given)


def corpus_of(lengths: list[int], targets: list[int] | None = None) -> LabelledCorpus:
    return LabelledCorpus(
        name="toy",
        ids=np.concatenate([np.full(n, place + 5, np.uint32) for place, n in enumerate(lengths)]),
        ends=np.cumsum(lengths),
        targets=np.array(targets or [place % 2 for place in range(len(lengths))]),
        digests=np.arange(len(lengths)),
        classes=("a", "b"),
    )


def test_every_text_is_in_one_batch_and_batches_keep_to_their_budget() -> None:
    lengths = np.random.default_rng(1).integers(2, 40, 300).tolist()
    corpus = corpus_of(lengths)
    for shuffle in (None, (1, 0)):
        batches = LabelledBatches(corpus, 8, 100, shuffle)
        seen = []
        for index in range(len(batches)):
            batch = batches.batch(index)
            seen += batches.places(index).tolist()
            assert len(batch.ids) <= 8
            assert len(batch.ids) == 1 or batch.ids.numel() <= 100
            assert batch.tokens == len(batch.ids)
            for row, place in enumerate(batches.places(index).tolist()):
                real = batch.ids[row, : batch.lengths[row]]
                assert real.tolist() == corpus.text(place).tolist()
                assert not batch.ids[row, batch.lengths[row] :].any()
                assert batch.targets[row] == corpus.targets[place]
        assert sorted(seen) == list(range(300))
    first, again, next_ = (LabelledBatches(corpus, 8, 100, (1, epoch)) for epoch in (0, 0, 1))
    assert first.places(0).tolist() == again.places(0).tolist() != next_.places(0).tolist()


def test_processes_share_a_batch() -> None:
    corpus = corpus_of([3, 3, 3])
    parts = [LabelledBatches(corpus, 2, 100, None, rank, 2) for rank in (0, 1)]
    assert [len(part) for part in parts] == [2, 2]
    assert [part.batch(0).targets.tolist() for part in parts] == [[0], [1]]
    assert [part.batch(1).targets.tolist() for part in parts] == [[0], [-1]]
    assert [part.batch(1).tokens for part in parts] == [1, 1]


def test_a_share_is_held_out_of_each_label() -> None:
    corpus = corpus_of([2] * 41, [0] * 20 + [1] * 20 + [0])
    train, held = corpus.split(0.1)
    assert len(train) + len(held) == 41
    assert held.counts().tolist() == [2, 2]
    assert not train.shared_with(held)
    assert held.shared_with(corpus) == len(held)
    with pytest.raises(DataError, match="too few different ones to hold some out"):
        corpus_of([2, 2]).split(0.1)


def test_another_text_or_label_has_another_checksum() -> None:
    corpus = corpus_of([2, 3, 4])
    changed = [corpus_of([3, 2, 4]), corpus_of([2, 3, 4], [1, 1, 0]), corpus_of([2, 3])]
    assert corpus.checksum() not in [other.checksum() for other in changed]
    assert corpus.checksum() == corpus_of([2, 3, 4]).checksum()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=120),
    st.floats(0.01, 0.99),
)
def test_what_is_held_out_is_not_learnt_from(rows: list[tuple[int, int]], share: float) -> None:
    """Of each label's different texts the share, exact to half a text."""
    texts, labels = (np.array(column) for column in zip(*rows, strict=True))
    held = held_out(texts, labels, share)
    assert not {*texts[held]} & {*texts[~held]}
    _, first = np.unique(texts, return_index=True)
    for label in range(3):
        own = first[labels[first] == label]
        count = int(held[own].sum())
        assert count < max(1, len(own))
        assert abs(count - share * len(own)) <= 0.5 + 1e-6 or count == len(own) - 1


def test_texts_with_two_labels_are_counted() -> None:
    corpus = corpus_of([2] * 6, [0, 1, 0, 0, 1, 0])
    assert not corpus.disputed()
    same = replace(corpus, digests=np.array([7, 7, 7, 8, 9, 8]))
    assert same.disputed() == 1
    several = replace(same, targets=np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [1, 1]]))
    assert several.disputed() == 1


def test_the_balance_is_told() -> None:
    assert corpus_of([2, 2, 2]).balance() == "toy: 3 texts (a 2, b 1)"
    many = LabelledCorpus(
        name="toy",
        ids=np.ones(4, np.uint32),
        ends=np.array([2, 4]),
        targets=np.array([3, 5]),
        digests=np.arange(2),
        classes=tuple(f"c{n}" for n in range(20)),
    )
    assert many.balance().endswith("8 more down to 0)")
    with pytest.raises(DataError, match="no texts to make batches of"):
        LabelledBatches(
            many.select(np.array([0]), "x").__class__(
                "none",
                np.zeros(0, np.uint32),
                np.zeros(0, np.int64),
                np.zeros(0, np.int64),
                np.zeros(0, np.int64),
                ("a",),
            ),
            2,
            2,
        )


def test_long_texts_are_cut_and_segmentations_drawn(tmp_path: Path, tokenizer: Tokenizer) -> None:
    put(tmp_path, "train.csv", "text,label\nabcdef,x\nab,y\n")
    data = settings(tmp_path)
    source = open_labelled(data, "train")
    assert source is not None
    labels = find_labels(source, data, False)
    cut = prepare_labelled(source, labels, tokenizer, max_length=4)
    assert cut.lengths().tolist() == [4, 4]
