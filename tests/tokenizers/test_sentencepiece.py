"""Subwords: settings, byte fallback, sampling, and what is done with sentencepiece's traps."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import pytest

from textrnn.errors import TokenizerError, UsageError
from textrnn.tokenizers import UNK, Tokenizer, load_tokenizer, vocab_path
from textrnn.tokenizers._sampling import UnigramSampler
from textrnn.tokenizers._training import cut, sample_lines
from textrnn.tokenizers.sentencepiece import SentencePieceTokenizer

Train: TypeAlias = Callable[..., Tokenizer]


@pytest.fixture(scope="module")
def stories() -> Tokenizer:
    return load_tokenizer(vocab_path("stories_sp8000"))


def test_a_continuation_begins_with_its_space(stories: Tokenizer) -> None:
    pieces = stories.pieces(stories.encode("Once upon  a\n\ntime"))
    assert pieces == ["Once", "▁upon", "▁", "▁a", "\n", "\n", "time"]
    prompt, more = stories.encode("Once upon"), stories.encode(" a time")
    assert prompt + more == stories.encode("Once upon a time")


def test_what_was_not_seen_is_spelt_in_bytes(stories: Tokenizer) -> None:
    ids = stories.encode("🦊")
    assert stories.pieces(ids) == ["<0xF0>", "<0x9F>", "<0xA6>", "<0x8A>"]
    stream = stories.stream()
    assert [stream.push(id) for id in ids] == ["", "", "", "🦊"]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["<0xE2>", "<0x82>", "<0xAC>"], "€"),
        (["<0xE2>", "<0x82>", "▁a"], "\ufffd a"),
        (["<0xE2>", "<0x82>"], "\ufffd"),
        (["<0xFF>", "<0xC3>", "<0xC3>", "<0xA9>"], "\ufffd\ufffdé"),
        (["<0xE2>", "<s>", "<0x82>", "</s>", "<0xAC>"], "€"),
    ],
)
def test_bytes_that_a_model_makes_up_decode_as_python_decodes_them(
    stories: Tokenizer, pieces: list[str], text: str
) -> None:
    ids = [stories.id_of(piece) for piece in pieces]
    assert stories.decode([id for id in ids if id is not None]) == text
    assert None not in ids


def test_the_character_that_stands_for_a_space_is_kept_apart_from_it(stories: Tokenizer) -> None:
    assert stories.decode(stories.encode("a▁b c")) == "a▁b c"
    assert stories.encode("▁") != stories.encode(" ")


def test_without_byte_fallback_a_run_of_unknown_characters_is_one_unknown(train: Train) -> None:
    tokenizer = train("sentencepiece", vocab_size=80, byte_fallback=False)
    for ids in (
        tokenizer.encode("a🦊🦊🦊 ▁"),
        tokenizer.encode_sampled("a🦊🦊🦊 ▁", alpha=1, seed=1),
    ):
        assert tokenizer.decode(ids) == "a<unk> <unk>"
        assert ids.count(UNK) == 2


def test_user_symbols_are_one_piece(train: Train) -> None:
    tokenizer = train("sentencepiece", vocab_size=340, user_symbols=("<name>", "<name>s", "cat"))
    text = "the cat<name>s<name>."
    for ids in (tokenizer.encode(text), tokenizer.encode_sampled(text, alpha=0.1, seed=1)):
        assert tokenizer.pieces(ids)[-4:] == ["cat", "<name>s", "<name>", "."]
        assert tokenizer.decode(ids) == text


def test_a_normalisation_that_was_asked_for_is_stated(train: Train) -> None:
    tokenizer = train("sentencepiece", vocab_size=340, normalization="nfkc_cf")
    assert tokenizer.facts()["normalization"] == "nfkc_cf"
    assert tokenizer.decode(tokenizer.encode("ＴＨＥ  Cat\n\n")) == "the  cat\n\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 100}, r"Vocabulary size is smaller than required_chars"),
        ({"vocab_size": 50_000}, r"Vocabulary size too high \(50000\)"),
        ({"vocab_size": 340, "user_symbols": ("<unk>",)}, "<unk> must not be defined"),
    ],
)
def test_what_sentencepiece_cannot_do_is_said_in_one_line(
    train: Train, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(
        TokenizerError, match=f"^sentencepiece cannot train on this: .*{message}"
    ) as error:
        train("sentencepiece", **settings)
    assert "\n" not in str(error.value)


def test_the_default_size_is_8000(train: Train) -> None:
    with pytest.raises(TokenizerError, match=r"too high \(8000\)"):
        train("sentencepiece")


# Sampling


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_samples_differ_decode_to_the_text_and_repeat(train: Train, model_type: str) -> None:
    tokenizer = train("sentencepiece", vocab_size=340, model_type=model_type)
    text = "Once upon a time there was a girl  who lived ▁ in\nthe woods 🦊."
    samples = [tokenizer.encode_sampled(text, alpha=0.3, seed=seed) for seed in range(8)]
    assert {tokenizer.decode(ids) for ids in samples} == {text}
    assert len({tuple(ids) for ids in samples}) > 4
    assert samples == [tokenizer.encode_sampled(text, alpha=0.3, seed=seed) for seed in range(8)]


def test_a_seed_gives_the_same_in_another_process(stories: Tokenizer) -> None:
    code = """
from textrnn.tokenizers import load_tokenizer, vocab_path
stories = load_tokenizer(vocab_path("stories_sp8000"))
print(stories.encode_sampled("Once upon a time there was a king", alpha=0.1, seed=5))"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    here = stories.encode_sampled("Once upon a time there was a king", alpha=0.1, seed=5)
    assert printed == f"{here}\n"


def test_bpe_that_drops_no_merge_is_encode_and_that_drops_all_is_characters(
    train: Train, story: list[str]
) -> None:
    tokenizer = train("sentencepiece", vocab_size=340, model_type="bpe")
    text = "\n".join(story)
    assert tokenizer.encode_sampled(text, alpha=0.0, seed=1) == tokenizer.encode(text)
    assert len(tokenizer.encode_sampled(text, alpha=1.0, seed=1)) == len(text)


def test_unigram_samples_are_as_frequent_as_their_probability() -> None:
    scores = {"a": -1.0, "b": -1.5, "c": -2.0, "ab": -1.2, "bc": -2.2, "abc": -2.5}
    sampler, rng, word, alpha = UnigramSampler(scores), random.Random(1), "abc", 0.7
    weights = {}
    for cuts in (c for n in range(len(word)) for c in combinations(range(1, len(word)), n)):
        parts = tuple(word[i:j] for i, j in zip((0, *cuts), (*cuts, len(word)), strict=True))
        weights[parts] = math.exp(alpha * sum(scores[part] for part in parts))
    counts = Counter(tuple(sampler.sample(word, alpha, rng)) for _ in range(4000))
    assert set(counts) == set(weights)
    for parts, weight in weights.items():
        assert counts[parts] / 4000 == pytest.approx(weight / sum(weights.values()), abs=0.03)


def test_a_long_word_is_sampled_without_being_kept() -> None:
    sampler = UnigramSampler({"a": -1.0, "aa": -1.5})
    assert "".join(sampler.sample("a" * 5000, 0.5, random.Random(1))) == "a" * 5000
    assert sampler._cached_lattice.cache_info().currsize == 0


def test_pieces_with_a_space_inside_are_drawn_too() -> None:
    from textrnn.tokenizers._sampling import BPESampler, TextSampler

    scores = {"a": -3.0, "▁": -2.0, "a▁": -1.0, "a▁a": 0.0}
    sampler = TextSampler(BPESampler(scores), pieces=scores, symbols=[])
    assert list(sampler.sample("a▁a", 0.0, random.Random(1))) == ["a▁a"]


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan])
def test_alpha_is_a_share(stories: Tokenizer, alpha: float) -> None:
    with pytest.raises(UsageError, match=r"alpha is .*: use 0 to 1"):
        stories.encode_sampled("text", alpha=alpha, seed=1)


# Training lines


def test_long_lines_are_cut_before_a_space_and_nothing_is_lost() -> None:
    line = " one two  three" * 9 + "x" * 50
    parts = list(cut(line, 20))
    assert "".join(parts) == line
    assert max(map(len, parts)) == 20
    assert parts[:2] == [" one two  three one", " two  three one two "]


def test_a_sample_has_each_line_with_the_same_chance() -> None:
    lines = [f"{number}\n" for number in range(10)]
    drawn = [sample_lines(lines, 3, random.Random(seed)) for seed in range(2000)]
    counts = Counter(line for sample in drawn for line in sample)
    assert {len(set(sample)) for sample in drawn} == {3}
    assert all(count == pytest.approx(600, abs=75) for count in counts.values())
    assert {sample[0] for sample in drawn} == {str(number) for number in range(10)}


def test_a_sample_as_large_as_the_text_is_all_of_it_shuffled() -> None:
    sample = sample_lines(["a\nb\n", "c", "", "d"], 99, random.Random(3))
    assert sorted(sample) == ["a", "b", "c", "d"]
    assert sample != sorted(sample)


# Models from elsewhere


def test_bytes_that_are_no_model_are_refused(stories: Tokenizer) -> None:
    with pytest.raises(TokenizerError, match=r"^not a sentencepiece model: "):
        SentencePieceTokenizer(b"nonsense")


def test_a_model_with_other_special_ids_is_refused(story: list[str]) -> None:
    import io

    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(story), model_writer=model, vocab_size=60, minloglevel=2
    )
    with pytest.raises(
        TokenizerError, match=r"eos ids are \(-1, 0, 1, 2\): they must be 0, 1, 2, 3"
    ):
        SentencePieceTokenizer(model.getvalue())


def test_a_piece_that_is_not_text_is_refused(stories: Tokenizer) -> None:
    assert isinstance(stories, SentencePieceTokenizer)
    damaged = stories._model.replace("▁upon".encode(), b"\xff\x96\x81upon")
    with pytest.raises(TokenizerError, match=r"^not a sentencepiece model: .*utf-8"):
        SentencePieceTokenizer(damaged)


def test_other_control_symbols_decode_to_nothing_and_a_missing_newline_is_spelt(
    story: list[str],
) -> None:
    import io

    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(story),
        model_writer=model,
        vocab_size=340,
        byte_fallback=True,
        control_symbols=["<turn>"],
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    tokenizer = SentencePieceTokenizer(model.getvalue())
    turn = tokenizer.id_of("<turn>")
    assert turn is not None
    assert tokenizer.decode([turn]) == ""
    assert tokenizer.pieces(tokenizer.encode("\n")) == ["<0x0A>"]


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_a_text_without_spaces_teaches_the_space_too(train: Train, model_type: str) -> None:
    texts = ["私は本を読む", "彼は犬を見る", "本と犬", "私は彼を見る"] * 20
    tokenizer = train("sentencepiece", texts, vocab_size=276, model_type=model_type)
    for text in ("a b", " ", "私 は"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert tokenizer.decode(tokenizer.encode_sampled(text, alpha=0.5, seed=1)) == text
    assert tokenizer.pieces(tokenizer.encode(" ")) == ["▁"]


def test_folded_spaces_make_a_word_the_same_wherever_it_stands(train: Train) -> None:
    tokenizer = train("sentencepiece", vocab_size=340, spaces="folded")
    assert tokenizer.encode("cat") == tokenizer.encode("  cat\r\n")
    assert tokenizer.encode("the cat") == tokenizer.encode("the") + tokenizer.encode("cat")
    ids = tokenizer.encode("\ufeffthe\u00a0 old\x00\tking\n\nof the sea ")
    assert tokenizer.decode(ids) == "the old king of the sea"
    assert tokenizer.decode([*tokenizer.encode("a"), *tokenizer.encode("\n"), 2, 3]) == "a"
    assert tokenizer.encode(" \n\x07") == []
    assert tokenizer.decode(tokenizer.encode_sampled("  the  sea", alpha=0.1, seed=1)) == "the sea"
    assert list(tokenizer.encode_lines(["the ", "", "sea"])) == [
        tokenizer.encode("the"),
        [],
        tokenizer.encode("sea"),
    ]


def test_folded_spaces_are_saved(train: Train, tmp_path: Path) -> None:
    train("sentencepiece", vocab_size=340, spaces="folded").save(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert loaded.facts()["spaces"] == "folded"
    assert loaded.decode(loaded.encode(" the  sea")) == "the sea"


def test_folded_pieces_are_learnt_from_folded_text(train: Train) -> None:
    texts = ["one two\n", "  one\ttwo", "", "\n"] * 9
    tokenizer = train("sentencepiece", texts, vocab_size=268, spaces="folded")
    assert {"▁one", "▁two"} & set(tokenizer.pieces(range(268)))
    with pytest.raises(TokenizerError, match="training text is empty"):
        train("sentencepiece", ["\n", " "], spaces="folded")
