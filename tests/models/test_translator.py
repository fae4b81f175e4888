"""The translator over fake engines: order, lines, words, constraints, draws."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_translators import RandomTranslator, TableTranslator, translator_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from textrnn.errors import ModelFolderError, UsageError
from textrnn.generation.rules.top_k import TopK
from textrnn.models import Glossary, TranslationSettings, Translator
from textrnn.models.together import check_alike
from textrnn.models.translating import decoding
from textrnn.models.translating.assembling import assemble
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.ensemble import Ensemble
from textrnn.models.translating.searching import Found
from textrnn.models.translating.segments import Segment
from textrnn.tokenizers import UNK
from textrnn.tokenizers.byte import ByteTokenizer
from textrnn.tokenizers.word import WordTokenizer

BYTES = ByteTokenizer()
WORDS = {
    "The": "Die",
    " the": " die",
    " cat": " Katze",
    " dog": " Hund",
    " sleeps": " schläft",
    " and": " und",
    " runs": " rennt",
    ".": ".",
    " in": " in",
}


def dictionary(**generation: Any) -> Translator:
    """Translates by ``WORDS``, word by word."""
    source = WordTokenizer([*WORDS, " ", "\n", " 1984"])
    target = WordTokenizer([*WORDS.values(), " ", "\n"])
    table = {source.encode(a)[0]: target.encode(b)[0] for a, b in WORDS.items()}
    table |= {source.encode(" ")[0]: target.encode(" ")[0], UNK: UNK}
    table[source.encode(" 1984")[0]] = target.encode(" in")[0]
    engine = TableTranslator(table, target.vocab_size)
    return Translator(translator_folder(target, **generation), engine, source, target)


def echo(sure: float = 12.0) -> Translator:
    """Says what it reads, byte by byte."""
    engine = TableTranslator({}, BYTES.vocab_size, sure)
    return Translator(translator_folder(BYTES), engine, BYTES, BYTES)


def babbler(seed: int = 0, eos: float = 2.0) -> Translator:
    """Says what its random weights say."""
    engine = RandomTranslator(BYTES.vocab_size, seed, eos)
    return Translator(translator_folder(BYTES), engine, BYTES, BYTES)


def test_a_sentence() -> None:
    done = dictionary().translate("The cat sleeps.", n_best=3, alignments=True)
    assert done.text == done.n_best[0].text == "Die Katze schläft."
    assert [one.score for one in done.n_best] == sorted(
        (one.score for one in done.n_best), reverse=True
    )
    assert len({one.text for one in done.n_best}) == 3
    assert done.score == done.n_best[0].score
    assert [token.piece for token in done.tokens] == ["Die", " Katze", " schläft", ".", "</s>"]
    assert all(token.bits < 0.1 for token in done.tokens)
    assert done.alignment == ((0, 0), (1, 1), (2, 2))
    assert done.source_words == ("The", "cat", "sleeps.")
    assert done.target_words == ("Die", "Katze", "schläft.")
    assert done.pharaoh == "0-0 1-1 2-2"
    assert done.as_dict() == {
        "source": "The cat sleeps.",
        "translation": "Die Katze schläft.",
        "score": done.score,
        "n_best": [one.as_dict() for one in done.n_best],
        "alignment": [[0, 0], [1, 1], [2, 2]],
        "source_words": ["The", "cat", "sleeps."],
        "target_words": ["Die", "Katze", "schläft."],
    }


def test_each_of_the_n_best_has_its_own_alignment() -> None:
    options: Any = {"n_best": 4, "alignments": True, "split_tokens": 6}
    done = dictionary().translate("The cat sleeps. The dog sleeps.", **options)
    assert done.n_best[0].alignment == done.alignment
    assert done.n_best[0].target_words == done.target_words
    for one in done.n_best:
        assert " ".join(one.target_words) == one.text
        assert {target for _, target in one.alignment or ()} <= set(range(len(one.target_words)))
    assert done.n_best[1].as_dict() == {
        "text": done.n_best[1].text,
        "score": done.n_best[1].score,
        "alignment": [list(pair) for pair in done.n_best[1].alignment or ()],
        "target_words": list(done.n_best[1].target_words),
    }
    plain = dictionary().translate("The cat sleeps.", n_best=2)
    assert [(one.alignment, set(one.as_dict())) for one in plain.n_best] == [
        (None, {"text", "score"})
    ] * 2


def test_lines_stay_in_order_and_empty_ones_stay_empty() -> None:
    model = dictionary()
    texts = ["The dog runs.", "", "The cat sleeps.", " \t\x00", "The dog runs.", "3.14"]
    results = model.translate(texts)
    assert [one.text for one in results] == [
        "Die Hund rennt.",
        "",
        "Die Katze schläft.",
        "",
        "Die Hund rennt.",
        "3.14",
    ]
    assert [one.source for one in results] == texts
    assert math.isnan(results[1].score)
    assert results[1].n_best == ()
    document = model.translate("\n".join(texts), alignments=True)
    assert document.text == "\n".join(one.text for one in results)
    assert document.alignment == tuple((i, i) for i in range(10))
    assert document.score == pytest.approx(math.fsum(r.score for r in results if r.n_best))
    assert model.translate([]) == []
    assert model.translate("").text == ""


def test_half_a_character_is_left_out() -> None:
    (begun, _), (letter,) = BYTES.encode("Ä"), BYTES.encode("q")
    engine = TableTranslator({letter: begun}, BYTES.vocab_size)
    model = Translator(translator_folder(BYTES), engine, BYTES, BYTES)
    texts = ["a q b", "q", "is \ufffd q"]
    assert [one.text for one in model.translate(texts)] == ["a b", "", "is \ufffd \ufffd"]


GARBAGE = st.text(
    alphabet=st.sampled_from("ab Zü.!?,\x00\x1b\t\u2028\n\r東。🎉1{}<>%\ud7ff\u200b"), max_size=60
)


@settings(max_examples=30)
@given(st.lists(GARBAGE, max_size=5), st.integers(0, 3), st.sampled_from([1, 7, 64]))
def test_every_text_gives_one_whatever_it_is(texts: list[str], seed: int, longest: int) -> None:
    """And of as many lines, the same alone as beside the others."""
    model = babbler(seed)
    wanted = TranslationSettings(beam_size=2, split_tokens=longest, batch_tokens=40, n_best=2)
    together = model.translate(texts, wanted)
    assert [one.source for one in together] == texts
    for text, one in zip(texts, together, strict=True):
        assert model.translate(text, wanted).n_best == one.n_best
        ends = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
        assert len(one.text.splitlines() or [""]) <= ends.count("\n") + 1
        assert not set(one.text) & set("\x00\x1b\t\u200b")


def test_a_line_of_five_thousand_characters_ends() -> None:
    model = echo()
    for text in ("word " * 1000, "x" * 5000, "東" * 1700, "Sentence one. " * 350):
        done = model.translate(text, beam_size=2)
        assert done.text == text.strip()


def test_long_lines_are_translated_sentence_by_sentence() -> None:
    model = dictionary()
    text = "The cat sleeps. The dog runs. The cat runs."
    done = model.translate(text, split_tokens=6, alignments=True, n_best=4)
    assert done.text == "Die Katze schläft. Die Hund rennt. Die Katze rennt."
    assert done.alignment == tuple((i, i) for i in range(9))
    assert len({one.text for one in done.n_best}) == 4
    assert [one.score for one in done.n_best] == sorted(
        (c.score for c in done.n_best), reverse=True
    )
    one_by_one = [model.translate(f"The {rest}.").score for rest in ("cat sleeps", "dog runs")]
    assert done.score == pytest.approx(sum(one_by_one) + model.translate("The cat runs.").score)


def test_a_word_that_is_cut_is_one_word_in_the_alignment() -> None:
    done = echo().translate("abcdefgh ij", split_tokens=3, alignments=True)
    assert done.text == "abcdefgh ij"
    assert done.source_words == done.target_words == ("abcdefgh", "ij")
    assert done.alignment == ((0, 0), (1, 1))


def test_unknown_words_are_copied_from_where_the_decoder_looked() -> None:
    model = dictionary()
    done = model.translate("The Zürcher and the dog.", alignments=True)
    assert done.text == "Die Zürcher und die Hund."
    assert done.target_words == ("Die", "Zürcher", "und", "die", "Hund.")
    assert model.translate("The cat (Mia) sleeps.").text == "Die Katze (Mia) schläft."

    class Shy(TableTranslator):
        """Looks at the last word and says UNK."""

        def _read(self, ids: Any, state: Any) -> Any:
            logits, (source, lengths, said, weights) = super()._read(ids, state)
            logits[said[:, 0] == 0, UNK] += 30
            weights = np.zeros(weights.shape)
            weights[:, 2] = 1.0
            return logits, (source, lengths, said, weights)

    model.engine.__class__ = Shy  # type: ignore[misc]
    assert model.translate("The cat sleeps.").text == "sleeps Katze schläft."


def test_numbers_addresses_and_placeholders_come_through() -> None:
    model = echo()
    text = "See https://a.org/b, {name}: 1984!"
    assert model.translate(text).text == text

    class Forgetful(TableTranslator):
        """Leaves out digits, braces and slashes."""

        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            for char in "0123456789{}/":
                logits[:, BYTES.encode(char)] -= 20
            return logits, state

    model.engine.__class__ = Forgetful  # type: ignore[misc]
    done = model.translate(text, beam_size=2)
    for part in ("https://a.org/b", "{name}", "1984"):
        assert part in done.text
        assert part not in model.translate(text, copy=False).text
    long = f"See https://a.org/{'b/' * 60}c now"  # longer than a search can be asked for
    assert model.translate(long, split_tokens=999).text == long
    assert "https://a.org/b" not in model.translate(long, split_tokens=999, copy=False).text
    assert f"https://a.org/{'b/' * 60}c" in model.translate(long, split_tokens=20).text
    both = model.translate(["See {name}!", long], split_tokens=999, n_best=2, alignments=True)
    assert [one.text for one in both] == ["See {name}!", long]
    assert both[0].target_words == ("See", "{name}!")
    assert both[0].alignment == ((0, 0), (1, 1))
    assert both[0].tokens == ()
    assert model.translate("42 {n}").text == "42 {n}"
    assert model.translate("42 {n}", copy=False).text != "42 {n}"


def test_of_two_translations_the_one_that_lacks_less_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = iter(["1990, 1991", "1992", "1990, 1992", "1991"])
    asked = []

    def search(coder: Any, jobs: Any, settings: Any) -> Any:
        asked.append([term[0] for term in jobs[0].terms])
        return [[Found(tuple(BYTES.encode(next(said))), (), 0.0, None)]]

    monkeypatch.setattr(decoding, "search", search)
    assert echo().translate("in 1990, 1991, 1992").text == "1990, 1991"
    assert asked == [[], ["1992"], ["1992", "1990", "1991"]]


def test_what_says_the_same_for_ever_is_ended_whatever_the_rules_leave() -> None:
    class Stuck(TableTranslator):
        """Says z."""

        def _read(self, ids: Any, state: Any) -> Any:
            logits, state = super()._read(ids, state)
            logits[:, BYTES.encode("z")] += 40
            return logits, state

    model = Translator(translator_folder(BYTES), Stuck({}, BYTES.vocab_size), BYTES, BYTES)
    for mode in ({"sample": True, "top_p": 0.5, "seed": 1}, {"rules": [TopK(1)]}):
        options: Any = {**mode, "max_new_tokens": 30}
        free, bound = model.translate(["z" * 12, "a lot of words"], **options)
        assert free.text == "z" * 30
        assert "z" * 10 in bound.text
        assert "z" * 11 not in bound.text


def test_what_cannot_be_spelt_is_not_asked_for() -> None:
    assert dictionary().translate("The cat in 1984.").text == "Die Katze in in."


@settings(max_examples=20)
@given(
    st.text("abc dx", min_size=1, max_size=20),
    st.sampled_from(["Zug", "Haus am See", "東京"]),
    st.integers(0, 2),
)
def test_a_glossary_is_honoured(before: str, target: str, seed: int) -> None:
    model = babbler(seed)
    text = f"{before} train {before}."
    done = model.translate([text, "no such thing"], glossary={"train": target}, beam_size=2)
    assert target in done[0].text
    assert done[1] == model.translate("no such thing", beam_size=2)


def test_a_glossary_may_be_a_file_or_read_already(tmp_path: Any) -> None:
    model, path = dictionary(), tmp_path / "terms.tsv"
    path.write_text("cat\tHund\n")
    for glossary in (path, str(path), {"cat": "Hund"}, Glossary.read(path)):
        assert model.translate("The cat sleeps.", glossary=glossary).text == "Die Hund schläft."


def test_a_term_that_the_vocabulary_cannot_spell_is_put_in_place() -> None:
    model = dictionary()
    found = model.translate("The cat sleeps.", glossary={"cat": "rote Kater"}, alignments=True)
    assert found.text == "Die rote Kater schläft."
    assert found.target_words == ("Die", "rote", "Kater", "schläft.")
    assert found.pharaoh == "0-0 1-1 1-2 2-3"
    with pytest.raises(UsageError, match="the model's vocabulary cannot spell 'Kater'"):
        model.translate("The cat", glossary={"cat": "Kater"}, prefix="Die Katze", max_new_tokens=1)


def test_terms_stand_where_their_words_went() -> None:
    terms = {"cat": "Pudel", "The dog": "Er", "sleeps": "ruht sich aus"}
    model = dictionary()
    found = model.translate("The cat sleeps. The <b>dog</b> runs.", glossary=terms)
    assert found.text == "Die Pudel ruht sich aus. <b>Er</b> rennt."
    assert not found.tokens
    assert model.translate("The cat.", glossary={"the": "jene"}).text == "Jene Katze."
    same = model.translate("The cat sleeps.", glossary={"cat": "Katze"})
    assert same.tokens
    assert same == model.translate("The cat sleeps.")


def test_a_prefix_stays_and_terms_are_put_behind_it() -> None:
    model, terms = dictionary(), {"The": "Jene", "dog": "Pudel", "cat": "Hund"}
    found = model.translate("The dog sleeps.", prefix="Die", glossary={"dog": "Pudel"})
    assert found.text == "Die Pudel schläft."
    found = model.translate("The cat sleeps.", prefix="Die Katze", glossary=terms)
    assert found.text.startswith("Die Katze")
    assert "Hund" in found.text


def test_translations_that_a_term_makes_alike_are_one() -> None:
    model = dictionary()
    assert len(model.translate("cat", n_best=3).n_best) == 3
    found = model.translate("cat", n_best=3, glossary={"cat": "Pudel"})
    texts = [one.text for one in found.n_best]
    assert len(set(texts)) == len(texts)
    assert all("Pudel" in text for text in texts)
    assert found.score == found.n_best[0].score == max(one.score for one in found.n_best)


def test_no_translation_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where other tokens spell the same text, the next text takes its place."""
    model = dictionary()
    usual = model.translate("The cat", n_best=5, beam_size=8)
    texts = [one.text for one in usual.n_best]
    assert len(set(texts)) == 5
    plain = decoding.clean
    alike = {texts[1]: texts[0], texts[3]: texts[2]}
    monkeypatch.setattr(decoding, "clean", lambda text: alike.get(plain(text), plain(text)))
    expected = [usual.n_best[place] for place in (0, 2, 4)]
    assert list(model.translate("The cat", n_best=3, beam_size=8).n_best) == expected
    both = model.translate("The cat\nThe cat", n_best=4, beam_size=8)
    assert len({one.text for one in both.n_best}) == len(both.n_best) == 4
    drawn = model.translate("The cat", n_best=3, sample=True, temperature=0)
    assert [one.text for one in drawn.n_best] == [drawn.text] * 3
    monkeypatch.setattr(decoding, "clean", lambda text: "alike")
    assert [one.text for one in model.translate("The cat", n_best=2).n_best] == ["alike"]


def test_texts_that_segments_make_alike_are_one() -> None:
    drafts = [[Draft("a", -1.0), Draft("a b", -2.0)], [Draft("c", -1.0), Draft("b c", -2.0)]]
    settings = TranslationSettings(n_best=4)
    segments = [Segment("x.", " "), Segment("y.")]
    found = assemble(BYTES, "x. y.", segments, drafts, settings)
    texts = [one.text for one in found.n_best]
    assert texts == ["a c", "a b c", "a b b c"]


def test_a_term_that_is_said_already_is_not_asked_for() -> None:
    terms = {"The": "Pudel", "cat": "Pudel"}
    found = dictionary().translate("The cat", glossary=terms, max_new_tokens=1)
    assert found.text == "Pudel"


def test_a_term_inside_an_address_or_a_placeholder_is_none() -> None:
    model = echo()
    text = "the {cat} of https://cat.org"
    found = model.translate(text, glossary={"cat": "Katze", "the": "die"})
    assert found.text == "die {cat} of https://cat.org"


def test_a_long_tag_does_not_have_a_sentence_cut() -> None:
    model = dictionary()
    tag = f'<a href="https://example.org/{"in/" * 50}">'
    found = model.translate(f"The {tag}cat</a> sleeps.", split_tokens=8)
    assert found.text == f"Die {tag}Katze</a> schläft."
    text = f"The {tag}cat</a> sleeps. <b>The dog runs. The</b> cat runs."
    found = model.translate(text, split_tokens=8)
    assert found.text == (f"Die {tag}Katze</a> schläft. <b>Die Hund rennt. Die</b> Katze rennt.")


def test_tags_stand_after_a_prefix() -> None:
    model = dictionary()
    found = model.translate("<b>The <i>cat</i> sleeps.</b>", prefix="Die")
    assert found.text == "Die <b><i>Katze</i> schläft.</b>"


def test_a_prefix_begins_every_translation() -> None:
    model = dictionary()
    texts = ["The cat sleeps. The dog runs.", "\nThe cat", ""]
    options: Any = {"prefix": " Die  Hund ", "split_tokens": 5}
    for mode in ({}, {"sample": True, "temperature": 0}):
        first, second, empty = model.translate(texts, **options, **mode)
        assert first.text.startswith("Die Hund")
        assert first.text.endswith("Die Hund rennt.")
        assert second.text.startswith("\nDie Hund")
        assert empty.text == ""
    assert echo().translate("42", prefix="ab").text.startswith("ab")


def test_draws_are_repeatable_and_the_same_alone() -> None:
    model = babbler(eos=4.0)
    texts = ["abc", "de", "fgh ij", "de"]
    options: Any = {"sample": True, "seed": 3, "n_best": 3, "top_k": 20, "alignments": True}
    results = model.translate(texts, **options)
    assert results == model.translate(texts, **options)
    for text, one in zip(texts, results, strict=True):
        assert model.translate(text, **options) == one
        assert [c.score for c in one.n_best] == sorted((c.score for c in one.n_best), reverse=True)
        assert one.alignment is not None
    assert results[0] != model.translate("abc", **{**options, "seed": 4})
    fresh = [model.translate("abcdefgh" * 3, sample=True).score for _ in range(20)]
    assert len(set(fresh)) > 1


@settings(max_examples=20)
@given(st.lists(st.text("abcd", min_size=1, max_size=6), min_size=1, max_size=4), st.integers(0, 2))
def test_greedy_is_a_beam_of_one(texts: list[str], seed: int) -> None:
    model = babbler(seed)
    searched = model.translate(texts, beam_size=1, alignments=True)
    drawn = model.translate(texts, sample=True, temperature=0, alignments=True)
    assert [one.text for one in searched] == [one.text for one in drawn]
    assert [one.alignment for one in searched] == [one.alignment for one in drawn]
    for one, other in zip(searched, drawn, strict=True):
        assert [t.bits for t in one.tokens] == pytest.approx(
            [t.bits for t in other.tokens], abs=1e-4
        )
        assert [t.id for t in one.tokens] == [t.id for t in other.tokens]


def test_no_translation_is_longer_than_its_source_allows() -> None:
    model = babbler(eos=-50.0)
    for mode in ({}, {"sample": True, "seed": 1}):
        short, long = model.translate(["ab", "abcdef"], max_length_ratio=3, copy=False, **mode)
        assert (len(short.tokens), len(long.tokens)) == (16, 28)
        capped = model.translate("abcdef", max_length_ratio=3, max_new_tokens=4, **mode)
        assert len(capped.tokens) == 4


def test_a_threshold_of_nothing_is_the_greedy_choice() -> None:
    model = babbler()
    greedy = model.translate(["abc", "de"], beam_size=1)
    near = model.translate(["abc", "de"], beam_threshold=0)
    assert [one.text for one in near] == [one.text for one in greedy]
    wide = model.translate("abc", n_best=3, beam_threshold=0)
    assert wide.n_best == model.translate("abc", n_best=3).n_best
    recommended = Translator(translator_folder(BYTES, beam_threshold=0), model.engine, BYTES, BYTES)
    assert recommended.translate("abc").text == greedy[0].text


def test_rules_apply_to_the_search_too() -> None:
    assert "e" not in echo(sure=3.0).translate("beet", ban="e").text


def test_scores_of_targets() -> None:
    model = dictionary()
    sources, targets = ["The cat", "", "The dog runs."], ["Die Katze", "", "Die Katze"]
    scores = model.score(sources, targets)
    assert [score.text for score in scores] == targets
    assert [score.source for score in scores] == sources
    assert [[t.piece for t in score.tokens] for score in scores] == [
        ["Die", " Katze", "</s>"],
        ["</s>"],
        ["Die", " Katze", "</s>"],
    ]
    assert scores[0].bits < 0.1 < scores[2].bits
    assert model.score(sources[2], targets[2]).bits == pytest.approx(scores[2].bits, rel=1e-6)
    best = model.translate("The dog runs.")
    forced = model.score("The dog runs.", best.text)
    assert [t.bits for t in forced.tokens] == pytest.approx([t.bits for t in best.tokens], abs=1e-4)
    with pytest.raises(UsageError, match="2 sources and 1 targets: give one target a source"):
        model.score(["a", "b"], ["c"])


def test_the_attention_of_a_sentence_by_words() -> None:
    model = dictionary()
    for target in (None, "Die Katze schläft."):
        seen = model.attention("The cat sleeps.", target)
        assert seen.source_words == ("The", "cat", "sleeps.")
        assert seen.target_words == ("Die", "Katze", "schläft.")
        np.testing.assert_allclose(seen.weights, np.eye(3))
    for pair in (("", "a"), ("a", " ")):
        with pytest.raises(UsageError, match="the source or the target is empty"):
            model.attention(*pair)


def test_a_text_in_another_script_is_noticed() -> None:
    model = dictionary()
    assert model.is_foreign("Кошка спит")
    assert not model.is_foreign("The cat sleeps. 東")
    assert not model.is_foreign("42")
    assert babbler().is_foreign("東京")
    assert not babbler().is_foreign("Zürich")


def test_the_languages_of_a_model() -> None:
    model = dictionary()
    assert model.languages == ("en", "de")
    model.folder.config.clear()  # type: ignore[attr-defined]
    assert model.languages == ("", "")


def test_what_is_refused() -> None:
    model = dictionary()
    with pytest.raises(UsageError, match=r"3 is of type int: give text \(str\)"):
        model.translate([3])  # type: ignore[list-item]
    wrong: Any
    for wrong in (None, 5, b"a"):
        for call in (
            model.translate,
            lambda one: model.score(one, "a"),
            lambda one: model.score("a", one),
        ):
            with pytest.raises(
                UsageError, match=r"is of type \w+: give text \(str\), or a list of"
            ):
                call(wrong)
    with pytest.raises(UsageError, match=r"5 is of type int: give text \(str\)"):
        model.attention("a", 5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="beam_size stands beside settings: give all options in"):
        model.translate("a", TranslationSettings(), beam_size=3)
    with pytest.raises(UsageError, match="settings is 5: give TranslationSettings, or options by"):
        model.translate("a", 5)  # type: ignore[call-overload]
    with pytest.raises(
        ModelFolderError, match=r"runs/fake/config.json: generation: no recommended"
    ):
        dictionary(beams=3)
    assert len(dictionary(beam_size=2).translate("The cat.", n_best=2).n_best) == 2
    wrong = SimpleNamespace(path="runs/lm", task="language_modeling")
    with pytest.raises(ModelFolderError, match="runs/lm is a model for language_modeling, not a"):
        Translator.open(wrong)


def test_a_model_with_itself_is_the_model() -> None:
    engine = RandomTranslator(BYTES.vocab_size, 3, eos=2.0)
    twice: Any = Ensemble([engine, engine])
    alone, together = (
        Translator(translator_folder(BYTES), one, BYTES, BYTES) for one in (engine, twice)
    )
    texts = ["abc def", "g", "hi"]
    for options in ({"n_best": 3, "alignments": True}, {"sample": True, "seed": 2}):
        one, two = (model.translate(texts, **options) for model in (alone, together))
        assert [r.text for r in one] == [r.text for r in two]
        assert [r.alignment for r in one] == [r.alignment for r in two]
        for left, right in zip(one, two, strict=True):
            assert left.score == pytest.approx(right.score, abs=1e-4)
    bits = [model.score("abc", "xyz").bits for model in (alone, together)]
    assert bits[0] == pytest.approx(bits[1], rel=1e-5)


def test_an_ensemble_takes_the_mean_of_probabilities() -> None:
    engines = [RandomTranslator(BYTES.vocab_size, seed) for seed in (1, 2)]
    ids, lengths = np.array([[9, 8, 3]]), np.array([3])
    logits, _ = Ensemble(engines).start(ids, lengths)
    shares = [np.exp(e.start(ids, lengths)[0].astype(np.float64)) for e in engines]
    mean = sum(one / one.sum() for one in shares) / 2
    np.testing.assert_allclose(np.exp(logits), mean, rtol=1e-5)
    target = np.array([[2, 9, 3]])
    scored = Ensemble(engines).score(ids, lengths, target, lengths)
    assert scored[0, 0] == 0
    assert scored[0, 1] == pytest.approx(np.log(mean[0, 9]), abs=1e-4)


def test_models_of_other_vocabularies_do_not_translate_together() -> None:
    def folder(path: str, languages: list[str], digest: str) -> Any:
        files = {"tokenizer.json": {"sha256": digest}, "model.safetensors": {"sha256": path}}
        config = {"languages": languages, "files": files}
        return SimpleNamespace(path=path, config=config, task="translation")

    one, same = folder("a", ["en", "de"], "x"), folder("b", ["en", "de"], "x")
    check_alike([one, same])
    with pytest.raises(UsageError, match="c has another vocabulary than a: models that answer"):
        Translator.open(one, same, folder("c", ["en", "de"], "y"))
    with pytest.raises(UsageError, match="d has other languages than a"):
        Translator.open(one, folder("d", ["de", "en"], "x"))


def test_of_many_terms_each_gets_a_place() -> None:
    model = babbler(2)
    glossary = {f"w{number}": f"Z{number}" for number in range(9)}
    text = " ".join(glossary)
    assert all(term in model.translate(text, glossary=glossary).text for term in glossary.values())
