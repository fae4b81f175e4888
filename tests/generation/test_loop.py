"""The loop: what it yields, when it ends, and that a row does not depend on the others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fakes import FakeEngine, RandomRnn, SpellingEngine
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import GenerationError
from textrnn.generation import (
    HISTORY,
    Plan,
    RandomStream,
    Row,
    Token,
    Writer,
    generate_tokens,
    pad_right,
)
from textrnn.generation.rules import FAMILY, Rule, read_rule
from textrnn.generation.rules.ban import Ban
from textrnn.tokenizers import BOS, EOS, PAD, UNK
from textrnn.tokenizers.byte import ByteTokenizer

BYTES = ByteTokenizer()
V = BYTES.vocab_size


def run(
    engine: FakeEngine,
    prompts: Sequence[Sequence[int]],
    plan: Plan,
    *,
    seed: int = 1,
    stops: Sequence[str] = (),
) -> list[list[Token]]:
    """The tokens of each row, every row with the stream (seed, 0)."""
    rows = [Row(ids, RandomStream(seed, 0), Writer(BYTES, stops, recent=ids)) for ids in prompts]
    logits, state = engine.start(*pad_right(prompts))
    found: list[list[Token]] = [[] for _ in prompts]
    for step in generate_tokens(engine, rows, logits, state, plan):
        for token in step.tokens:
            found[token.row].append(token)
    return found


def plan(*rules: str | Rule, greedy: bool = False, most: int = 30) -> Plan:
    read = tuple(read_rule(rule, BYTES) if isinstance(rule, str) else rule for rule in rules)
    return Plan(read, greedy, most)


def speller(text: str) -> SpellingEngine:
    return SpellingEngine(BYTES.encode(text), V)


def said(tokens: Sequence[Token]) -> str:
    return "".join(token.text for token in tokens)


@pytest.mark.parametrize("greedy", [True, False])
def test_it_says_the_likeliest_and_ends_at_eos(greedy: bool) -> None:
    (tokens,) = run(speller("spell"), [[BOS]], plan("top_k=1", greedy=greedy))
    assert said(tokens) == "spell"
    assert [token.finish_reason for token in tokens] == [None] * 5 + ["eos"]
    assert tokens[-1].id == EOS


def test_it_ends_at_the_greatest_length() -> None:
    (tokens,) = run(speller("spell"), [[BOS]], plan(greedy=True, most=3))
    assert said(tokens) == "spe"
    assert tokens[-1].finish_reason == "length"


def test_it_ends_before_a_stop_text_that_spans_tokens() -> None:
    (tokens,) = run(speller("one\n\ntwo"), [[BOS]], plan(greedy=True), stops=["\n\n"])
    assert said(tokens) == "one"
    assert tokens[-1].finish_reason == "stop"
    assert len(tokens) == 5


def test_what_is_held_back_comes_with_the_last_token() -> None:
    (tokens,) = run(speller("one\n"), [[BOS]], plan(greedy=True), stops=["\n\n"])
    assert (said(tokens), tokens[-1].finish_reason) == ("one\n", "eos")
    (tokens,) = run(speller("one\ntwo"), [[BOS]], plan(greedy=True, most=4), stops=["\n\n"])
    assert (said(tokens), tokens[-1].finish_reason) == ("one\n", "length")
    (tokens,) = run(speller("é"), [[BOS]], plan(greedy=True, most=1))
    assert said(tokens) == "\N{REPLACEMENT CHARACTER}"


def test_a_text_does_not_end_before_its_least_length() -> None:
    (tokens,) = run(speller("ab"), [[BOS]], plan("min_new_tokens=5", greedy=True))
    assert len(tokens) == 6
    assert tokens[-1].finish_reason == "eos"
    assert EOS not in [token.id for token in tokens[:5]]


def test_special_tokens_are_never_generated() -> None:
    class Special(SpellingEngine):
        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            logits[:, (PAD, UNK, BOS)] = 50
            return logits, state

    (tokens,) = run(Special(BYTES.encode("ab"), V), [[BOS]], plan(greedy=True))
    assert said(tokens) == "ab"
    assert tokens[0].logprob < -20  # the model's own distribution is told, not what was left of it


def test_log_probs_are_the_models_own() -> None:
    engine = RandomRnn(V)
    (tokens,) = run(engine, [[BOS]], plan("temperature=0.5", "top_k=9", most=12))
    ids = [BOS, *(token.id for token in tokens)]
    scored, _ = engine.score(*pad_right([ids]))
    np.testing.assert_allclose([token.logprob for token in tokens], scored[0, 1:], atol=1e-5)


prompts_of_ids = st.lists(
    st.lists(st.integers(4, V - 1), max_size=6).map(lambda ids: [BOS, *ids]),
    min_size=1,
    max_size=4,
)
some_plans = st.sampled_from(
    [
        plan(greedy=True, most=12),
        plan(most=12),
        plan("min_new_tokens=4", "temperature=0.7", "top_p=0.9", most=12),
        plan("repetition_penalty=1.3", "no_repeat_ngram_size=2", "typical_p=0.8", most=12),
        plan("frequency_penalty=0.4", "presence_penalty=0.2", "min_p=0.01", "ban=e", most=12),
    ]
)


@settings(max_examples=40, deadline=None)
@given(prompts_of_ids, some_plans, st.integers(0, 99))
def test_batched_is_alone(prompts: list[list[int]], plan: Plan, seed: int) -> None:
    engine = RandomRnn(V, eos=3.0)
    together = run(engine, prompts, plan, seed=seed, stops=["\n", "ab"])
    for row, prompt in enumerate(prompts):
        (alone,) = run(engine, [prompt], plan, seed=seed, stops=["\n", "ab"])
        assert [(t.id, t.logprob, t.text, t.finish_reason) for t in together[row]] == [
            (t.id, t.logprob, t.text, t.finish_reason) for t in alone
        ]


def test_finished_rows_leave_the_batch() -> None:
    batches = []

    class Watched(SpellingEngine):
        def step(self, ids: Any, state: Any) -> Any:
            batches.append(len(ids))
            return super().step(ids, state)

    engine = Watched(BYTES.encode("abcd"), V)
    prompts = [[BOS, *[9] * length] for length in (0, 1, 3)]  # the longer, the sooner it ends
    found = run(engine, prompts, plan(greedy=True))
    assert [said(tokens) for tokens in found] == ["abcd", "bcd", "d"]
    assert batches == [3, 2, 2, 1]


def test_a_step_carries_the_state_before_its_tokens_are_read() -> None:
    engine, later = RandomRnn(V), plan("top_k=20", most=4)
    logits, state = engine.start(*pad_right([[BOS, 5]]))
    row = Row([BOS, 5], RandomStream(1, 0), Writer(BYTES))
    first, *rest = list(generate_tokens(engine, [row], logits, state, plan("top_k=20", most=5)))
    logits, state = engine.step(np.array([first.tokens[0].id]), first.state)
    again = Row([BOS, 5, first.tokens[0].id], RandomStream(1, 0, drawn=1), Writer(BYTES))
    resumed = generate_tokens(engine, [again], logits, state, later)
    assert [step.tokens[0].id for step in resumed] == [step.tokens[0].id for step in rest]


def test_a_rule_that_bans_everything_is_named() -> None:
    everything = Ban(tuple((token,) for token in range(V)))
    with pytest.raises(GenerationError, match=r"Ban\(.* leaves no token to choose after 0 new"):
        run(speller("ab"), [[BOS]], plan(everything))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_no_numbers_is_refused(value: float) -> None:
    class Broken(SpellingEngine):
        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            return np.full_like(logits, value), state

    with pytest.raises(GenerationError, match="the model's output is not numbers: its parameters"):
        run(Broken([5], V), [[BOS]], plan())


@pytest.mark.parametrize("name", FAMILY.names())
def test_every_rule_works_in_the_loop(name: str) -> None:
    example = {"ban": "e", "logit_bias": "9=1", "top_k": "9", "no_repeat_ngram_size": "2"}
    rule = f"{name}={example.get(name, 1 if name == 'min_new_tokens' else 0.5)}"
    found = run(RandomRnn(V), [[BOS], [BOS, 7, 8]], plan(rule, most=6))
    assert all(tokens[-1].finish_reason for tokens in found)


def test_memory_and_history_stay_constant_for_ever() -> None:
    """A hundred thousand tokens: rules see the last ones, and nothing else is kept."""
    seen: list[int] = []

    def watch(ids: Any, logits: Any) -> Any:
        seen.append(ids.shape[1])
        return logits

    class Endless(SpellingEngine):
        def _read(self, ids: Any, state: Any) -> Any:
            logits = np.zeros((1, 8), np.float32)
            logits[0, 4 + ids[0] % 4] = 9
            return logits, state

    engine = Endless([], 8)
    logits, state = engine.start(*pad_right([[BOS]]))
    row = Row([BOS], RandomStream(1, 0), Writer(BYTES))
    steps = generate_tokens(
        engine, [row], logits, state, Plan((watch,), greedy=True, max_new_tokens=100_000)
    )
    peaks = []
    for count, _ in enumerate(steps):
        if count in (20_000, 90_000):
            tracemalloc.start()
        if count in (29_000, 99_000):
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        if count == 30_000:
            seen[:] = seen[-1:]
    assert count == 99_999
    assert max(seen) == HISTORY
    assert peaks[1] < 1.5 * peaks[0] + 200_000
