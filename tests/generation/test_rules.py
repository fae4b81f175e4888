"""What every rule promises, and what each one does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from textrnn.errors import GenerationError, UnknownNameError, UsageError
from textrnn.generation.rules import (
    FAMILY,
    ORDER,
    Rule,
    Shaping,
    Shortlist,
    apply_rules,
    narrow,
    read_rule,
)
from textrnn.generation.rules.ban import Ban
from textrnn.generation.rules.frequency_penalty import FrequencyPenalty
from textrnn.generation.rules.logit_bias import LogitBias
from textrnn.generation.rules.min_p import MinP
from textrnn.generation.rules.no_repeat_ngram_size import NoRepeatNgramSize
from textrnn.generation.rules.presence_penalty import PresencePenalty
from textrnn.generation.rules.repetition_penalty import RepetitionPenalty
from textrnn.generation.rules.temperature import Temperature
from textrnn.generation.rules.top_k import TopK
from textrnn.generation.rules.top_p import TopP
from textrnn.generation.rules.typical_p import TypicalP
from textrnn.tokenizers import BOS, PAD
from textrnn.tokenizers.byte import ByteTokenizer

BYTES = ByteTokenizer()
V = BYTES.vocab_size
EXAMPLES = {  # a new rule needs a line here: what the command line may give it
    "ban": "the",
    "frequency_penalty": "0.5",
    "logit_bias": "9=2.5",
    "min_new_tokens": "3",
    "min_p": "0.05",
    "no_repeat_ngram_size": "2",
    "presence_penalty": "0.5",
    "repetition_penalty": "1.3",
    "temperature": "0.7",
    "top_k": "40",
    "top_p": "0.9",
    "typical_p": "0.9",
}
every_rule = pytest.mark.parametrize("name", FAMILY.names())


def draw_logits(seed: int, spread: float) -> Any:
    drawn = np.random.default_rng(seed).normal(0, spread, (3, V)).astype(np.float32)
    return drawn.round(1)  # so that there are ties


some_logits = st.builds(draw_logits, st.integers(0, 2**32), st.floats(0, 20))
some_ids = arrays(np.int64, st.tuples(st.just(3), st.integers(1, 12)), elements=st.integers(4, 12))


def example(name: str) -> Rule:
    return read_rule(f"{name}={EXAMPLES[name]}", BYTES)


def logits(*values: float) -> Any:
    return np.array([values], np.float32)


def ids(*values: int) -> Any:
    return np.array([values], np.int64)


def banned(rule: Rule, so_far: Any, vocab: int = V) -> list[int]:
    """The ids that a rule bans in a row of equal logits."""
    return np.flatnonzero(np.isinf(rule(so_far, np.zeros((1, vocab), np.float32))[0])).tolist()


def test_every_rule_has_a_place_in_the_order_and_an_example() -> None:
    assert set(FAMILY.names()) == set(ORDER) == set(EXAMPLES)


@every_rule
@given(logits=some_logits, ids=some_ids)
def test_a_rule_leaves_its_input_alone(name: str, logits: Any, ids: Any) -> None:
    before = logits.copy(), ids.copy()
    ids.flags.writeable = logits.flags.writeable = False
    new = example(name)(ids, logits)
    assert new is not logits
    assert not np.shares_memory(new, logits)
    np.testing.assert_array_equal(logits, before[0])
    np.testing.assert_array_equal(ids, before[1])


@every_rule
@given(logits=some_logits, ids=some_ids)
def test_a_rule_gives_float32_numbers_of_the_same_shape(name: str, logits: Any, ids: Any) -> None:
    new = example(name)(ids, logits)
    assert new.dtype == np.float32
    assert new.shape == logits.shape
    assert not np.isnan(new).any()
    assert (new.max(axis=1) > -np.inf).all()


@every_rule
@given(logits=some_logits, ids=some_ids)
def test_a_row_alone_is_that_row_in_a_batch(name: str, logits: Any, ids: Any) -> None:
    rule = example(name)
    whole = rule(ids, logits)
    for row in range(3):
        alone = rule(ids[row : row + 1], logits[row : row + 1])
        np.testing.assert_array_equal(whole[row], alone[0])


@every_rule
@given(logits=some_logits, ids=some_ids, padding=st.integers(1, 9))
def test_padding_on_the_left_changes_nothing(
    name: str, logits: Any, ids: Any, padding: int
) -> None:
    rule = example(name)
    padded = np.pad(ids, ((0, 0), (padding, 0)), constant_values=PAD)
    np.testing.assert_array_equal(rule(padded, logits), rule(ids, logits))


@pytest.mark.parametrize("name", [name for name in FAMILY.names() if name != "logit_bias"])
@pytest.mark.parametrize("level", [-7.0, 0.0, 3.5])
def test_what_is_left_of_a_uniform_distribution_is_uniform(name: str, level: float) -> None:
    uniform = np.full((2, V), level, np.float32)
    begun = np.array([[PAD, BOS], [PAD, PAD]])
    new = example(name)(begun, uniform)
    for row in new:
        kept = np.delete(row, BOS)
        assert len(set(kept[np.isfinite(kept)].tolist())) == 1


@pytest.mark.parametrize(
    "name", ["temperature", "top_k", "top_p", "min_p", "typical_p", "no_repeat_ngram_size"]
)
def test_a_uniform_distribution_stays_whole(name: str) -> None:
    assert np.isfinite(example(name)(ids(BOS), np.zeros((1, V), np.float32))).all()


@every_rule
def test_a_rule_is_frozen_and_equal_to_its_like(name: str) -> None:
    assert example(name) == example(name)
    assert hash(example(name)) == hash(example(name))
    with pytest.raises(AttributeError, match="cannot assign"):
        example(name).anything = 1  # type: ignore[attr-defined]


@every_rule
def test_already_banned_tokens_stay_banned(name: str) -> None:
    allowed = np.zeros((1, V), np.float32)
    allowed[:, 100:] = -np.inf
    assert np.isinf(example(name)(ids(5, 6, 150, 150), allowed)[0, 100:]).all()


BAD_VALUES = [
    ("temperature=0", "temperature is 0: give a number above 0"),
    ("temperature=-1", "temperature is -1: give a number above 0"),
    ("temperature=nan", "temperature is nan: give a number above 0"),
    ("temperature=warm", "rule temperature=warm: 'warm' is not a number"),
    ("top_k=0", "top_k is 0: give a whole number of at least 1"),
    ("top_k=2.5", "top_k is 2.5: give a whole number of at least 1"),
    ("top_p=0", "top_p is 0: give a number above 0 and at most 1"),
    ("top_p=1.1", "top_p is 1.1: give a number above 0 and at most 1"),
    ("min_p=2", "min_p is 2: give a number above 0 and at most 1"),
    ("typical_p=1", "typical_p is 1: give a number above 0 and below 1"),
    ("repetition_penalty=0", "repetition_penalty is 0: give a number from 1e-6 to 1e6"),
    ("frequency_penalty=-1e7", "frequency_penalty is -10000000.0: give a number from -1e6 to 1e6"),
    ("presence_penalty=inf", "presence_penalty is inf: give a number from -1e6 to 1e6"),
    ("frequency_penalty=nan", "frequency_penalty is nan: give a number from -1e6 to 1e6"),
    ("no_repeat_ngram_size=0", "no_repeat_ngram_size is 0: give a whole number of at least 1"),
    ("min_new_tokens=-1", "min_new_tokens is -1: give a whole number of at least 0"),
    ("ban=", "ban has an empty text: give what must not appear"),
    ("logit_bias=-1=2", "logit_bias -1=2.0: an id is a whole number of at least 0"),
    ("logit_bias=5=inf", "logit_bias 5=inf: give a number from -1e6 to 1e6, or -inf"),
    ("logit_bias=5=nan", "logit_bias 5=nan: give a number from -1e6 to 1e6, or -inf"),
    ("logit_bias=5=1e39", r"logit_bias 5=1e\+39: give a number from -1e6 to 1e6, or -inf"),
    ("logit_bias=5=-1e39", r"logit_bias 5=-1e\+39: give a number from -1e6 to 1e6, or -inf"),
    ("logit_bias=5", "logit_bias '5': write ID=X, for example 17=-2.5"),
    ("logit_bias=a=1", "logit_bias 'a=1': write ID=X"),
    ("top_k", "rule 'top_k' has no value: write NAME=VALUE, for example top_k=40"),
]


@pytest.mark.parametrize(("text", "message"), BAD_VALUES)
def test_a_wrong_value_is_refused_at_construction(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        read_rule(text, BYTES)


def test_an_unknown_rule_names_the_closest() -> None:
    with pytest.raises(UnknownNameError, match=r"no rule 'topp' .*did you mean 'top_p'\?"):
        read_rule("topp=0.9", BYTES)


@pytest.mark.parametrize("value", ["0.8", True, None])
def test_a_number_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="top_p is"):
        TopP(value)
    with pytest.raises(UsageError, match="top_k is"):
        TopK(value)


@pytest.mark.parametrize(
    ("biases", "message"),
    [
        ((("a", 1.0),), "logit_bias a=1.0: an id is a whole number of at least 0"),
        (((4.5, 1.0),), "logit_bias 4.5=1.0: an id is a whole number"),
        (((4, "x"),), "logit_bias 4=x: give a number from -1e6 to 1e6, or -inf"),
        (((4, None),), "logit_bias 4=None: give a number"),
    ],
)
def test_a_bias_that_is_no_number_is_refused(biases: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}"):
        LogitBias(biases)


@pytest.fixture
def added_rule() -> Iterator[str]:
    class Only:
        def __init__(self, token: float) -> None:
            self._token = int(token)

        def __call__(self, ids: Any, logits: Any) -> Any:
            keep = np.arange(logits.shape[1]) == self._token
            return np.where(keep, logits, np.float32(-np.inf))

    FAMILY.add("only", Only)
    yield "only"
    FAMILY._added.pop("only")


def test_a_rule_from_outside_is_read_like_the_others(added_rule: str) -> None:
    rule = read_rule(f"{added_rule}=7", BYTES)
    assert np.flatnonzero(np.isfinite(rule(ids(4), np.zeros((1, 9), np.float32))[0])) == [7]


def test_a_rule_that_returns_something_else_is_named() -> None:
    def half(ids: Any, logits: Any) -> Any:
        return logits[:, ::2]

    with pytest.raises(
        GenerationError, match=r"half.* returned \(1, 2\) of float32: .* here \(1, 4\) of float32"
    ):
        apply_rules((half,), ids(4), logits(1, 2, 3, 4), 0)
    for kind in ("complex64", "object"):
        other: Any = lambda ids, logits, kind=kind: logits.astype(kind)  # noqa: E731
        with pytest.raises(GenerationError, match=rf"returned \(1, 2\) of {kind}: a rule"):
            apply_rules((other,), ids(4), logits(1, 2), 0)
    with pytest.raises(GenerationError, match="returned NoneType"):
        apply_rules((lambda ids, logits: None,), ids(4), logits(1, 2), 0)  # type: ignore


def test_a_rule_that_leaves_no_token_is_named() -> None:
    def nothing(ids: Any, logits: Any) -> Any:
        return np.full_like(logits, -np.inf)

    with pytest.raises(GenerationError, match=r"nothing.* leaves no token to choose after 3 new"):
        apply_rules((nothing,), ids(4), logits(1, 2), 3)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_rule_that_gives_what_is_no_finite_number_is_named(value: float) -> None:
    class Broken(Shaping):
        def __repr__(self) -> str:
            return "Broken()"

        def shape(self, left: Shortlist) -> Shortlist:
            return left.changed(np.where(left.tokens == 1, np.float32(value), left.logits))

    message = rf"Broken\(\) makes a logit {value} after 3 new tokens: a rule gives finite numbers"
    two = np.repeat(logits(1, 2, 3), 2, axis=0)
    for broken in (lambda ids, logits: Broken()(ids, logits), Broken()):
        named = message if isinstance(broken, Broken) else message.partition(" ")[2]
        with pytest.raises(GenerationError, match=named):
            apply_rules((broken,), ids(4), two, 3)
        with pytest.raises(GenerationError, match=named):
            narrow((broken,), ids(4), Shortlist(two[0]), 3, 3)


def test_top_k_keeps_ties_and_copes_with_small_vocabularies() -> None:
    np.testing.assert_array_equal(TopK(2)(ids(4), logits(1, 3, 2, 2)), logits(-np.inf, 3, 2, 2))
    np.testing.assert_array_equal(TopK(9)(ids(4), logits(1, 3)), logits(1, 3))


def test_top_p_keeps_at_least_one_and_all_at_one() -> None:
    skewed = logits(0, 0, 50)
    np.testing.assert_array_equal(TopP(1e-9)(ids(4), skewed), logits(-np.inf, -np.inf, 50))
    np.testing.assert_array_equal(TopP(1)(ids(4), skewed), skewed)
    np.testing.assert_array_equal(TopP(0.5)(ids(4), logits(3)), logits(3))


@pytest.mark.parametrize("kind", [TopP, TypicalP])
@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 30.0])
@pytest.mark.parametrize("p", [1e-7, 0.5, 1 - 1e-4, 1 - 1e-7, 1 - 1e-15])
def test_what_is_kept_holds_at_least_p(kind: Any, spread: float, p: float) -> None:
    drawn = np.random.default_rng(1).normal(0, spread, (4, 3000)).astype(np.float32)
    kept = np.isfinite(kind(p)(np.full((4, 1), BOS), drawn))
    weights = np.exp(drawn.astype(np.float64) - drawn.max(axis=1, keepdims=True))
    shares = (weights * kept).sum(axis=1) / weights.sum(axis=1)
    assert (shares > p - 1e-6).all()
    least = np.where(kept, weights, np.inf).min(axis=1) / weights.sum(axis=1)
    if spread == 1 and kind is TopP:
        assert (shares - least < p + 1e-6).all()  # without its last token it would hold less


def test_min_p_of_one_keeps_the_likeliest() -> None:
    assert banned_of(MinP(1), logits(1, 3, 3, 2)) == [0, 3]


def banned_of(rule: Rule, logits: Any) -> list[int]:
    return np.flatnonzero(np.isinf(rule(ids(4), logits)[0])).tolist()


def test_typical_p_may_drop_the_likeliest() -> None:
    many = np.log(np.array([[0.4] + [0.02] * 30], np.float32))
    assert banned_of(TypicalP(0.3), many) == [0]


@pytest.mark.parametrize("value", [1e-30, 1e-46, 5e-324])
def test_the_smallest_temperatures_leave_the_likeliest(value: float) -> None:
    logits = np.array([[3.0, -20.0, 4.0, 3.99]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        weights = Shortlist(Temperature(value)(np.array([[2]]), logits)[0]).weights
    assert weights.tolist() == [0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("value", [1e30, 1e39, 1e300])
def test_the_greatest_temperatures_leave_what_is_left_alike(value: float) -> None:
    logits = np.array([[3.0, -np.inf, 4.0, -3.0]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        weights = Shortlist(Temperature(value)(np.array([[2]]), logits)[0]).weights
    assert weights.tolist() == [1.0, 0.0, 1.0, 1.0]


def test_penalties_count_as_they_say() -> None:
    even, seen = logits(0, 0, 0, 0, 2, 2, 2), ids(4, 4, 5)
    assert PresencePenalty(0.5)(seen, even)[0, 4:].tolist() == [1.5, 1.5, 2.0]
    assert FrequencyPenalty(0.5)(seen, even)[0, 4:].tolist() == [1.0, 1.5, 2.0]
    assert RepetitionPenalty(2)(seen, even)[0, 4:].tolist() == [1.0, 1.0, 2.0]
    assert Temperature(2)(seen, even)[0, 4:].tolist() == [1.0, 1.0, 1.0]


def test_no_ngram_comes_twice() -> None:
    assert banned(NoRepeatNgramSize(1), ids(4, 5), 8) == [4, 5]
    assert banned(NoRepeatNgramSize(3), ids(4, 5, 6, 4, 5), 8) == [6]
    assert banned(NoRepeatNgramSize(3), ids(4, 5), 8) == []
    assert banned(NoRepeatNgramSize(2), ids(PAD, PAD, 4, 4), 8) == [4]


def test_a_banned_sequence_may_be_longer_than_the_text() -> None:
    rule = Ban(((4, 5, 6), (7,), (5, 5)))
    assert banned(rule, ids(5), 9) == [5, 7]
    assert banned(rule, ids(4, 5), 9) == [5, 6, 7]


def test_ids_outside_the_vocabulary_are_refused() -> None:
    with pytest.raises(UsageError, match="ban of id 9: ids run from 0 to 4"):
        Ban(((9,),))(ids(4), np.zeros((1, 5), np.float32))
    with pytest.raises(UsageError, match=r"logit_bias 9=1.0: the vocabulary has 5 tokens"):
        LogitBias(((9, 1.0),))(ids(4), np.zeros((1, 5), np.float32))


class Pieces:
    """A tokenizer in which "the" may be cut in several ways."""

    words = ("", "", "", "", "t", "h", "e", "th", "he", "the", "other", " the", "hat", "x")
    vocab_size = len(words)

    def to_bytes(self, ids: tuple[int, ...]) -> bytes:
        return "".join(self.words[id] for id in ids).encode()


def test_a_banned_text_is_banned_however_it_is_cut() -> None:
    rule = Ban.of_texts(["the"], Pieces())  # type: ignore[arg-type]
    word = Pieces.words.index

    def never(*so_far: str) -> set[str]:
        tail = ids(BOS, *map(word, so_far))
        return {Pieces.words[id] for id in banned(rule, tail, Pieces.vocab_size)}

    always = {"the", "other", " the"}
    assert never() == never("x") == always
    assert never("t") == always | {"he"}
    assert never("th") == never("t", "h") == never("x", "th") == always | {"e"}
    assert never("t", "x") == always


@given(text=st.text(min_size=1, max_size=3), others=st.lists(st.text(max_size=3), max_size=4))
def test_bytes_that_complete_a_banned_text_are_banned(text: str, others: list[str]) -> None:
    rule = Ban.of_texts([text], BYTES)
    *begun, last = BYTES.encode(text)
    before = [token for other in others for token in BYTES.encode(other)]
    assert last in banned(rule, ids(BOS, *before, *begun))


def test_rules_need_nothing_heavy() -> None:
    code = "import sys, textrnn.models; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    heavy = {"torch", "pydantic", "datasets", "onnxruntime", "safetensors", "sentencepiece"}
    assert not loaded & heavy
