"""A corpus: each document between its marks, counted exactly, encoded once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textrnn.data import Corpus, LocalText, corpus, prepare_corpus
from textrnn.errors import DataError
from textrnn.tokenizers import BOS, EOS, FAMILY, UNK, Tokenizer, TokenizerSettings
from textrnn.tokenizers.byte import ByteTokenizer

Documents = Literal["file", "blank_line", "line"]
TEXT = "the cat\nsat\n\non  the mat\n\n\nand slept"
BYTES = ByteTokenizer()
THINGS = ("mat", "table", "chair", "garden wall", "window sill", "sofa", "stairs")


@pytest.fixture
def source(tmp_path: Path) -> LocalText:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return LocalText((path,))


def trained(kind: str, text: str = TEXT) -> Tokenizer:
    lines = text.splitlines(keepends=True)
    sizes = {}
    if kind == "sentencepiece":
        lines += [f"the cat {did} on the {what}\n" for did in ("sat", "slept") for what in THINGS]
        sizes = {"vocab_size": 290}
    return FAMILY.get(kind).train(lines, TokenizerSettings(kind=kind, **sizes))  # type: ignore[arg-type]


def made(documents: list[str], tokenizer: Tokenizer) -> list[int]:
    """The ids as they should be, by the shortest way."""
    return [id for document in documents for id in (BOS, *tokenizer.encode(document), EOS)]


@pytest.mark.parametrize("kind", FAMILY.names())
@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ("file", [TEXT]),
        ("blank_line", ["the cat\nsat\n\n", "on  the mat\n\n\n", "and slept"]),
        ("line", TEXT.splitlines(keepends=True)),
    ],
)
def test_a_document_is_bos_its_ids_eos(
    kind: str, documents: Documents, expected: list[str], source: LocalText, tmp_path: Path
) -> None:
    tokenizer = trained(kind)
    found = prepare_corpus(source, tokenizer, tmp_path / "cache", documents=documents)
    wanted = made(expected, tokenizer)
    assert found.ids().tolist() == wanted
    assert found == Corpus(
        path=found.path,
        dtype="uint16",
        name="text.txt",
        tokens=len(wanted),
        bytes=len(TEXT.encode()),
        words=len(TEXT.split()),
        lines=TEXT.count("\n"),
        unknown=wanted.count(UNK),
    )


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(st.sampled_from("aé \n"), min_size=1, max_size=12), min_size=1, max_size=5))
def test_files_of_any_text_come_back(tmp_path: Path, texts: list[str]) -> None:
    paths = []
    for index, text in enumerate(texts):
        paths.append(tmp_path / f"{index}.txt")
        paths[-1].write_bytes(text.encode())
    source = LocalText(tuple(paths))
    found = prepare_corpus(source, BYTES, tmp_path / "cache")
    assert found.ids().tolist() == made(texts, BYTES)
    assert found.bytes == sum(len(text.encode()) for text in texts)


def test_more_lines_than_are_encoded_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "LINES_AT_ONCE", 3)
    path = tmp_path / "a.txt"
    path.write_text("".join(f"line {n}\n" for n in range(10)))
    found = prepare_corpus(LocalText((path,)), BYTES, tmp_path / "cache", documents="line")
    lines = path.read_text().splitlines(keepends=True)
    assert found.ids().tolist() == made(lines, BYTES)
    assert (found.lines, found.words) == (10, 20)


def test_a_large_vocabulary_takes_four_bytes_an_id(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(65_540)]
    path = tmp_path / "a.txt"
    path.write_text(" ".join(words) + "\n")
    tokenizer = FAMILY.get("word").train(
        [path.read_text()], TokenizerSettings(kind="word", pretokenized=True)
    )
    assert tokenizer.vocab_size > 65_536
    found = prepare_corpus(LocalText((path,)), tokenizer, tmp_path / "cache")
    assert found.dtype == "uint32"
    assert isinstance(found.ids(), np.memmap)
    assert int(found.ids().max()) == tokenizer.vocab_size - 1
    assert (found.tokens, found.words) == (65_540 + 3, 65_540)


def test_unknown_ids_are_counted(source: LocalText, tmp_path: Path) -> None:
    tokenizer = trained("char", "the cat\n")
    found = prepare_corpus(source, tokenizer, tmp_path / "cache")
    assert found.unknown == sum(letter not in "the cat\n" for letter in TEXT)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows whenever a text is encoded."""
    calls: list[int] = []
    encode = corpus._encode

    def noted(*args: Any) -> dict[str, Any]:
        calls.append(1)
        return encode(*args)

    monkeypatch.setattr(corpus, "_encode", noted)
    return calls


def test_a_text_is_encoded_once(source: LocalText, tmp_path: Path, counted: list[int]) -> None:
    cache = tmp_path / "cache"
    first = prepare_corpus(source, BYTES, cache)
    assert prepare_corpus(source, BYTES, cache) == first
    assert len(counted) == 1
    assert not [path for path in cache.iterdir() if path.suffix == ".tmp"]


def test_a_cache_may_be_moved(source: LocalText, tmp_path: Path, counted: list[int]) -> None:
    first = prepare_corpus(source, BYTES, tmp_path / "cache")
    ids = first.ids().tolist()
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    assert prepare_corpus(source, BYTES, tmp_path / "elsewhere").ids().tolist() == ids
    assert len(counted) == 1


def test_whatever_changes_the_ids_is_encoded_anew(
    source: LocalText, tmp_path: Path, counted: list[int]
) -> None:
    cache = tmp_path / "cache"
    (path,) = source.paths
    sentencepiece = trained("sentencepiece")
    prepare_corpus(source, BYTES, cache)
    prepare_corpus(source, trained("char"), cache)
    prepare_corpus(source, trained("char", TEXT + "!"), cache)
    prepare_corpus(source, BYTES, cache, documents="line")
    prepare_corpus(source, sentencepiece, cache)
    prepare_corpus(source, sentencepiece, cache, sampling=(0.1, 1))
    prepare_corpus(source, sentencepiece, cache, sampling=(0.1, 2))
    assert len(counted) == 7
    path.write_text(TEXT.upper())  # of the same length
    os.utime(path, ns=(1, 1))
    found = prepare_corpus(source, BYTES, cache)
    assert BYTES.decode(found.ids().tolist()) == TEXT.upper()
    assert len(counted) == 8


def test_sampled_subwords_are_the_same_text_and_repeatable(
    source: LocalText, tmp_path: Path
) -> None:
    tokenizer = trained("sentencepiece")

    def sampled(folder: str, seed: int) -> list[int]:
        cache = tmp_path / folder
        return prepare_corpus(source, tokenizer, cache, sampling=(0.1, seed)).ids().tolist()

    first = sampled("one", 1)
    assert sampled("two", 1) == first
    assert sampled("one", 2) != first
    assert tokenizer.decode(first) == TEXT


@pytest.mark.parametrize("texts", [[""], ["", ""]])
def test_an_empty_text_is_refused(texts: list[str], tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{index}.txt" for index in range(len(texts)))
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    with pytest.raises(DataError, match=r"0\.txt.* is empty: a corpus needs text"):
        prepare_corpus(LocalText(paths), BYTES, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_text_that_cannot_be_read_leaves_nothing_that_is_taken_for_a_corpus(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n\xff")
    for _ in range(2):
        with pytest.raises(DataError, match=r"a\.txt is not UTF-8: byte 5"):
            prepare_corpus(LocalText((path,)), BYTES, tmp_path / "cache")
    path.write_bytes(b"good\n")
    assert prepare_corpus(LocalText((path,)), BYTES, tmp_path / "cache").bytes == 5
