"""The language model: text in, text out, alone and in lists, whole and streamed."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import RandomRnn, babbler, folder, speller
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import GenerationError, ModelFolderError, UnknownNameError, UsageError
from textrnn.generation import GenerationSettings
from textrnn.generation.rules import FAMILY
from textrnn.generation.rules.top_k import TopK
from textrnn.model_folder import open_model_folder
from textrnn.models import Generation, Interrupted, LanguageModel, Score, TokenScore
from textrnn.models.writing import search
from textrnn.tokenizers import EOS, TokenizerSettings
from textrnn.tokenizers.byte import ByteTokenizer
from textrnn.tokenizers.char import CharTokenizer
from textrnn.tokenizers.word import WordTokenizer

BYTES = ByteTokenizer()


def test_it_goes_on_from_a_prompt_and_says_how() -> None:
    lm = speller("Once upon a time.")
    out = lm.generate("Once", temperature=0)
    assert isinstance(out, Generation)
    assert out.text == " upon a time."
    assert out.finish_reason == "eos"
    assert out.token_ids == (*BYTES.encode(" upon a time."), EOS)
    assert len(out.logprobs) == len(out.token_ids)
    assert (out.prompt, out.index) == ("Once", 0)
    assert lm.generate().text  # type: ignore[union-attr]


def test_a_result_is_ready_for_json() -> None:
    out = babbler().generate("a", max_new_tokens=3, seed=4)
    assert isinstance(out, Generation)
    assert json.loads(json.dumps(out.as_dict())) == {
        "prompt": "a",
        "text": out.text,
        "token_ids": list(out.token_ids),
        "logprobs": list(out.logprobs),
        "finish_reason": "length",
        "seed": 4,
        "index": 0,
    }


def test_stop_texts_end_the_text_before_them() -> None:
    lm = speller("one\n\ntwo")
    out = lm.generate("", temperature=0, stop="\n\n")
    assert (out.text, out.finish_reason) == ("one", "stop")  # type: ignore[union-attr]
    out = lm.generate("", temperature=0, stop=["x", "e\n"])
    assert out.text == "on"  # type: ignore[union-attr]


def test_a_seed_makes_it_repeatable_and_a_fresh_one_is_told() -> None:
    lm = babbler()
    first = lm.generate("a", seed=5)
    assert first == lm.generate("a", seed=5) != lm.generate("a", seed=6)
    fresh = lm.generate("a")
    assert isinstance(fresh, Generation)
    assert lm.generate("a", seed=fresh.seed).text == fresh.text  # type: ignore[union-attr]


SAMPLED = [
    {"temperature": 0.9, "top_p": 0.9},
    {"temperature": 0},
    {"beam_size": 3},
    {"repetition_penalty": 1.3, "top_k": 30, "stop": ["a"], "ban": ["e"], "min_new_tokens": 3},
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=4), max_size=5), st.sampled_from(SAMPLED), st.integers(0, 9))
def test_a_list_gives_the_same_texts_as_one_by_one(
    prompts: list[str], options: Any, seed: int
) -> None:
    lm = babbler(eos=2.0)
    together = lm.generate(prompts, seed=seed, max_new_tokens=10, **options)
    alone = [lm.generate(prompt, seed=seed, max_new_tokens=10, **options) for prompt in prompts]
    assert [out.as_dict() for out in together] == [
        out.as_dict()  # type: ignore[union-attr]
        for out in alone
    ]


def test_samples_of_a_prompt_differ_and_do_not_depend_on_their_number() -> None:
    lm = babbler(eos=1.0)
    outs = lm.generate("ab", num_samples=5, seed=3, max_new_tokens=8)
    assert isinstance(outs, list)
    assert [out.index for out in outs] == list(range(5))
    assert len({out.text for out in outs}) == 5
    fewer = lm.generate(("ab", "c"), num_samples=2, seed=3, max_new_tokens=8)
    assert [out.text for out in fewer[:2]] == [out.text for out in outs[:2]]
    assert [(out.prompt, out.index) for out in fewer] == [("ab", 0), ("ab", 1), ("c", 0), ("c", 1)]


def test_many_texts_are_written_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = babbler()
    prompts = [str(number) for number in range(7)]
    whole = lm.generate(prompts, num_samples=2, seed=1, max_new_tokens=5)
    monkeypatch.setattr("textrnn.models.language_model._ROWS", 3)
    parts = lm.generate(prompts, num_samples=2, seed=1, max_new_tokens=5)
    assert [out.as_dict() for out in parts] == [out.as_dict() for out in whole]
    assert lm.generate([]) == []


def test_an_interruption_holds_the_texts_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    lm, options = babbler(eos=-99), {"beam_size": 2, "max_new_tokens": 5}
    whole = lm.generate(["a", "b", "c"], **options)  # type: ignore[call-overload]
    monkeypatch.setattr("textrnn.models.language_model._ROWS", 2)
    searches = [search]

    def interrupted(*words: Any) -> list[Generation]:
        if not searches:
            raise KeyboardInterrupt
        return searches.pop()(*words)

    monkeypatch.setattr("textrnn.models.language_model.search", interrupted)
    with pytest.raises(Interrupted) as end:
        lm.generate(["a", "b", "c"], **options)  # type: ignore[call-overload]
    texts = [[one.text for one in some] for some in (end.value.results, whole[:2])]
    assert texts[0] == texts[1]


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=4), st.sampled_from([0, 1, 3]), st.integers(0, 9))
def test_a_stream_is_the_text_of_generate(prompt: str, option: int, seed: int) -> None:
    lm = babbler(eos=2.0)
    options: Any = {**SAMPLED[option], "seed": seed, "max_new_tokens": 20}
    pieces = list(lm.stream(prompt, **options))
    assert "" not in pieces
    out = lm.generate(prompt, **options)
    assert "".join(pieces) == out.text  # type: ignore[union-attr]


def test_a_stream_gives_text_as_soon_as_it_is_certain() -> None:
    lm = speller("é\n!")
    assert list(lm.stream(temperature=0, stop="\n\n")) == ["é", "\n!"]


@pytest.mark.parametrize("options", [{"num_samples": 2}, {"beam_size": 2}])
def test_a_stream_is_one_text(options: Any) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(options))} does not apply to a stream"):
        babbler().stream("a", **options)


def test_beam_search_finds_likelier_texts_than_the_greedy_choice() -> None:
    lm = babbler(3)
    sums = []
    for options in ({"temperature": 0}, {"beam_size": 8, "length_penalty": 0.0}):
        out: Any = lm.generate("a", max_new_tokens=6, rules=[TopK(50)], **options)
        sums.append(sum(out.logprobs))
    assert sums[0] <= sums[1] + 1e-5
    one: Any = lm.generate("a", max_new_tokens=12, beam_size=1)
    greedy: Any = lm.generate("a", max_new_tokens=12, temperature=0)
    assert (one.text, one.token_ids) == (greedy.text, greedy.token_ids)
    assert one.logprobs == pytest.approx(greedy.logprobs, abs=1e-5)
    stopped: Any = speller("one. two").generate(beam_size=2, stop=". ")
    assert (stopped.text, stopped.finish_reason) == ("one", "stop")


def test_options_are_those_of_the_settings_and_stand_alone() -> None:
    lm = babbler()
    settings = GenerationSettings(seed=2, max_new_tokens=4)
    assert lm.generate("a", settings) == lm.generate("a", seed=2, max_new_tokens=4)
    with pytest.raises(UsageError, match="seed stands beside settings: give all options in one"):
        lm.generate("a", settings, seed=3)
    with pytest.raises(UsageError, match="settings is 5: give GenerationSettings, or options by"):
        lm.generate("a", 5)  # type: ignore[call-overload]
    with pytest.raises(UnknownNameError, match="no generation option 'temprature'"):
        lm.generate("a", temprature=1.0)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="3 is of type int: give text"):
        lm.generate(["a", 3])  # type: ignore[list-item]


def test_any_callable_is_a_rule() -> None:
    (wanted,) = BYTES.encode("z")

    def only(ids: Any, logits: Any) -> Any:
        return np.where(np.arange(logits.shape[1]) == wanted, logits, np.float32(-np.inf))

    out: Any = babbler().generate("a", rules=[only], max_new_tokens=5)
    assert out.text == "zzzzz"


def test_a_banned_text_never_appears() -> None:
    lm = speller("say the other thing")
    out: Any = lm.generate("", temperature=0, ban=["the", "th"], max_new_tokens=40)
    assert "th" not in out.text
    options: Any = {"num_samples": 9, "seed": 1, "max_new_tokens": 200}
    free, bound = babbler(eos=-99).generate("e", **options), babbler(eos=-99)
    assert any("e" in out.text for out in free)  # type: ignore[union-attr]
    drawn = bound.generate("e", ban="e", **options)
    assert all("e" not in out.text for out in drawn)  # type: ignore[union-attr]


def test_rules_that_leave_nothing_are_an_error_of_one_line() -> None:
    with pytest.raises(GenerationError, match=r"^Ban\(.* leaves no token to choose after 0 new"):
        babbler().generate("a", ban=[(token,) for token in range(BYTES.vocab_size)])


def test_recommended_settings_are_seen_in_the_result() -> None:
    lm = babbler(eos=-99, temperature=0.5, top_p=0.9, max_new_tokens=7)
    out: Any = lm.generate("a", seed=1)
    assert len(out.token_ids) == 7
    assert out.settings.as_dict() == {
        "max_new_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "num_samples": 1,
        "seed": 1,
    }
    plain: Any = babbler(eos=-99).generate(
        "a", seed=1, temperature=0.5, top_p=0.9, max_new_tokens=7
    )
    assert out.text == plain.text


@pytest.mark.parametrize(
    ("generation", "message"),
    [
        ({"topp": 0.9}, "no recommended generation setting 'topp'.*mean 'top_p'"),
        ({"top_p": 9}, "top_p is 9: give a number above 0"),
    ],
)
def test_a_folder_that_recommends_nonsense_is_refused(generation: Any, message: str) -> None:
    with pytest.raises(ModelFolderError, match=f"runs/fake/config.json: generation: {message}"):
        babbler(**generation)


@pytest.mark.parametrize("name", FAMILY.names())
def test_every_rule_has_an_option_by_its_name(name: str) -> None:
    values: Any = {"ban": "x", "logit_bias": {9: 1.0}, "top_k": 9, "no_repeat_ngram_size": 2}
    value = values.get(name, 1 if name == "min_new_tokens" else 0.5)
    out: Any = babbler().generate("a", max_new_tokens=4, **{name: value})
    assert out.finish_reason in ("length", "eos")
    assert out.settings.as_dict()[name]


def test_a_score_is_minus_the_log_probability() -> None:
    lm = babbler(2)
    score = lm.score("né")
    ids = [2, *BYTES.encode("né")]
    log_probs, _ = lm.engine.score(np.array([ids]), np.array([len(ids)]))
    assert score.bits == pytest.approx(-log_probs.sum() / math.log(2), rel=1e-5)
    assert score.bits_per_byte == pytest.approx(score.bits / 3)
    assert score.perplexity == pytest.approx(2 ** (score.bits / 3))
    assert [token.id for token in score.tokens] == ids[1:]
    assert [token.piece for token in score.tokens] == BYTES.pieces(ids[1:])
    assert sum(token.bits for token in score.tokens) == pytest.approx(score.bits)


def test_scores_agree_with_the_log_probabilities_of_what_was_written() -> None:
    lm = babbler(2)
    out: Any = lm.generate("", max_new_tokens=9, seed=1, ban=["\x80"])
    score = lm.engine.score(np.array([[2, *out.token_ids]]), np.array([10]))[0]
    np.testing.assert_allclose(score[0, 1:], out.logprobs, atol=1e-5)


def test_long_texts_are_scored_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lm, texts = babbler(), ["abc", "a", "", "abcdefgh"]
    whole = lm.score(texts)
    monkeypatch.setattr("textrnn.models.scoring.SCORED_AT_ONCE", 6)
    assert lm.score(texts) == whole


@given(st.lists(st.text(max_size=6), max_size=6))
def test_a_list_of_texts_is_scored_as_one_by_one(texts: list[str]) -> None:
    lm = babbler()
    for score, text in zip(lm.score(texts), texts, strict=True):
        alone = lm.score(text)
        assert score.text == alone.text
        assert score.bits == pytest.approx(alone.bits, rel=1e-6)


def test_an_empty_text_has_no_bits_and_no_mean() -> None:
    score = babbler().score("")
    assert score == Score("", ())
    assert score.bits == 0
    assert math.isnan(score.bits_per_byte)
    assert math.isnan(score.perplexity)


def test_a_score_is_made_of_its_tokens() -> None:
    score = Score("ab", (TokenScore("a", 5, 1.0), TokenScore("b", 6, 3.0)))
    assert (score.bits, score.bits_per_byte, score.perplexity) == (4.0, 2.0, 4.0)


def characters(text: str) -> LanguageModel:
    tokenizer = CharTokenizer.train([text], TokenizerSettings(kind="char", min_frequency=1))
    return LanguageModel(folder(), RandomRnn(tokenizer.vocab_size), tokenizer)


def test_what_the_vocabulary_lacks_is_named() -> None:
    lm = characters("abc \n")
    assert lm.unknown_pieces("abc cab") == []
    assert lm.unknown_pieces("aéb ☃ é, ca☃") == ["é", "☃", ","]
    assert lm.generate("aé", max_new_tokens=2)
    assert characters("ab\n").unknown_pieces("a b") == [" "]
    words = WordTokenizer.train(["the cat sat\n"], TokenizerSettings(kind="word", min_frequency=1))
    lm = LanguageModel(folder(), RandomRnn(words.vocab_size), words)
    assert lm.unknown_pieces("the dog sat dog (owl)\n cat") == ["dog", "(", "owl", ")"]
    assert babbler().unknown_pieces("☃") == []


def test_it_opens_from_a_folder(toy_model: Path) -> None:
    lm = LanguageModel.open(open_model_folder(toy_model), engine="torch", threads=1)
    assert lm.engine.name == "torch"
    out: Any = lm.generate("the ", temperature=0, max_new_tokens=12, stop=".")
    assert out.text.split()[0] in ("cat", "dog", "king")
    assert lm.score("the cat sat.\n").perplexity < lm.score("tac eht tas.\n").perplexity


def test_another_kind_of_model_is_refused() -> None:
    other = folder()
    other.task = "translation"
    with pytest.raises(ModelFolderError, match="is a model for translation, not a language model"):
        LanguageModel.open(other)


def test_public_methods_say_what_they_do() -> None:
    for _, method in inspect.getmembers(LanguageModel, inspect.isfunction):
        assert method.__name__.startswith("_") or method.__doc__
