"""The beam search: beam 1 is greedy, a wide beam is exact, batched is alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fakes import FakeEngine, RandomRnn, SpellingEngine
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import UsageError
from textrnn.generation import (
    BeamPlan,
    Hypothesis,
    LengthPenalty,
    Plan,
    RandomStream,
    Row,
    Writer,
    beam_search,
    find_stop,
    generate_tokens,
    pad_right,
)
from textrnn.generation.rules import read_rule
from textrnn.tokenizers import BOS, EOS, UNK
from textrnn.tokenizers.byte import ByteTokenizer

BYTES = ByteTokenizer()
V = BYTES.vocab_size


def search(
    engine: FakeEngine, prompts: Sequence[Sequence[int]], plan: BeamPlan
) -> list[list[Hypothesis]]:
    logits, state = engine.start(*pad_right(prompts))
    return beam_search(engine, prompts, logits, state, plan)


def greedy(engine: FakeEngine, prompt: list[int], plan: BeamPlan, stops: Any = ()) -> list[int]:
    logits, state = engine.start(*pad_right([prompt]))
    row = Row(prompt, RandomStream(0, 0), Writer(BYTES, stops))
    how = Plan(plan.rules, True, plan.max_new_tokens)
    steps = generate_tokens(engine, [row], logits, state, how)
    return [step.tokens[0].id for step in steps]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(4, V - 1), max_size=5),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.6, 1.0, -1.0]),
    st.sampled_from([(), ("repetition_penalty=1.4", "no_repeat_ngram_size=2"), ("ban=e",)]),
)
def test_a_beam_of_one_is_the_greedy_choice(
    prompt: list[int], seed: int, alpha: float, rules: tuple[str, ...]
) -> None:
    engine = RandomRnn(V, seed, eos=2.0)
    read = tuple(read_rule(rule, BYTES) for rule in rules)
    plan = BeamPlan(1, 15, rules=read, scoring=LengthPenalty(alpha))
    ((best,),) = search(engine, [[BOS, *prompt]], plan)
    assert list(best.ids) == greedy(engine, [BOS, *prompt], plan)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.integers(4, V - 1), max_size=4), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_batched_is_alone(prompts: list[list[int]], beam_size: int, seed: int) -> None:
    engine = RandomRnn(V, seed, eos=2.0)
    plan = BeamPlan(beam_size, 10, n_best=min(2, beam_size), rules=(read_rule("ban=z", BYTES),))
    begun = [[BOS, *prompt] for prompt in prompts]
    together = search(engine, begun, plan)
    for row, prompt in enumerate(begun):
        alone = search(engine, [prompt], plan)[0]
        assert [h.ids for h in together[row]] == [h.ids for h in alone]
        np.testing.assert_allclose([h.score for h in together[row]], [h.score for h in alone])


SMALL = 7  # ids 3 to 6 may be generated


def log_prob(engine: FakeEngine, ids: Sequence[int]) -> float:
    """Of ids after BOS, under the distribution without the tokens that are never generated."""
    total = 0.0
    logits, state = engine.start(*pad_right([[BOS]]))
    for token in ids:
        allowed = logits[0].astype(np.float64)
        allowed[[0, UNK, BOS]] = -np.inf
        total += allowed[token] - np.log(np.exp(allowed).sum())
        logits, state = engine.step(np.array([token]), state)
    return total


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.5, -0.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_as_wide_as_the_space_finds_the_best_of_all(seed: int, alpha: float) -> None:
    engine, longest, scoring = RandomRnn(SMALL, seed, eos=0.5), 4, LengthPenalty(alpha)
    ended = [
        (*body, EOS)
        for length in range(longest)
        for body in itertools.product(range(4, SMALL), repeat=length)
    ]
    cut = list(itertools.product(range(4, SMALL), repeat=longest))
    texts = [*ended, *cut]
    scores = {ids: scoring.score(log_prob(engine, ids), len(ids)) for ids in texts}
    wanted = sorted(texts, key=lambda ids: -scores[ids])[:3]
    plan = BeamPlan(len(texts), longest, n_best=3, scoring=scoring)
    (found,) = search(engine, [[BOS]], plan)
    assert [hypothesis.ids for hypothesis in found] == wanted
    for hypothesis in found:
        assert hypothesis.score == pytest.approx(scores[hypothesis.ids], abs=1e-4)
        assert hypothesis.finish_reason == ("eos" if hypothesis.ids[-1] == EOS else "length")


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_ending_early_changes_nothing(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    class Watched(RandomRnn):
        def step(self, ids: Any, state: Any) -> Any:
            steps.append(len(ids))
            return super().step(ids, state)

    class Never(LengthPenalty):
        def bound(self, log_prob: float, length: int, longest: int) -> float:
            return math.inf

    saved = 0
    for seed in range(6):
        engine = Watched(V, seed, eos=5.0)
        results = []
        for scoring in (LengthPenalty(alpha), Never(alpha)):
            steps.clear()
            results.append(search(engine, [[BOS, 9], [BOS]], BeamPlan(4, 20, scoring=scoring)))
            saved += sum(steps) * (1 if type(scoring) is Never else -1)
        assert results[0] == results[1]
    assert saved > 0


def test_a_wider_beam_finds_what_the_greedy_choice_misses() -> None:
    """The likeliest first token leads to a text that is not the likeliest."""

    class Garden(SpellingEngine):
        def _read(self, ids: Any, state: Any) -> Any:
            ((places,),) = state
            logits = np.full((len(ids), 10), -20.0, np.float32)
            for row, token in enumerate(ids):
                if token == BOS:
                    logits[row, 4:6] = [0.1, 0.0]
                elif token == 4:
                    logits[row, 5:10] = 0.0
                else:
                    logits[row, EOS] = 0.0
            return logits, ((places + 1,),)

    engine = Garden([], 10)
    assert search(engine, [[BOS]], BeamPlan(1, 5))[0][0].ids[0] == 4
    assert search(engine, [[BOS]], BeamPlan(2, 5))[0][0].ids == (5, EOS)


@pytest.mark.parametrize(("threshold", "reads"), [(1.0, 3), (2.1, 5), (math.inf, 6)])
def test_what_has_ended_gives_up_what_is_far_less_likely(threshold: float, reads: int) -> None:
    """Worked by hand: EOS and 4 have 1/2 each, then 5 and 6, so each token costs ln 2 = 0.69.

    After 4 and n more the text that goes on is n ln 2 behind the one that has ended.
    """

    class Falling(SpellingEngine):
        reads = 0

        def _read(self, ids: Any, state: Any) -> Any:
            self.reads += 1
            ((places,),) = state
            logits = np.full((len(ids), 10), -20.0, np.float32)
            for row, token in enumerate(ids):
                logits[row, [EOS, 4] if token == BOS else [5, 6]] = 0.0
            return logits, ((places + 1,),)

    engine = Falling([], 10)
    search(engine, [[BOS]], BeamPlan(2, 6, scoring=LengthPenalty(6.0), threshold=threshold))
    assert engine.reads == reads


def test_stop_texts_end_a_hypothesis() -> None:
    engine = SpellingEngine(BYTES.encode("one. two"), V)

    def stopped(ids: tuple[int, ...]) -> bool:
        return find_stop(BYTES.decode(ids), [". "]) is not None

    ((best, *_),) = search(engine, [[BOS]], BeamPlan(3, 30, stopped=stopped))
    assert best.finish_reason == "stop"
    assert BYTES.decode(best.ids).endswith("one. ")


def test_n_best_are_sorted_distinct_and_no_more_than_there_are() -> None:
    (found,) = search(RandomRnn(V, 1, eos=3.0), [[BOS]], BeamPlan(5, 12, n_best=5))
    scores = [hypothesis.score for hypothesis in found]
    assert scores == sorted(scores, reverse=True)
    assert len({hypothesis.ids for hypothesis in found}) == len(found) == 5
    only = read_rule("top_k=1", BYTES)
    (found,) = search(RandomRnn(V, 1), [[BOS]], BeamPlan(3, 4, n_best=3, rules=(only,)))
    assert len(found) == 1


def test_log_probs_are_the_models_own() -> None:
    engine = RandomRnn(V, 2)
    ((best,),) = search(engine, [[BOS]], BeamPlan(3, 9, rules=(read_rule("ban=e", BYTES),)))
    scored, _ = engine.score(*pad_right([[BOS, *best.ids]]))
    np.testing.assert_allclose(best.log_probs, scored[0, 1:], atol=1e-5)


@pytest.mark.parametrize("n_best", [0, 3])
def test_more_hypotheses_than_places_are_refused(n_best: int) -> None:
    with pytest.raises(UsageError, match=f"n_best is {n_best}: give a whole number from 1 to 2"):
        BeamPlan(2, 5, n_best=n_best)


def test_the_length_penalty_is_that_of_wu_et_al() -> None:
    assert LengthPenalty(0.0).score(-3.0, 9) == -3.0
    assert LengthPenalty(0.6).score(-3.0, 9) == pytest.approx(-3.0 / (14 / 6) ** 0.6)


@pytest.mark.parametrize("alpha", [-10, 10])
def test_the_greatest_length_penalties_have_scores_at_any_length(alpha: float) -> None:
    scores = [LengthPenalty(alpha).score(-3.0, length) for length in (1, 10**20)]
    assert all(math.isfinite(score) for score in scores)
    for beyond in (alpha * 1.001, alpha * 1e8, math.inf, math.nan):
        with pytest.raises(UsageError, match=r"length_penalty is .*: give a number from -10 to 10"):
            LengthPenalty(beyond)
