"""The beam search over translators: what a sentence may ask for beyond the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fake_translators import FakeTranslationEngine, RandomTranslator, TableTranslator
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import GenerationError, UsageError
from textrnn.generation import (
    BeamPlan,
    Hypothesis,
    LengthPenalty,
    Plan,
    RandomStream,
    RepetitionGuard,
    Row,
    Speller,
    Terms,
    Wish,
    Writer,
    beam_search,
    coverage_penalty,
    generate_tokens,
    pad_right,
)
from textrnn.generation.candidates import log_totals
from textrnn.tokenizers import BOS, EOS, UNK, TokenizerSettings
from textrnn.tokenizers.byte import ByteTokenizer
from textrnn.tokenizers.word import WordTokenizer

BYTES = ByteTokenizer()
V = BYTES.vocab_size
SPELLER = Speller(BYTES)
GUARD = RepetitionGuard()


def translate(
    engine: FakeTranslationEngine,
    sources: Sequence[Sequence[int]],
    plan: BeamPlan,
    wishes: Sequence[Wish] | None = None,
) -> list[list[Hypothesis]]:
    logits, state = engine.start(*pad_right([[*source, EOS] for source in sources]))
    return beam_search(
        engine,
        [[BOS]] * len(sources),
        logits,
        state,
        plan,
        wishes=wishes,
        attention=engine.attention,
    )


def text_of(hypothesis: Hypothesis) -> str:
    return BYTES.decode(hypothesis.ids)


some_sources = st.lists(st.lists(st.integers(4, V - 1), max_size=6), min_size=1, max_size=4)


@settings(max_examples=25)
@given(some_sources, st.integers(0, 3), st.sampled_from([None, GUARD]))
def test_a_beam_of_one_is_the_greedy_choice(
    sources: list[list[int]], seed: int, guard: RepetitionGuard | None
) -> None:
    engine = RandomTranslator(V, seed, eos=1.0)
    found = translate(engine, sources, BeamPlan(1, 30, guard=guard))
    rows = [Row([BOS], RandomStream(0, 0), Writer(BYTES)) for _ in sources]
    logits, state = engine.start(*pad_right([[*source, EOS] for source in sources]))
    texts: list[list[int]] = [[] for _ in sources]
    looks: list[list[Any]] = [[] for _ in sources]
    plan = Plan(() if guard is None else (guard,), True, 30)
    for step in generate_tokens(engine, rows, logits, state, plan):  # type: ignore[arg-type]
        weights = engine.attention(step.state)
        for place, token in enumerate(step.tokens):
            texts[token.row].append(token.id)
            looks[token.row].append(weights[place])
    assert [list(best.ids) for (best,) in found] == texts
    for (best,), weights in zip(found, looks, strict=True):
        assert best.attention is not None
        np.testing.assert_array_equal(best.attention, weights)


WISHES = (
    Wish(),
    Wish(limit=3),
    Wish(prefix=tuple(BYTES.encode("Gu"))),
    Wish(terms=Terms([("ox", "Ox"), ("7",)], SPELLER)),
    Wish(limit=2, prefix=tuple(BYTES.encode("a")), terms=Terms([("Haus",)], SPELLER)),
)


@settings(max_examples=25)
@given(
    some_sources,
    st.lists(st.sampled_from(WISHES), min_size=4, max_size=4),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.3]),
)
def test_alone_is_as_in_a_batch(
    sources: list[list[int]], wishes: list[Wish], beam_size: int, seed: int, beta: float
) -> None:
    engine = RandomTranslator(V, seed, eos=2.0)
    plan = BeamPlan(
        beam_size, 9, n_best=min(2, beam_size), coverage_penalty=beta, guard=GUARD, unknown=True
    )
    wishes = [
        Wish(wish.limit, wish.prefix, wish.terms, len(source))
        for wish, source in zip(wishes, sources, strict=False)
    ]
    together = translate(engine, sources, plan, wishes)
    for row, source in enumerate(sources):
        alone = translate(engine, [source], plan, [wishes[row]])[0]
        assert [h.ids for h in together[row]] == [h.ids for h in alone]
        np.testing.assert_allclose([h.score for h in together[row]], [h.score for h in alone])
        for one, other in zip(together[row], alone, strict=True):
            assert one.attention is not None
            assert other.attention is not None
            np.testing.assert_array_equal(
                one.attention[:, : len(source) + 1], other.attention[:, : len(source) + 1]
            )


@settings(max_examples=40)
@given(
    some_sources,
    st.lists(st.sampled_from(WISHES), min_size=4, max_size=4),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.3, 1.5, 3.9]),
    st.booleans(),
)
def test_what_is_near_is_all_that_a_threshold_leaves(
    sources: list[list[int]],
    wishes: list[Wish],
    beam_size: int,
    seed: int,
    threshold: float,
    unknown: bool,
) -> None:
    """So that the same is found where the best of each row are taken, however far apart."""
    engine = RandomTranslator(V, seed, eos=2.0)
    plan = BeamPlan(beam_size, 9, threshold=threshold, guard=GUARD, unknown=unknown)
    wishes = wishes[: len(sources)]
    near = translate(engine, sources, plan, wishes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textrnn.generation.candidates._NEAR", -1.0)
        assert translate(engine, sources, plan, wishes) == near


def test_a_term_makes_no_text_twice() -> None:
    wish = Wish(terms=Terms([("ox", "Ox"), ("7",)], SPELLER))
    for seed in range(5):
        (found,) = translate(
            RandomTranslator(V, seed, eos=2.0), [[7, 9]], BeamPlan(6, 9, 6), [wish]
        )
        assert len({best.ids for best in found}) == len(found) > 1


@settings(max_examples=40)
@given(
    st.lists(st.integers(4, V - 1), max_size=5),
    st.lists(st.text("abc 12東é", min_size=1, max_size=5), min_size=1, max_size=3),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(0, 3),
    st.booleans(),
)
def test_terms_are_always_in_the_text(
    source: list[int], terms: list[str], beam_size: int, limit: int, seed: int, prefixed: bool
) -> None:
    terms = [term.strip() for term in terms if term.strip()]
    engine = RandomTranslator(V, seed, eos=3.0)
    prefix = "Zw" if prefixed else ""
    wish = Wish(limit, tuple(BYTES.encode(prefix)), Terms([(term,) for term in terms], SPELLER))
    ((best, *_),) = translate(engine, [source], BeamPlan(beam_size, 50, guard=GUARD), [wish])
    for term in terms:
        assert term in text_of(best)
    assert text_of(best).startswith(prefix)


def test_a_term_costs_a_sentence_without_terms_nothing() -> None:
    engine = RandomTranslator(V, 1, eos=2.0)
    sources, plan = [[5, 6], [7, 8, 9]], BeamPlan(3, 12, n_best=3)
    wishes = [Wish(terms=Terms([("Bahnhof",)], SPELLER)), Wish()]
    assert translate(engine, sources, plan, wishes)[1][0].ids == (
        translate(engine, sources, plan)[1][0].ids
    )


def test_a_term_that_comes_by_itself_is_not_said_twice() -> None:
    """And the text is the one that the search finds without the term."""
    engine = TableTranslator({}, V)
    source = BYTES.encode("ein Haus, 12 m")
    plan = BeamPlan(3, 40)
    ((free,),) = translate(engine, [source], plan)
    wish = Wish(terms=Terms([("Haus",), ("12",)], SPELLER))
    ((bound,),) = translate(engine, [source], plan, [wish])
    assert text_of(bound) == text_of(free) == "ein Haus, 12 m"
    assert bound.score == pytest.approx(free.score)


def test_a_term_that_is_given_twice_is_said_twice() -> None:
    terms = Terms([("{0}",), ("ox",), ("{0}",)], SPELLER)
    assert [terms.measure(text).whole for text in (b"{0} ox", b"{0}{0} ox")] == [False, True]
    engine = RandomTranslator(V, 4, eos=2.0)
    ((best,),) = translate(engine, [[9, 10]], BeamPlan(3, 24), [Wish(terms=terms)])
    assert BYTES.decode(best.ids).count("{0}") == 2


def test_a_term_is_a_word_of_its_own_where_words_are_spaced() -> None:
    terms = Terms([("12",)], SPELLER)
    assert terms.measure(b"12").whole
    assert not terms.measure(b"123").whole
    assert not terms.measure(b"a12").whole
    assert terms.measure(b"(12)").whole
    assert terms.measure("東12京".encode()).whole
    assert Terms([("東京",)], SPELLER).measure("大東京都".encode()).whole
    assert Terms([("{name}",)], SPELLER).measure(b"x{name}y").whole
    half = Terms([("東",)], SPELLER).measure("東".encode()[:2])
    assert (half.level, half.missing, half.wanted[0]) == (2, 1, "東".encode()[2] + 4)


def test_terms_are_spelt_by_pieces_of_words() -> None:
    tokenizer = WordTokenizer.train(["das Haus am See", "Haus"], TokenizerSettings(kind="word"))
    speller = Speller(tokenizer)
    assert speller.spell(b"Haus am") == tuple(tokenizer.encode("Haus am"))
    assert speller.spell(b"Boot") is None
    terms = Terms([("See",), ("Haus",)], speller)
    assert terms.levels == 2
    assert terms.measure(b"Haus").wanted == (tokenizer.id_of(" See"),)
    assert terms.measure(b"").wanted == tuple(map(tokenizer.id_of, (" See", " Haus", "Haus")))
    begun = Terms([("am See",)], speller).measure(b"Haus ")  # which no piece of the term begins
    assert (begun.level, begun.missing) == (0, 2)
    assert begun.wanted == (tokenizer.id_of(" am"),)
    inside = Terms([("Haus",)], speller).measure(b"am ")
    assert inside.wanted == (tokenizer.id_of("Haus"),)
    with pytest.raises(UsageError, match="the model's vocabulary cannot spell 'Boot': leave it"):
        Terms([("Boot", "Schiff")], speller)
    with pytest.raises(UsageError, match="cannot spell ''"):
        Terms([("",)], speller)


def test_a_prefix_begins_the_text_and_the_rest_is_searched() -> None:
    engine = TableTranslator({}, V)
    source = BYTES.encode("abcd")
    ((best,),) = translate(
        engine, [source], BeamPlan(2, 30), [Wish(prefix=tuple(BYTES.encode("xy")))]
    )
    assert text_of(best) == "xycd"
    assert len(best.log_probs) == 5
    assert best.log_probs[0] < -5


def test_every_sentence_has_a_limit_of_its_own() -> None:
    engine = TableTranslator({}, V)
    source = BYTES.encode("abcdefgh")
    wishes = [Wish(limit=3), Wish(), Wish(limit=100)]
    found = translate(engine, [source] * 3, BeamPlan(2, 5), wishes)
    assert [text_of(best) for (best,) in found] == ["abc", "abcde", "abcdefgh"]
    assert [best.finish_reason for (best,) in found] == ["length", "length", "eos"]


@settings(max_examples=25)
@given(some_sources, st.integers(0, 3))
def test_n_best_are_sorted_and_distinct(sources: list[list[int]], seed: int) -> None:
    engine = RandomTranslator(V, seed, eos=3.0)
    for found in translate(engine, sources, BeamPlan(4, 12, n_best=4, coverage_penalty=0.2)):
        scores = [hypothesis.score for hypothesis in found]
        assert scores == sorted(scores, reverse=True)
        assert len({hypothesis.ids for hypothesis in found}) == len(found) == 4


def test_the_penalties_are_those_of_wu_et_al() -> None:
    """Worked by hand: p = (0.5, 0.5 | 0.3, 0.9 | 0.2, 0.6), beta 0.2, alpha 1, three tokens."""
    weights = np.array([[0.5, 0.5], [0.3, 0.9], [0.2, 0.6]])
    assert coverage_penalty(weights.sum(axis=0), 0.2) == 0.0
    assert coverage_penalty(weights[:2].sum(axis=0), 0.2) == pytest.approx(0.2 * np.log(0.8))
    assert coverage_penalty(np.zeros(1), 1.0) == pytest.approx(np.log(1e-6))
    assert LengthPenalty(1.0).score(-4.0, 3) == pytest.approx(-4.0 / (8 / 6))


def test_the_coverage_penalty_enters_the_score() -> None:
    engine = RandomTranslator(V, 5, eos=2.0)
    source = list(range(9, 21))
    plain, covered = (
        translate(engine, [source], BeamPlan(4, 8, n_best=4, coverage_penalty=beta), [wish])[0]
        for beta, wish in ((0.0, Wish()), (0.7, Wish(source_length=12)))
    )
    scores = {hypothesis.ids: hypothesis.score for hypothesis in plain}
    assert {hypothesis.ids for hypothesis in covered} & set(scores)
    for hypothesis in (found for found in covered if found.ids in scores):
        assert hypothesis.attention is not None
        penalty = coverage_penalty(hypothesis.attention[:, :12].sum(axis=0), 0.7)
        assert penalty < 0
        assert hypothesis.score == pytest.approx(scores[hypothesis.ids] + penalty, abs=1e-5)


def test_a_threshold_gives_up_what_is_far_behind() -> None:
    rows: list[int] = []

    class Watched(RandomTranslator):
        def step(self, ids: Any, state: Any) -> Any:
            rows.append(len(ids))
            return super().step(ids, state)

    sources = [[9, 10, 11], [12, 13]]
    results, counts = [], []
    for threshold in (np.inf, 1e6, 1.0, 0.0):
        rows.clear()
        plan = BeamPlan(4, 12, threshold=threshold)
        results.append(translate(Watched(V, 2, eos=3.0), sources, plan))
        counts.append(sum(rows))
    assert results[0] == results[1]
    assert counts[1] > counts[2] > counts[3]
    greedy = translate(RandomTranslator(V, 2, eos=3.0), sources, BeamPlan(1, 12))
    assert [best.ids for (best,) in results[3]] == [best.ids for (best,) in greedy]
    with pytest.raises(UsageError, match="threshold is -1: give a number of at least 0"):
        BeamPlan(2, 5, threshold=-1)


def test_what_a_plan_refuses() -> None:
    with pytest.raises(UsageError, match=r"coverage_penalty is -1: give a number of at least 0"):
        BeamPlan(2, 5, coverage_penalty=-1)
    engine = RandomTranslator(V)
    logits, state = engine.start(np.array([[5, EOS]]), np.array([2]))
    with pytest.raises(UsageError, match="coverage_penalty does not apply to a model that has no"):
        beam_search(engine, [[BOS]], logits, state, BeamPlan(2, 5, coverage_penalty=0.1))
    with pytest.raises(GenerationError, match="the model's output is not numbers"):
        beam_search(engine, [[BOS]], logits * np.nan, state, BeamPlan(2, 5))


def test_unknown_is_said_where_it_is_allowed() -> None:
    engine = TableTranslator({8: UNK}, V)
    for rules in ((), (lambda ids, logits: logits.copy(),)):
        for unknown in (False, True):
            plan = BeamPlan(2, 9, unknown=unknown, rules=rules)
            ((best,),) = translate(engine, [[7, 8, 9]], plan)
            assert (best.ids == (7, UNK, 9, EOS)) is unknown
            scored = engine.score(*pad_right([[7, 8, 9, EOS]]), *pad_right([[BOS, *best.ids]]))
            np.testing.assert_allclose(best.log_probs, scored[0, 1:], atol=1e-5)


def test_the_guard_ends_what_would_be_said_for_ever() -> None:
    class Stuck(TableTranslator):
        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            logits[:] = 0
            logits[:, 40] = 9.0
            logits[ids == 40, 41] = 12.0
            logits[:, EOS] = 3.0
            return logits, state

    engine = Stuck({}, V)
    ((best,),) = translate(engine, [[7]], BeamPlan(1, 100))
    assert best.finish_reason == "length"
    ((best,),) = translate(engine, [[7]], BeamPlan(1, 100, guard=RepetitionGuard(span=6)))
    assert best.ids == (40, 41) * 4 + (EOS,)
    plan = BeamPlan(1, 20, guard=RepetitionGuard(span=6))
    (free,), (bound,) = translate(engine, [[7], [7]], plan, [Wish(guarded=False), Wish()])
    assert (len(free.ids), len(bound.ids)) == (20, 9)


def test_the_guard_holds_where_a_term_is_begun_again_and_again() -> None:
    class Stuck(TableTranslator):
        """Says % and a space in turn, and never what completes a term."""

        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            percent, space, letter = BYTES.encode("% s")
            logits[:, percent] = 30.0
            logits[ids == percent, space] = 60.0
            logits[:, letter] = -60.0
            return logits, state

    wish = Wish(limit=60, terms=Terms([("%s",)], SPELLER))
    ((best,),) = translate(Stuck({}, V), [[7]], BeamPlan(2, 60, guard=GUARD), [wish])
    assert "%s" in text_of(best)
    assert not GUARD.is_broken_by(best.ids)


@given(st.lists(st.integers(4, 6), min_size=1, max_size=40), st.integers(1, 4), st.integers(1, 8))
def test_the_guard_bans_what_would_come_too_often(ids: list[int], times: int, span: int) -> None:
    guard = RepetitionGuard(times, longest=3, span=span)
    rows, tokens = guard.bans(np.array([[0, 0, *ids], [0] * (len(ids) + 2)]))
    assert 1 not in rows
    wanted = set()
    for period in (1, 2, 3):
        said = max(times, -(-span // period)) * period
        if len(ids) >= said:
            tail = ids[-said:]
            if tail == tail[:period] * (said // period):
                wanted.add(tail[0])
    assert set(tokens.tolist()) == wanted
    new = guard(np.array([ids]), np.zeros((1, 7), np.float32))
    assert set(np.flatnonzero(np.isinf(new[0])).tolist()) == wanted


def test_a_guard_that_looks_for_nothing_bans_nothing() -> None:
    assert len(RepetitionGuard(longest=0).bans(np.full((1, 30), 4))[0]) == 0


@given(
    st.lists(st.lists(st.integers(4, 6), min_size=60, max_size=60), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(1, 12),
    st.integers(1, 8),
    st.integers(0, 30),
)
def test_what_the_guard_looked_for_holds_as_long_as_it_says(
    rows: list[list[int]], times: int, span: int, longest: int, loop: int
) -> None:
    guard = RepetitionGuard(times, longest, span)
    ids = np.array(rows)
    ids[:, loop:] = np.resize(ids[:, loop : loop + 1 + loop % 4].T, (60 - loop, len(rows))).T
    periods: Sequence[int] = ()
    banned = 0
    for step in range(1, 60):
        if step % guard.patience == 0:
            periods = guard.periods(ids[:, :step])
        found = guard.bans(ids[:, :step], periods)
        for one, other in zip(found, guard.bans(ids[:, :step], range(1, longest + 1)), strict=True):
            assert one.tolist() == other.tolist()
        banned += len(found[0])
    assert banned or longest < 1 + loop % 4 or loop > 20


def test_log_totals_of_a_model_that_is_sure_of_padding() -> None:
    logits = np.array([[300.0, 0, 0, 1, 1], [0, 0, 0, 0, 0]], np.float32)
    every, allowed = log_totals(logits)
    np.testing.assert_allclose(every, [300.0, np.log(5)], rtol=1e-6)
    np.testing.assert_allclose(allowed, [1 + np.log(2), np.log(2)], rtol=1e-6)
