"""Settings, files on disk and what is said of damaged ones, and the tokenizers that ship."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from textrnn.errors import DataError, TokenizerError, UnknownNameError, UsageError
from textrnn.tokenizers import (
    Tokenizer,
    TokenizerSettings,
    load_tokenizer,
    read_lines,
    train_tokenizer,
    vocab_names,
    vocab_path,
)
from textrnn.tokenizers import _stored as stored

Train: TypeAlias = Callable[..., Tokenizer]

# Settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "word"}, "model_type is 'word': use 'unigram' or 'bpe'"),
        ({"vocab_size": 4}, "vocab_size is 4: use 5 or more"),
        ({"character_coverage": 0.0}, "character_coverage is 0.0: use 0.98 to 1"),
        ({"character_coverage": 0.97}, "character_coverage is 0.97: use 0.98 to 1"),
        ({"character_coverage": 1.5}, "character_coverage is 1.5"),
        ({"min_frequency": 0}, "min_frequency is 0: use 1 or more"),
        ({"max_sentences": -1}, "max_sentences is -1: use 1 or more"),
        ({"user_symbols": ("",)}, "user symbol '': it must have a character"),
        ({"user_symbols": ("a\nb",)}, r"user symbol 'a\\nb'"),
        ({"user_symbols": ("a b",)}, "user symbol 'a b': .* no white space"),
        ({"user_symbols": ("▁a",)}, "no white space or U"),
        ({"user_symbols": ("a", "a")}, "user_symbols has a text twice"),
        ({"spaces": "none"}, "spaces is 'none': use 'kept' or 'folded'"),
    ],
)
def test_values_outside_their_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TokenizerSettings(**settings)


def test_an_unknown_normalization_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no normalization 'nfk' .*did you mean 'nfkc'\?"):
        TokenizerSettings(normalization="nfk")


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no tokenizer 'words' .*did you mean 'word'\?"):
        train_tokenizer([], TokenizerSettings(kind="words"))


# Training text


def test_files_are_read_line_by_line_and_only_a_newline_ends_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("one\r\ntwo\u2028\x0b\n\nthree".encode())
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"vier\n", mtime=0))
    lines = list(read_lines([tmp_path / "a.txt", tmp_path / "b.txt.gz"]))
    assert lines == ["one\r\n", "two\u2028\x0b\n", "\n", "three", "vier\n"]


def test_training_on_files_is_training_on_their_lines(tmp_path: Path, train: Train) -> None:
    (tmp_path / "a.txt").write_text("a b\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("b c\n", encoding="utf-8")
    settings = TokenizerSettings(kind="word")
    tokenizer = train_tokenizer([tmp_path / "a.txt", tmp_path / "b.txt"], settings)
    assert tokenizer.encode("a b c") == train("word", ["a b\n", "b c\n"]).encode("a b c")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.txt", None, "cannot read .*missing.txt: No such file"),
        ("latin.txt", b"good\ncaf\xe9\n", "latin.txt, line 2: not UTF-8; convert it first"),
        ("not.txt.gz", b"plain text", "cannot read .*not.txt.gz: .*Not a gzipped file"),
        ("cut.txt.gz", gzip.compress(b"x" * 99, mtime=0)[:-9], "cannot read .*cut.txt.gz: .*ended"),
        (
            "bad.txt.gz",
            gzip.compress(b"x" * 99, mtime=0)[:12] + b"\xff" * 9,
            "cannot read .*bad.txt.gz",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_lines([tmp_path / name]))


# Damaged folders


def damage(folder: Path, **changes: Any) -> None:
    """Change keys of tokenizer.json; a value of None takes the key out."""
    path = folder / "tokenizer.json"
    saved = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in saved.items() if v is not None}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged: Expecting value"),
        (b'{"kind": "by', "damaged: Unterminated string"),
        (b"\xff\xfe\x00", "damaged: "),
        (b"[" * 100_000, "damaged: "),
        (b"[]", "does not name the kind of a textrnn tokenizer"),
        (b'{"version": "1.0", "model": {}}', "does not name the kind"),
        (b'{"kind": 3}', "does not name the kind"),
        (b'{"kind": "byte"}', "format_version None: this textrnn reads 1"),
        (b'{"kind": "byte", "format_version": 2}', "format_version 2: this textrnn reads 1"),
        (b'{"kind": "bite", "format_version": 1}', r"no tokenizer 'bite' .*did you mean 'byte'\?"),
        (b'{"kind": "_base", "format_version": 1}', "no tokenizer '_base'"),
    ],
)
def test_a_damaged_tokenizer_json_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=f"tokenizer.json.* {message}") as error:
        load_tokenizer(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer in .*: tokenizer.json is missing"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").mkdir()
    with pytest.raises(TokenizerError, match=r"tokenizer.json cannot be read: Is a directory"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("kind", ["word", "char"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab": None}, "vocab is not a list of texts"),
        ({"vocab": ["\n", " ", 3]}, "vocab is not a list of texts"),
        ({"vocab": ["\n", " ", ""]}, "vocab is not a list of texts"),
        ({"vocab": ["\n", " ", "a", "a"]}, "vocab has a text twice"),
        ({"vocab": ["\n", " ", "\ud800"]}, "vocab has a lone surrogate"),
        ({"vocab": [" ", "a"]}, r"vocab lacks '\\n'"),
        ({"lowercase": "no"}, "lowercase is not true or false"),
    ],
)
def test_a_damaged_vocabulary_is_named(
    tmp_path: Path, train: Train, kind: str, changes: dict[str, Any], message: str
) -> None:
    train(kind, ["a"]).save(tmp_path)
    damage(tmp_path, **changes)
    with pytest.raises(TokenizerError, match=f"tokenizer.json is damaged: {message}"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_of_characters_has_no_words(tmp_path: Path, train: Train) -> None:
    train("char", ["a"]).save(tmp_path)
    damage(tmp_path, vocab=["\n", "ab"])
    with pytest.raises(TokenizerError, match="damaged: vocab has a whole word"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_of_words_needs_the_space_unless_pretokenized(
    tmp_path: Path, train: Train
) -> None:
    train("word", ["a"]).save(tmp_path)
    damage(tmp_path, vocab=["\n", "a"])
    with pytest.raises(TokenizerError, match="damaged: vocab lacks ' '"):
        load_tokenizer(tmp_path)
    damage(tmp_path, pretokenized=True)
    assert load_tokenizer(tmp_path).encode("a") == [5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": None}, "tokenizer.model is damaged: its sha256 is not the one"),
        ({"vocab_size": 7}, "has 340 pieces, but tokenizer.json says 7"),
        (
            {"model_type": "char"},
            "tokenizer.model: tokenizer.json is damaged: model_type is 'char'",
        ),
        ({"normalization": "none"}, "tokenizer.json is damaged: no normalization 'none'"),
        ({"user_symbols": [3]}, "tokenizer.json is damaged: user_symbols is not a list of texts"),
        ({"user_symbols": "abc"}, "tokenizer.json is damaged: user_symbols is not a list of texts"),
        ({"normalization": 5}, "tokenizer.json is damaged: "),
    ],
)
def test_a_damaged_sentencepiece_folder_is_named(
    tmp_path: Path, train: Train, changes: dict[str, Any], message: str
) -> None:
    train("sentencepiece", vocab_size=340).save(tmp_path)
    damage(tmp_path, **changes)
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("model", [b"", b"half", None])
def test_a_damaged_model_is_named(tmp_path: Path, train: Train, model: bytes | None) -> None:
    train("sentencepiece", vocab_size=340).save(tmp_path)
    path = tmp_path / "tokenizer.model"
    message = "is damaged: its sha256"
    if model is None:
        path.unlink()
        message = "cannot be read: No such file"
    elif model == b"half":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.write_bytes(model)
    with pytest.raises(TokenizerError, match=f"tokenizer.model {message}"):
        load_tokenizer(tmp_path)


def test_a_model_of_another_making_is_refused_even_with_its_hash(
    tmp_path: Path, train: Train
) -> None:
    import hashlib

    train("sentencepiece", vocab_size=340).save(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    damage(tmp_path, sha256=hashlib.sha256(b"cos\nsystem\n(S'true'\ntR.").hexdigest())
    with pytest.raises(TokenizerError, match=r"tokenizer.model: not a sentencepiece model"):
        load_tokenizer(tmp_path)


# What ships


@pytest.mark.parametrize("name", vocab_names())
def test_what_ships_loads_and_says_how_it_was_made(name: str) -> None:
    tokenizer = load_tokenizer(vocab_path(name))
    readme = (vocab_path(name) / "README.md").read_text(encoding="utf-8")
    text = "Once upon a time, there was a King.\n\nTo be, or not to be?\n"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert f"--output vocab/{name}" in readme
    assert "textrnn tokenizer train" in readme


def test_the_names_that_ship() -> None:
    assert vocab_names() == ("stories_sp8000", "tinyshakespeare_char")
    assert load_tokenizer(vocab_path("stories_sp8000")).vocab_size == 8000
    assert load_tokenizer(vocab_path("tinyshakespeare_char")).vocab_size == 69


def test_a_name_that_does_not_ship_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no tokenizer in vocab/ 'stories_sp800' .*did you"):
        vocab_path("stories_sp800")


def test_an_installed_package_has_them_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Train
) -> None:
    checkout, inside = tmp_path / "vocab", tmp_path / "textrnn" / "_vocab"
    train("byte").save(inside / "bytes")
    monkeypatch.setattr(stored, "VOCAB_FOLDERS", (checkout, inside))
    assert vocab_path("bytes") == inside / "bytes"
    train("byte").save(checkout / "bytes")
    assert vocab_path("bytes") == checkout / "bytes"


# The standard sets, where they are at hand

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def test_wikitext_2_counts_what_the_benchmark_counts() -> None:
    folder = SHARED / "wikitext-2"
    if not folder.exists():
        pytest.skip("wikitext-2 is not on this machine")
    settings = TokenizerSettings(kind="word", pretokenized=True)
    tokenizer = train_tokenizer([folder / "train.txt"], settings)
    counts = {}
    for split in ("train", "valid", "test"):
        text = (folder / f"{split}.txt").read_bytes().decode()
        ids = tokenizer.encode(text)
        counts[split] = len(ids)
        assert tokenizer.decode(ids) == text or split != "train"
    assert counts == {"train": 2_088_628, "valid": 217_646, "test": 245_569}
    assert tokenizer.vocab_size - 3 == 33_278  # PAD, BOS and EOS are not the benchmark's


def test_stories_come_back_exactly() -> None:
    folder = SHARED / "stories"
    if not folder.exists():
        pytest.skip("stories is not on this machine")
    text = (folder / "valid.txt").read_bytes().decode()
    tokenizer = load_tokenizer(vocab_path("stories_sp8000"))
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert len(text.encode()) / len(ids) == pytest.approx(3.917, abs=0.001)
