"""Sentence pairs as ids: what is kept, what is left out, and what is counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from textrnn.data import AlignedFiles, PairSelection, PairsFrom, PairSource, mix, prepare_pairs
from textrnn.data.pair_parts import PairTable
from textrnn.errors import DataError, UsageError
from textrnn.tokenizers import FAMILY, Tokenizer, TokenizerSettings

BYTES = FAMILY.get("byte")()


def files(folder: Path, *pairs: tuple[str, str]) -> PairSource:
    """Pairs in two files."""
    paths = folder / "a.en", folder / "a.de"
    for path, texts in zip(paths, zip(*pairs, strict=True), strict=True):
        path.write_text("".join(f"{text}\n" for text in texts))
    return PairSource((AlignedFiles(*paths),))


def subwords() -> Tokenizer:
    texts = ["the cat sat on the mat", "the dog ran to the cat"] * 4
    settings = TokenizerSettings(
        vocab_size=22, byte_fallback=False, spaces="folded", user_symbols=("<bt>",)
    )
    return FAMILY.get("sentencepiece").train(texts, settings)


def test_ids_lengths_and_counts(tmp_path: Path) -> None:
    pairs = [("ab", "xyz"), ("c d", "u"), ("\u00e9", "vw")]
    corpus = prepare_pairs(files(tmp_path, *pairs), PairsFrom(BYTES, BYTES), tmp_path / "cache")
    assert len(corpus) == 3
    assert corpus.lengths().tolist() == [[2, 3], [3, 1], [2, 2]]
    decoded = [tuple(map(BYTES.decode, corpus.pair(row))) for row in range(3)]
    assert decoded == pairs
    assert (corpus.tokens, corpus.bytes, corpus.words) == ((7, 6), (7, 6), (4, 3))
    assert (corpus.unknown, corpus.dropped, corpus.report()) == ((0, 0), {}, None)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    source = files(
        tmp_path, ("", "x"), ("a", "b"), ("a", ""), ("a" * 9, "b" * 9), ("a", "bbbb"), ("c", "d")
    )
    making = PairsFrom(BYTES, BYTES, max_length=8, max_ratio=3.0)
    corpus = prepare_pairs(source, making, tmp_path / "cache")
    assert [BYTES.decode(corpus.pair(row)[0]) for row in range(len(corpus))] == ["a", "c"]
    assert corpus.dropped == {
        "with an empty side": 2,
        "longer than 8 tokens": 1,
        "with a side more than 3 times as long as the other": 1,
    }
    assert corpus.report() == (
        "a.en / a.de: 2 of 6 pairs are used; left out: "
        "2 with an empty side (the first: a.en / a.de, pair 1); "
        "1 longer than 8 tokens (the first: a.en / a.de, pair 4); "
        "1 with a side more than 3 times as long as the other (the first: a.en / a.de, pair 5)"
    )


@pytest.mark.parametrize("pairs", [[], [("", "x"), ("y", " ")]])
def test_nothing_to_learn_from(pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / "a.en").touch()
    (tmp_path / "a.de").touch()
    source = PairSource((AlignedFiles(tmp_path / "a.en", tmp_path / "a.de"),))
    if pairs:
        source = files(tmp_path, *pairs)
    tokenizer = subwords()
    with pytest.raises(DataError, match="has no pair to learn from"):
        prepare_pairs(source, PairsFrom(tokenizer, tokenizer), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_corpus_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, cache = files(tmp_path, ("a", "b")), tmp_path / "cache"
    making = PairsFrom(BYTES, BYTES)
    first = prepare_pairs(source, making, cache)
    names = sorted(path.name for path in cache.iterdir())
    assert [name.split(".")[1] for name in names] == ["ends", "ids", "json"]
    monkeypatch.setattr("textrnn.data.pairs._encode", None)
    again = prepare_pairs(source, making, cache)
    assert (again.tokens, len(again)) == (first.tokens, 1)
    monkeypatch.undo()
    prepare_pairs(source, PairsFrom(BYTES, BYTES, max_length=9), cache)
    assert len(list(cache.iterdir())) == 6


def test_chunks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(str(number), str(number * 7)) for number in range(11)]
    making = PairsFrom(BYTES, BYTES)
    whole = prepare_pairs(files(tmp_path, *pairs), making, tmp_path / "whole")
    monkeypatch.setattr("textrnn.data.pairs.PAIRS_AT_ONCE", 3)
    chunked = prepare_pairs(files(tmp_path, *pairs), making, tmp_path / "chunked")
    assert np.array_equal(whole.lengths(), chunked.lengths())
    assert all(
        np.array_equal(one, other)
        for row in range(11)
        for one, other in zip(whole.pair(row), chunked.pair(row), strict=True)
    )


def test_sampled_subwords_follow_the_seed(tmp_path: Path) -> None:
    tokenizer = subwords()
    source = files(tmp_path, *[("the cat sat on the mat", "the dog ran to the cat")] * 5)

    def ids(seed: int, cache: str) -> list[list[int]]:
        making = PairsFrom(tokenizer, tokenizer, sampling=(0.1, seed))
        corpus = prepare_pairs(source, making, tmp_path / cache)
        texts = [tokenizer.decode(corpus.pair(row)[0]) for row in range(5)]
        assert texts == ["the cat sat on the mat"] * 5
        return [corpus.pair(row)[0].tolist() for row in range(5)]

    assert ids(1, "one") == ids(1, "two")
    assert ids(1, "one") != ids(2, "three")
    assert len({tuple(row) for row in ids(1, "one")}) > 1


def test_other_pairs_have_another_checksum(tmp_path: Path) -> None:
    several = [
        [("ab", "c")],
        [("a", "bc")],
        [("ab", "d")],
        [("ab", "c"), ("ab", "c")],
        [("ab", "c")],
    ]
    sums = [
        prepare_pairs(
            files(tmp_path, *pairs), PairsFrom(BYTES, BYTES), tmp_path / str(n)
        ).checksum()
        for n, pairs in enumerate(several)
    ]
    assert sums[0] == sums[-1]
    assert len(set(sums)) == len(sums) - 1


def test_a_tag_stands_before_each_source(tmp_path: Path) -> None:
    tokenizer = subwords()
    making = PairsFrom(tokenizer, tokenizer, tag="<bt>")
    corpus = prepare_pairs(files(tmp_path, ("the cat", "the dog")), making, tmp_path / "cache")
    source, target = corpus.pair(0)
    assert tokenizer.pieces(source.tolist())[0] == "<bt>"
    assert source.tolist()[1:] == tokenizer.encode("the cat")
    assert target.tolist() == tokenizer.encode("the dog")
    with pytest.raises(UsageError, match=r"data.tag '<bt>' is no piece .*user_symbols=\[<bt>\]"):
        prepare_pairs(files(tmp_path, ("a", "b")), PairsFrom(BYTES, BYTES, tag="<bt>"), tmp_path)


def test_a_lone_surrogate_is_named_by_its_place(tmp_path: Path) -> None:
    table = tmp_path / "pairs.jsonl"
    rows = [{"source": "a", "target": "b"}, {"source": "a", "target": "x\ud800"}]
    table.write_text("\n".join(json.dumps(row) for row in rows))
    source = PairSource((PairTable(table, "source", "target"),))
    with pytest.raises(DataError, match=r"pairs.jsonl, row 2: character 2 .* lone surrogate"):
        prepare_pairs(source, PairsFrom(BYTES, BYTES), tmp_path / "cache")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("textrnn.data.pairs._encode", refuse)
    with pytest.raises(DataError, match=r"cannot write .*\.ids: No space left on device"):
        prepare_pairs(files(tmp_path, ("a", "b")), PairsFrom(BYTES, BYTES), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_selection_and_a_mixture(tmp_path: Path) -> None:
    making = PairsFrom(BYTES, BYTES)
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
    new = prepare_pairs(
        files(tmp_path / "new", *[(f"n{i}", "x" * i) for i in range(1, 5)]), making, tmp_path / "c"
    )
    old = prepare_pairs(
        files(tmp_path / "old", *[(f"o{i}", "y") for i in range(50)]), making, tmp_path / "c"
    )
    chosen = PairSelection((new, old), np.array([5, 0]))
    assert [BYTES.decode(chosen.pair(row)[0]) for row in range(len(chosen))] == ["o1", "n1"]
    assert chosen.lengths().tolist() == [[2, 1], [2, 1]]

    def sources(share: float, epoch: int) -> list[str]:
        mixed = mix((new,), old, share, (1, epoch))
        return [BYTES.decode(mixed.pair(row)[0]) for row in range(len(mixed))]

    assert sources(0.5, 0)[:4] == ["n1", "n2", "n3", "n4"]
    assert len(sources(0.5, 0)) == 8
    assert sources(0.5, 0) == sources(0.5, 0) != sources(0.5, 1)
    assert len(set(sources(0.99, 0))) == 54  # no more than there are
