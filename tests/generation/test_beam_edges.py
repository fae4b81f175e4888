"""What seldom happens in a beam search: nothing fits, nothing is left, nothing ends by itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from fake_translators import FakeTranslationEngine, RandomTranslator, TableTranslator

from textrnn.generation import BeamPlan, Hypothesis, Speller, Terms, Wish, beam_search, pad_right
from textrnn.generation.choices import Choices
from textrnn.generation.grid import kept_by_level, may_end
from textrnn.generation.notes import Note, Notes
from textrnn.generation.sentence import Sentence
from textrnn.tokenizers import BOS, EOS, PAD, UNK
from textrnn.tokenizers.byte import ByteTokenizer

BYTES = ByteTokenizer()
V = BYTES.vocab_size
SPELLER = Speller(BYTES)


def search(engine: FakeTranslationEngine, plan: BeamPlan, wish: Wish) -> list[Hypothesis]:
    logits, state = engine.start(*pad_right([[9, 10, 11, EOS]]))
    return beam_search(engine, [[BOS]], logits, state, plan, wishes=[wish])[0]


def choices(rows: list[int], ids: list[int], losses: list[float]) -> Choices:
    return Choices(rows, ids, losses, [0.0] * len(rows), [0.0] * (max(rows) + 1))


def test_a_prefix_that_is_longer_than_the_limit_is_said_in_full() -> None:
    (found,) = search(RandomTranslator(V, 0), BeamPlan(2, 30), Wish(1, (20, 21, 22)))
    assert (found.ids, found.finish_reason) == ((20, 21, 22), "length")


def test_a_text_that_is_sure_has_a_log_probability_of_nought() -> None:
    (found,) = search(TableTranslator({}, V, sure=1e4), BeamPlan(2, 30), Wish())
    assert [math.copysign(1, x) for x in (found.log_prob, found.score)] == [1, 1]
    assert found.log_prob == 0


@pytest.mark.parametrize("rules", [(), (lambda ids, logits: logits * np.float32(0.5),)])
def test_where_unk_may_be_said_it_takes_its_share(rules: Any) -> None:
    class Unsure(RandomTranslator):
        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            logits[:, UNK] += 12
            return logits, state

    engine = Unsure(V, 3, eos=2.0)
    plan = BeamPlan(4, 9, n_best=4, rules=rules, unknown=True)
    found = search(engine, plan, Wish())
    assert any(UNK in best.ids for best in found)
    for best in found:
        logits, state = engine.start(*pad_right([[9, 10, 11, EOS]]))
        total = 0.0
        for id in best.ids:
            allowed = logits[0].astype(np.float64) * (0.5 if rules else 1)
            allowed[[PAD, BOS]] = -np.inf
            total += allowed[id] - np.logaddexp.reduce(allowed)
            logits, state = engine.step(np.array([id]), state)
        assert best.log_prob == pytest.approx(total, abs=1e-4)


def test_what_rules_ban_is_no_choice_however_wide_the_beam() -> None:
    def two(ids: Any, logits: Any) -> Any:
        left = np.full_like(logits, -np.inf)
        left[:, [7, EOS]] = logits[:, [7, EOS]]
        return left

    plan = BeamPlan(6, 4, n_best=6, rules=(two,), unknown=True)
    found = search(RandomTranslator(V, 1, eos=1.0), plan, Wish())
    assert {id for best in found for id in best.ids} == {7, EOS}
    assert all(math.isfinite(best.score) for best in found)


def test_a_term_that_the_model_never_says_leaves_no_text_without_a_score() -> None:
    class Silent(RandomTranslator):
        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            logits[:, BYTES.encode("o")[0]] = -np.inf
            return logits, state

    wish = Wish(6, terms=Terms([("ox", "Ox")], SPELLER))
    found = search(Silent(V, 2, eos=2.0), BeamPlan(3, 30, n_best=3), wish)
    assert found
    assert all(math.isfinite(best.score) for best in found)


def test_a_search_with_terms_stops_when_its_places_are_taken() -> None:
    class Counting(RandomTranslator):
        steps = 0

        def step(self, ids: Any, state: Any) -> Any:
            self.steps += 1
            assert self.steps < 40, "it goes on for ever"
            return super().step(ids, state)

    wish = Wish(30, terms=Terms([("ox",), ("7",)], SPELLER))
    for seed in range(4):
        found = search(Counting(V, seed, eos=4.0), BeamPlan(2, 30, n_best=2), wish)
        assert len(found) == 2


def test_where_all_places_are_taken_what_has_less_of_the_terms_is_given_up() -> None:
    terms = Terms([("ox",)], SPELLER)
    some = choices([0, 1], [EOS, 40], [0.1, 0.5])
    for beam_size, left in ((1, []), (2, [0.5])):
        sentence = Sentence(BeamPlan(beam_size, 30), Wish(30, terms=terms))
        sentence.losses = [0.1, 0.2]
        sentence.progress = [terms.measure(b"ox "), terms.measure(b"")]
        sentence.extend(some, range(2), 0, Notes(), Note([], [], []), None)
        assert sentence.losses == left


def test_a_text_whose_terms_never_come_ends_in_any_case() -> None:
    terms = Terms([("ox",)], SPELLER)
    begun, whole = terms.measure(b"o"), terms.measure(b"an ox")
    assert [may_end(whole, left) for left in (1, 0, -1)] == [False, True, True]
    overdue = -terms.levels - 9
    assert [may_end(begun, left) for left in (0, overdue + 1, overdue)] == [False, False, True]


def test_of_a_level_as_many_are_kept_as_have_places() -> None:
    terms = Terms([("ox",)], SPELLER)
    some = choices([2, 2, 2, 2], [20, 21, 22, 23], [0.4, 0.1, 0.3, 0.2])
    for text, kept in ((b"ox ", [1]), (b"", [1, 3])):
        progress = [terms.measure(text)]
        found = kept_by_level(some, range(4), progress, 2, left=9, beam_size=2, ends=1)
        assert found == kept
    banned = choices([0, 0], [20, 21], [math.inf, 0.1])
    progress = [terms.measure(b"ox ")]
    assert kept_by_level(banned, range(2), progress, 0, left=9, beam_size=2, ends=2) == [1]


def test_where_nothing_leaves_room_the_term_that_is_begun_goes_on() -> None:
    terms = Terms([("ox",), ("7",)], SPELLER)
    progress = terms.measure(b"o")
    begun, other = progress.wanted[:2]
    some = choices([0, 0, 0], [40, other, begun], [0.1, 0.2, 0.3])
    assert kept_by_level(some, range(3), [progress], 0, left=0, beam_size=2, ends=2) == [2]
    equal = choices([0, 0], [40, 41], [0.1, 0.1])
    assert kept_by_level(equal, range(2), [progress], 0, left=0, beam_size=2, ends=2) == [0]
    banned = choices([0, 0], [40, 41], [math.inf, 0.1])
    assert kept_by_level(banned, range(2), [progress], 0, left=0, beam_size=2, ends=2) == [1]


def test_a_stop_text_behind_the_limit_is_what_ends_a_text_that_lacks_terms() -> None:
    plan = BeamPlan(2, 30, stopped=lambda ids: len(ids) >= 3)
    wish = Wish(1, terms=Terms([("oxen",)], SPELLER))
    found = search(RandomTranslator(V, 0, eos=-5.0), plan, wish)
    assert {best.finish_reason for best in found} == {"stop"}


def test_choices_that_join_others_stand_by_row_and_id() -> None:
    some = choices([0, 0, 1], [9, 12, 4], [0.1, 0.1, 0.3])
    both = some.joined(choices([0, 1, 1], [10, 3, 5], [0.1, 0.3, 0.3]))
    assert both.rows == [0, 0, 0, 1, 1, 1]
    assert both.ids == [9, 10, 12, 3, 4, 5]
    assert some.among(range(1, 3)).ids == [12, 4]
