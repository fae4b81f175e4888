"""The pool: requests come and go, each gets the text that it would have had alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import RandomRnn, babbler, speller
from hypothesis import given, settings
from hypothesis import strategies as st

import textrnn
from textrnn.errors import GenerationError, UsageError
from textrnn.generation.rules.ban import Ban
from textrnn.models import Generation, LanguageModel, Pool, Request

OPTIONS: list[Any] = [
    {"temperature": 0},
    {"temperature": 0, "repetition_penalty": 1.3},
    {},
    {"temperature": 0.8, "top_p": 0.9},
    {"top_k": 9, "min_new_tokens": 4},
    {"min_p": 0.02, "ban": "e", "stop": "a"},
    {"typical_p": 0.8, "no_repeat_ngram_size": 2, "stop": ["\n", "th"]},
    {"frequency_penalty": 0.4, "logit_bias": {9: 2.0}},
]


def same(found: Generation, alone: Generation, *, exact: bool = True) -> None:
    if exact:
        assert found == alone
    assert (found.text, found.token_ids) == (alone.text, alone.token_ids)
    assert found.finish_reason == alone.finish_reason
    np.testing.assert_allclose(found.logprobs, alone.logprobs, atol=1e-4)


some_requests = st.lists(
    st.tuples(
        st.text("abc \n", max_size=5),
        st.sampled_from(OPTIONS),
        st.integers(1, 12),
        st.integers(0, 3),  # steps before the next one comes
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(some_requests, st.integers(1, 5))
def test_every_text_is_the_one_that_it_would_be_alone(requests: Any, rows: int) -> None:
    lm = babbler(eos=3.0)
    pool = lm.pool(rows)
    asked = []
    for seed, (prompt, options, most, steps) in enumerate(requests):
        most = max(most, options.get("min_new_tokens", 1))
        asked.append(pool.submit(prompt, seed=seed, max_new_tokens=most, **options))
        for _ in range(steps):
            pool.step()
    done = list(pool.run())
    assert len(pool) == 0
    assert all(request.done for request in asked)
    assert set(map(id, done)) <= set(map(id, asked))
    for request in asked:
        same(request.result(), lm.generate(request.prompt, request.settings))  # type: ignore


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_a_trained_model_writes_the_same_in_a_pool(
    precision: str, toy_model: Path, tmp_path: Path
) -> None:
    from textrnn import recipe

    folder = recipe.export(toy_model, precision=precision, output=tmp_path / "model").path
    lm = textrnn.load(folder, engine="onnx")
    pool = lm.pool(5)
    asked = [
        pool.submit(prompt, seed=seed, max_new_tokens=20 + seed, **options)
        for prompt in ("the cat", "", "a dog sat.\nthe king")
        for seed, options in enumerate(OPTIONS)
    ]
    for request in pool.run():
        alone = lm.generate(request.prompt, request.settings)
        assert isinstance(alone, Generation)
        same(request.result(), alone, exact=False)
    assert all(request.done for request in asked)


def test_greedy_texts_are_the_same_in_batches_of_every_size(toy_model: Path) -> None:
    lm = textrnn.load(toy_model, engine="onnx")
    prompts = [f"{article} {animal}" for article in ("the", "a") for animal in ("c", "d", "k", "")]
    many = [prompts[i % len(prompts)] for i in range(64)]
    alone: Any = {p: lm.generate(p, temperature=0, max_new_tokens=12) for p in prompts}
    for size in range(1, 65):
        for out in lm.generate(many[:size], temperature=0, max_new_tokens=12):
            assert out.token_ids == alone[out.prompt].token_ids


class Watched(RandomRnn):
    """Notes how many rows each step has, and how many prompts are read at once."""

    steps: list[int]
    starts: list[int]

    def step(self, ids: Any, state: Any) -> Any:
        self.steps.append(len(ids))
        return super().step(ids, state)

    def start(self, ids: Any, lengths: Any, state: Any = None) -> Any:
        self.starts.append(len(ids))
        return super().start(ids, lengths, state)


def watched() -> tuple[LanguageModel, Watched]:
    lm = babbler()
    engine = Watched(lm.engine.vocab_size, eos=-99)
    engine.steps, engine.starts = [], []
    lm.engine = engine
    return lm, engine


def test_rows_leave_when_they_are_done_and_others_take_their_place() -> None:
    lm, engine = watched()
    pool = lm.pool(rows=2)
    lengths = (2, 4, 3, 1)
    asked = [pool.submit(str(n), max_new_tokens=n) for n in lengths]
    ended = [[asked.index(r) for r in pool.step()] for _ in range(6)]
    assert ended == [[], [0], [], [1], [2, 3], []]
    assert engine.starts == [2, 1, 1]  # two at first, then one for each that has left
    assert engine.steps == [2, 1, 2, 1]  # those that join have been read already
    assert len(pool) == 0


def test_equal_prompts_that_come_together_are_read_once() -> None:
    lm, engine = watched()
    pool = lm.pool()
    asked = [pool.submit("same", seed=n, max_new_tokens=3) for n in range(5)]
    list(pool.run())
    assert engine.starts == [1]
    assert len({request.result().token_ids for request in asked}) > 1


def test_tokens_come_one_by_one_while_the_others_go_on() -> None:
    pool = speller("spell").pool()
    first, second = pool.submit(temperature=0), pool.submit(temperature=0)
    tokens = first.tokens()
    assert [next(tokens).text for _ in range(3)] == ["s", "p", "e"]
    assert (first.text, second.text, first.done) == ("spe", "spe", False)
    assert [token.text for token in tokens] == ["l", "l", ""]
    assert second.result().text == "spell"
    assert [token.text for token in first.tokens()] == ["s", "p", "e", "l", "l", ""]


def test_a_request_may_be_cancelled_wherever_it_stands() -> None:
    pool = speller("spell").pool(rows=2)
    waiting_for = [pool.submit(temperature=0) for _ in range(4)]
    pool.step()
    running, waiting = waiting_for[0], waiting_for[3]
    running.cancel()
    waiting.cancel()
    assert len(pool) == 2
    assert [request.result().text for request in waiting_for[1:3]] == ["spell"] * 2
    for request in (running, waiting):
        with pytest.raises(GenerationError, match="the request was cancelled"):
            request.result()
    assert running.text == "s"
    waiting_for[1].cancel()
    assert waiting_for[1].result().text == "spell"


def test_errors_of_one_request_do_not_hurt_the_others() -> None:
    lm = babbler()
    everything = Ban(tuple((token,) for token in range(lm.tokenizer.vocab_size)))

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, ids: Any, logits: Any) -> Any:
            if ids.shape[1] > 3:
                raise ValueError("not this one")
            return logits.copy()

    pool = lm.pool()
    good = [pool.submit(p, seed=1, max_new_tokens=6) for p in ("ab", "b")]
    banned = pool.submit("ab", rules=[everything])
    odd = pool.submit("ab", rules=[Unhashable()], seed=1, min_new_tokens=3)
    outside = pool.submit("ab", logit_bias={9_999: 1.0})
    assert set(pool.run()) == {*good, banned, odd, outside}
    with pytest.raises(GenerationError, match="leaves no token to choose"):
        banned.result()
    with pytest.raises(ValueError, match="not this one"):
        odd.result()
    with pytest.raises(UsageError, match=r"logit_bias 9999=1.0: the vocabulary has"):
        outside.result()
    assert next(odd.tokens()).finish_reason is None
    for request in good:
        same(request.result(), lm.generate(request.prompt, request.settings))  # type: ignore


def test_rows_with_the_same_rules_fail_one_by_one() -> None:
    def no_b(ids: Any, logits: Any) -> Any:
        if (ids[:, -1] == 4 + ord("b")).any():
            raise ValueError("ends with b")
        return logits.copy()

    lm = babbler()
    pool = lm.pool()
    good, bad = (pool.submit(p, rules=[no_b], seed=5, max_new_tokens=1) for p in ("a", "b"))
    assert set(pool.run()) == {good, bad}
    with pytest.raises(ValueError, match="ends with b"):
        bad.result()
    same(good.result(), lm.generate("a", good.settings))  # type: ignore[arg-type]


def test_a_prompt_that_cannot_be_read_fails_alone() -> None:
    class Choosy(RandomRnn):
        def start(self, ids: Any, lengths: Any, state: Any = None) -> Any:
            if lengths.max() > 10:
                raise MemoryError("too long")
            return super().start(ids, lengths, state)

    lm = babbler()
    lm.engine = Choosy(lm.engine.vocab_size)
    pool = lm.pool()
    good = pool.submit("ab", seed=1, min_new_tokens=2, max_new_tokens=2)
    long = pool.submit("a" * 99)
    assert set(pool.run()) == {good, long}
    assert good.result().finish_reason == "length"
    with pytest.raises(MemoryError, match="too long"):
        long.result()


def test_what_a_pool_does_not_take_is_refused_at_once() -> None:
    lm = babbler()
    for rows in (0, -1, 1.5, True, "3"):
        with pytest.raises(UsageError, match=f"rows is {rows!r}: give a whole number of at least"):
            lm.pool(rows)  # type: ignore[arg-type]
    pool = lm.pool()
    with pytest.raises(UsageError, match="beam_size does not apply to a request"):
        pool.submit("a", beam_size=2)
    with pytest.raises(UsageError, match="3 is of type int: give text"):
        pool.submit(3)  # type: ignore[arg-type]
    assert len(pool) == 0
    assert pool.step() == []


def test_requests_and_pools_are_public() -> None:
    pool = babbler().pool()
    assert isinstance(pool, Pool)
    assert isinstance(pool.submit("a", max_new_tokens=1), Request)
