"""What every registered kind of tokenizer promises."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from textrnn.errors import DataError, TokenizerError, UsageError
from textrnn.tokenizers import (
    BOS,
    EOS,
    FAMILY,
    PAD,
    UNK,
    Tokenizer,
    TokenizerSettings,
    load_tokenizer,
)

pytestmark = pytest.mark.filterwarnings("error")
quickly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Any character of any plane, and the ones that tokenizers treat specially more often than chance.
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]), st.sampled_from(" \n\t\r\0▁\ufeff\ufffd'é🦊athe")
)
TEXTS = st.text(CHARACTERS, max_size=40)
NUMBERS = st.lists(st.integers(0, 10**6), max_size=30)


@quickly
@given(text=TEXTS)
@example("")
@example("  two  spaces\n\n\nand lines\r\n")
@example("▁<unk><s>▁\n</s><0x41><pad>")
def test_what_is_known_comes_back_exactly(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert all(UNK <= id < tokenizer.vocab_size for id in ids)
    assert BOS not in ids
    assert EOS not in ids
    if UNK not in ids:
        assert tokenizer.decode(ids) == text


def test_the_training_text_is_known(tokenizer: Tokenizer, story: list[str]) -> None:
    text = "\n".join(story) + "\n"
    ids = tokenizer.encode(text)
    assert UNK not in ids
    assert tokenizer.decode(ids) == text


@quickly
@given(numbers=NUMBERS)
def test_a_stream_of_ids_gives_what_the_whole_gives(
    tokenizer: Tokenizer, numbers: list[int]
) -> None:
    ids = [number % tokenizer.vocab_size for number in numbers]
    stream = tokenizer.stream()
    for _ in range(2):
        assert "".join([*map(stream.push, ids), stream.flush()]) == tokenizer.decode(ids)


@quickly
@given(text=TEXTS)
def test_a_stream_never_splits_a_character(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    stream, whole = tokenizer.stream(), tokenizer.decode(ids)
    given_out = ""
    for id in ids:
        given_out += stream.push(id)
        assert whole.startswith(given_out)
    assert given_out == whole
    assert stream.flush() == ""


@quickly
@given(numbers=NUMBERS, place=st.integers(0, 30))
def test_ids_may_be_cut_anywhere(tokenizer: Tokenizer, numbers: list[int], place: int) -> None:
    ids = [number % tokenizer.vocab_size for number in numbers]
    assert tokenizer.to_bytes(ids) == tokenizer.to_bytes(ids[:place]) + tokenizer.to_bytes(
        ids[place:]
    )
    assert tokenizer.decode(ids) == tokenizer.to_bytes(ids).decode(errors="replace")


@quickly
@given(first=TEXTS, second=TEXTS)
def test_text_may_be_cut_after_a_newline(tokenizer: Tokenizer, first: str, second: str) -> None:
    assert tokenizer.splits_at_newline
    cut = [first + "\n", second]
    assert tokenizer.encode("".join(cut)) == [id for part in cut for id in tokenizer.encode(part)]


@quickly
@given(texts=st.lists(TEXTS, max_size=5))
def test_lines_are_encoded_as_each_one_alone(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert list(tokenizer.encode_lines(texts)) == [tokenizer.encode(text) for text in texts]


def test_saved_and_loaded_it_is_the_same(
    tokenizer: Tokenizer, tmp_path: Path, story: list[str]
) -> None:
    tokenizer.save(tmp_path / "new" / "folder")
    loaded = load_tokenizer(tmp_path / "new" / "folder")
    every = range(tokenizer.vocab_size)
    text = "\n".join([*story, "unseen: 🦊 ▁"])
    assert type(loaded) is type(tokenizer)
    assert loaded.facts() == tokenizer.facts()
    assert loaded.pieces(every) == tokenizer.pieces(every)
    assert loaded.to_bytes(every) == tokenizer.to_bytes(every)
    assert loaded.encode(text) == tokenizer.encode(text)
    assert [path for path in (tmp_path / "new" / "folder").iterdir() if path.suffix == ".tmp"] == []


def test_training_again_gives_the_same(tokenizer: Tokenizer, story: list[str]) -> None:
    facts = tokenizer.facts()
    names = {field.name for field in fields(TokenizerSettings)}
    chosen = {name: value for name, value in facts.items() if name in names}
    if tokenizer.kind == "byte":
        del chosen["vocab_size"]
    chosen["byte_fallback"] = (
        tokenizer.id_of("<0x00>") is not None or tokenizer.kind != "sentencepiece"
    )
    again = type(tokenizer).train(story, TokenizerSettings(**chosen))
    assert again.facts() == facts
    assert again.pieces(range(again.vocab_size)) == tokenizer.pieces(range(tokenizer.vocab_size))


def test_every_id_has_a_piece(tokenizer: Tokenizer) -> None:
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    assert pieces[:4] == ["<pad>", "<unk>", "<s>", "</s>"]
    assert [tokenizer.id_of(piece) for piece in pieces] == list(range(tokenizer.vocab_size))
    assert tokenizer.id_of("no such piece") is None


def test_special_ids_decode_to_nothing(tokenizer: Tokenizer) -> None:
    (known,) = tokenizer.encode("\n")
    assert tokenizer.decode([PAD, BOS, known, EOS, PAD]) == "\n"
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode([UNK]) in {"<unk>", "\ufffd"}


@pytest.mark.parametrize("method", ["decode", "pieces", "to_bytes"])
@pytest.mark.parametrize("beyond", [-1, 0])
def test_ids_outside_the_vocabulary_are_refused(
    tokenizer: Tokenizer, method: str, beyond: int
) -> None:
    wrong = beyond if beyond < 0 else tokenizer.vocab_size
    with pytest.raises(UsageError, match=f"no id {wrong} .*use 0 to {tokenizer.vocab_size - 1}"):
        getattr(tokenizer, method)([PAD, wrong])
    with pytest.raises(UsageError, match=f"no id {wrong}"):
        tokenizer.stream().push(wrong)


@pytest.mark.parametrize("text", ["ok \ud800", "\udfff\n"])
def test_a_lone_surrogate_is_refused(tokenizer: Tokenizer, text: str) -> None:
    with pytest.raises(DataError, match=r"character \d of the text is a lone surrogate, U\+D[8F]"):
        tokenizer.encode(text)


CHANGED = {
    "vocab_size": 300,
    "model_type": "bpe",
    "byte_fallback": False,
    "character_coverage": 0.98,
    "normalization": "nfkc",
    "user_symbols": ("<x>",),
    "max_sentences": 5,
    "seed": 2,
    "min_frequency": 2,
    "lowercase": True,
    "pretokenized": True,
    "spaces": "folded",
}


UNUSED = [
    (kind, name)
    for kind in FAMILY.names()
    for name in CHANGED
    if name not in FAMILY.get(kind).settings_used
]


@pytest.mark.parametrize(("kind", "name"), UNUSED)
def test_a_setting_that_does_not_apply_is_refused(kind: str, name: str, story: list[str]) -> None:
    settings = TokenizerSettings(kind=kind, **{name: CHANGED[name]})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{name} does not apply to a {kind} tokenizer"):
        FAMILY.get(kind).train(story, settings)


def test_every_setting_is_some_kinds() -> None:
    used = {name for kind in FAMILY.names() for name in FAMILY.get(kind).settings_used}
    assert used == {field.name for field in fields(TokenizerSettings)} - {"kind"} == set(CHANGED)


@pytest.mark.parametrize("kind", FAMILY.names())
def test_empty_text_is_refused_by_those_that_learn(kind: str) -> None:
    entry = FAMILY.get(kind)
    if entry.needs_text:
        with pytest.raises(TokenizerError, match="training text is empty: give some"):
            entry.train(
                ["", "\n"][: 2 if kind == "sentencepiece" else 1], TokenizerSettings(kind=kind)
            )
    else:
        assert entry.train([], TokenizerSettings(kind=kind)).encode("a")


def test_another_kinds_folder_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    others = [FAMILY.get(kind) for kind in FAMILY.names() if kind != tokenizer.kind]
    for other in others:
        with pytest.raises(TokenizerError, match=f"of kind '{tokenizer.kind}', not '{other.kind}'"):
            other.load(tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in FAMILY.names() if kind != "sentencepiece"])
def test_one_segmentation_only(kind: str, story: list[str]) -> None:
    tokenizer = FAMILY.get(kind).train(story, TokenizerSettings(kind=kind))
    with pytest.raises(UsageError, match=f"a {kind} tokenizer has no subword sampling"):
        tokenizer.encode_sampled("text", alpha=0.1, seed=1)


def test_importing_the_family_imports_nothing_heavy() -> None:
    code = """
import sys, textrnn.tokenizers as t
t.load_tokenizer(t.vocab_path("tinyshakespeare_char")).encode("a")
heavy = {"sentencepiece", "numpy", "torch", "pydantic", "google.protobuf"} & set(sys.modules)
sys.exit(", ".join(heavy) or 0)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
