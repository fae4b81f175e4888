"""Options, what they are filled in with, and what is refused by name."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest

from textrnn.errors import UnknownNameError, UsageError
from textrnn.generation import GenerationOptions, GenerationSettings, TextOptions
from textrnn.generation.rules import ORDER
from textrnn.generation.rules.ban import Ban
from textrnn.generation.rules.logit_bias import LogitBias
from textrnn.generation.rules.temperature import Temperature
from textrnn.generation.rules.top_k import TopK
from textrnn.tokenizers.byte import ByteTokenizer

NAMES = [field.name for field in fields(GenerationSettings)]


def test_the_keyword_arguments_are_the_fields() -> None:
    assert set(get_type_hints(GenerationOptions)) == set(NAMES)
    assert set(NAMES) - set(get_type_hints(TextOptions)) == {"num_samples"}
    assert set(ORDER) < set(NAMES)


def test_an_unknown_option_names_the_closest() -> None:
    with pytest.raises(UnknownNameError, match=r"no generation option 'top_kk'.*mean 'top_k'"):
        GenerationSettings.of({"top_kk": 3})  # type: ignore[typeddict-unknown-key]


def test_options_may_be_written_freely() -> None:
    freely = GenerationSettings.of(
        {"stop": "END", "ban": ["a", [4, 5]], "logit_bias": {7: 1.5}, "rules": [TopK(3)]}
    )
    assert freely == GenerationSettings(
        stop=("END",), ban=("a", (4, 5)), logit_bias=((7, 1.5),), rules=(TopK(3),)
    )
    assert GenerationSettings.of({"ban": "ab", "logit_bias": [(7, 1.5)]}) == GenerationSettings(
        ban=("ab",), logit_bias=((7, 1.5),)
    )
    nothing: Any = dict.fromkeys(NAMES)
    assert GenerationSettings.of(nothing) == GenerationSettings()


def test_ids_to_ban_may_be_those_of_numpy() -> None:
    given = GenerationSettings.of({"ban": [np.array([5, 6]), range(5, 7), [5, 6]]})
    assert given.ban == ((5, 6),) * 3


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_new_tokens": 0}, "max_new_tokens is 0: give a whole number of at least 1"),
    ({"max_new_tokens": 2.5}, "max_new_tokens is 2.5: give a whole number"),
    ({"num_samples": 0}, "num_samples is 0: give a whole number of at least 1"),
    ({"beam_size": -1}, "beam_size is -1: give a whole number of at least 1"),
    ({"seed": -1}, "seed is -1: give a whole number of at least 0"),
    ({"temperature": -0.5}, r"temperature is -0.5: give a number of 0 \(greedy\) or above"),
    (
        {"num_samples": 10**11},
        "num_samples is 100000000000: give a whole number of at most 100,000",
    ),
    ({"beam_size": 10**6}, "beam_size is 1000000: give a whole number of at most 4,096"),
    ({"top_k": -1}, "top_k is -1: give a whole number of at least 1"),
    ({"top_p": 1.5}, "top_p is 1.5: give a number above 0 and at most 1"),
    ({"min_new_tokens": -3}, "min_new_tokens is -3: give a whole number of at least 0"),
    ({"stop": ["a", ""]}, "stop has an empty text: leave it out"),
    ({"ban": [""]}, "ban has an empty text: leave it out"),
    ({"ban": [[]]}, "ban has an empty text: leave it out"),
    ({"stop": b"x"}, r"stop is b'x': give texts \(str\)"),
    ({"stop": [b"x"]}, r"stop has b'x': give texts \(str\)"),
    ({"stop": 5}, r"stop is 5: give texts \(str\)"),
    ({"ban": 5}, r"ban is 5: give texts \(str\), or lists of ids"),
    ({"ban": [5]}, r"ban has 5: give texts \(str\), or lists of ids"),
    ({"ban": [b"x"]}, "ban has b'x': give texts"),
    ({"ban": [["a"]]}, r"ban has \('a',\): give texts"),
    ({"rules": 5}, "rules is 5: give a list of rules, such as"),
    ({"rules": TopK(3)}, r"rules is TopK\(k=3\): give a list of rules"),
    ({"rules": "top_k=3"}, "rules has 'top_k=3': give a list of rules"),
    ({"logit_bias": 5}, "logit_bias is 5: give a mapping of ids to numbers, or pairs of them"),
    ({"logit_bias": [5]}, "logit_bias has 5: give a mapping"),
    ({"logit_bias": [(1, 2, 3)]}, r"logit_bias has \(1, 2, 3\): give a mapping"),
    ({"max_new_tokens": 10**400}, r"max_new_tokens is 1000+: give a whole number of at most 1,000"),
    (
        {"min_new_tokens": 5, "max_new_tokens": 4},
        "min_new_tokens 5 is more than max_new_tokens 4: raise the latter",
    ),
    (
        {"temperature": 0, "top_k": 5},
        r"top_k does not apply to greedy choice \(temperature 0\): leave one out",
    ),
    ({"temperature": 0, "num_samples": 2}, "num_samples does not apply to greedy choice"),
    ({"beam_size": 2, "top_p": 0.5}, r"top_p does not apply to beam search \(beam_size\)"),
    ({"beam_size": 2, "temperature": 0.5}, "temperature does not apply to beam search"),
    ({"beam_size": 2, "num_samples": 2}, "num_samples does not apply to beam search"),
    ({"length_penalty": 1}, "length_penalty applies to beam search only: give beam_size too"),
    ({"beam_size": 2, "length_penalty": float("nan")}, "length_penalty is nan: give a number"),
    (
        {"beam_size": 2, "length_penalty": -1e9},
        "length_penalty is -1000000000.0: give a number from -10 to 10",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_is_wrong_or_idle_is_refused_by_name(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        GenerationSettings.of(options)


def test_neutral_values_stand_beside_anything_and_make_no_rule() -> None:
    neutral: Any = {
        "min_new_tokens": 0,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0,
        "typical_p": 1,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0,
        "no_repeat_ngram_size": 0,
        "num_samples": 1,
    }
    for mode in ({"temperature": 0}, {"temperature": 1}, {"beam_size": 3, "temperature": 0}):
        settings = GenerationSettings.of({**neutral, **mode})  # type: ignore[typeddict-item]
        assert settings.build_rules(ByteTokenizer()) == ()


def test_rules_are_built_in_the_stated_order_and_given_ones_come_last() -> None:
    options: Any = {
        "top_k": 40,
        "temperature": 0.8,
        "logit_bias": {9: 1.0},
        "typical_p": 0.9,
        "min_p": 0.1,
        "top_p": 0.9,
        "min_new_tokens": 2,
        "ban": ["the", (5, 6)],
        "no_repeat_ngram_size": 3,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.1,
        "repetition_penalty": 1.2,
        "rules": [TopK(5), Temperature(2.0)],
    }
    rules = GenerationSettings.of(options).build_rules(ByteTokenizer())
    kinds = [type(rule).__name__ for rule in rules]
    assert kinds == [
        "LogitBias",
        "RepetitionPenalty",
        "PresencePenalty",
        "FrequencyPenalty",
        "NoRepeatNgramSize",
        "Ban",
        "Ban",
        "MinNewTokens",
        "Temperature",
        "TopK",
        "TopP",
        "MinP",
        "TypicalP",
        "TopK",
        "Temperature",
    ]
    assert rules[0] == LogitBias(((9, 1.0),))
    assert rules[5] == Ban(((5, 6),))
    assert rules[6] == Ban.of_texts(["the"], ByteTokenizer())


RECOMMENDED = {"temperature": 0.8, "top_p": 0.95, "max_new_tokens": 99, "repetition_penalty": 1.1}


def resolved(**options: Any) -> dict[str, Any]:
    found = GenerationSettings(**options).resolve(RECOMMENDED).as_dict()
    assert found.pop("seed") >= 0
    return found


def test_recommended_settings_apply_where_nothing_was_given() -> None:
    assert resolved() == {**RECOMMENDED, "num_samples": 1}
    assert resolved(top_p=1.0, top_k=5) == {
        **RECOMMENDED,
        "top_p": 1.0,
        "top_k": 5,
        "num_samples": 1,
    }


def test_recommended_sampling_yields_to_greedy_choice_beam_search_and_rules() -> None:
    kept = {"max_new_tokens": 99, "repetition_penalty": 1.1, "num_samples": 1}
    assert resolved(temperature=0) == {**kept, "temperature": 0}
    assert resolved(beam_size=3) == {**kept, "beam_size": 3, "length_penalty": 1.0}
    assert resolved(rules=(TopK(3),)) == {
        "max_new_tokens": 99,
        "num_samples": 1,
        "temperature": 1.0,
        "rules": ("TopK(k=3)",),
    }


def test_the_defaults_are_the_models_own_distribution_and_a_fresh_seed() -> None:
    found = GenerationSettings().resolve({})
    assert (found.temperature, found.max_new_tokens, found.num_samples) == (1.0, 256, 1)
    assert found.seed != GenerationSettings().resolve({}).seed
    assert GenerationSettings(seed=0).resolve({}).seed == 0


def test_settings_as_a_dictionary_are_ready_for_json() -> None:
    settings = GenerationSettings.of({"ban": ["a"], "rules": [TopK(3)], "temperature": 0})
    assert json.loads(json.dumps(settings.as_dict())) == {
        "ban": ["a"],
        "rules": ["TopK(k=3)"],
        "temperature": 0,
    }


def test_an_unknown_recommendation_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no recommended generation setting 'topp'"):
        GenerationSettings().resolve({"topp": 0.9})
    with pytest.raises(UnknownNameError, match="no recommended generation setting 'seed'"):
        GenerationSettings().resolve({"seed": 1})


def test_numbers_of_numpy_are_numbers() -> None:
    given = GenerationSettings(max_new_tokens=np.int64(5), top_p=np.float64(0.5))  # type: ignore[arg-type]
    assert given.as_dict()["max_new_tokens"] == 5
