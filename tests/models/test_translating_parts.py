"""The parts of the translator that need no engine: cutting, joining, copying, words, settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textrnn.errors import DataError, UnknownNameError, UsageError
from textrnn.generation import GenerationOptions, GenerationSettings, is_unspaced
from textrnn.models import Glossary, TranslationOptions, TranslationSettings
from textrnn.models.translating.drafts import Draft
from textrnn.models.translating.segments import Segment, clean, join, split_text
from textrnn.models.translating.stand_ins import disguised
from textrnn.models.translating.tags import find_tags
from textrnn.models.translating.terminology import put_in_place
from textrnn.models.translating.verbatim import is_verbatim, missing_terms
from textrnn.models.translating.words import Words, align, core, source_pieces, word_weights
from textrnn.tokenizers import UNK, TokenizerSettings
from textrnn.tokenizers.char import CharTokenizer
from textrnn.tokenizers.word import WordTokenizer


def parts(text: str, longest: int = 1) -> list[str]:
    return [segment.text for segment in split_text(text, longest, lambda t: len(t.split()))]


def test_long_lines_are_cut_at_sentence_ends() -> None:
    assert parts("I am here. Where are you? Come!", 6) == ["I am here.", "Where are you?", "Come!"]
    assert parts("I am here. Where are you?", 7) == ["I am here. Where are you?"]
    assert parts("Dr. J. Smith came. He left at 3. May be.", 6) == [
        "Dr. J. Smith came.",
        "He left at 3. May be.",
    ]
    assert parts("Das ist z.B. Not. »Gut.« „Nein.“ Ja, bzw. Nein.", 5) == [
        "Das ist z.B. Not.",
        "»Gut.«",
        "„Nein.“",
        "Ja, bzw. Nein.",
    ]
    assert parts("He came. and went. He left.", 4) == ["He came. and went.", "He left."]
    assert parts("So am I. You too.", 3) == ["So am I.", "You too."]


def characters(text: str) -> int:
    return len(text)


def test_unspaced_scripts_are_cut_at_their_marks() -> None:
    text = "今日は。元気ですか？「はい。」さようなら"
    segments = split_text(text, 8, characters)
    assert [s.text for s in segments] == ["今日は。", "元気ですか？", "「はい。」", "さようなら"]
    assert join([s.text for s in segments], segments) == text
    english = ["Hello.", "How are you?", '"Yes."', "Bye"]
    assert join(english, segments) == 'Hello. How are you? "Yes." Bye'


def test_a_long_sentence_is_cut_at_commas_spaces_or_anywhere() -> None:
    assert parts("one two, three four, five six seven", 4) == [
        "one two, three four,",
        "five six seven",
    ]
    assert parts("a b c d e", 2) == ["a b", "c d", "e"]
    segments = split_text("abcdefgh", 3, characters)
    assert all(len(s.text) <= 3 for s in segments)
    assert join([s.text for s in segments], segments) == "abcdefgh"
    assert join(["x", "y", "z", "w"][: len(segments)], segments) == "xyzw"[: len(segments)]


@given(st.text(alphabet="aB .,!?。、\n\r\u2028\x00\t\u00a0東1", max_size=120), st.integers(1, 12))
def test_nothing_is_lost_by_cutting_and_joining(text: str, longest: int) -> None:
    segments = split_text(text, longest, characters)
    assert all(s.text == clean(s.text) for s in segments)
    assert all(len(s.text) <= longest or is_verbatim(s.text) for s in segments)
    joined = join([s.text for s in segments], segments)
    assert "".join(joined.split()) == "".join(clean(text).split())
    if not is_unspaced(text):
        assert joined.split() == clean(text).split()
    lines = len(split_text(text, 10**6, characters))
    assert sum(1 for s in segments if s.after.strip(" ")) == lines - 1


def test_a_length_that_no_cut_brings_down_ends_too() -> None:
    assert [s.text for s in split_text("ab", 1, lambda text: 9)] == ["a", "b"]


def test_lines_and_blank_lines_stay() -> None:
    segments = split_text("one\r\n\n two ", 9, characters)
    assert segments == [Segment("one", "\r\n"), Segment("", "\n"), Segment("two", "")]
    assert join(["eins", "", "zwei"], segments) == "eins\r\n\nzwei"


def test_spaces_follow_the_script_of_the_target() -> None:
    two = [Segment("a.", " "), Segment("b")]
    assert join(["A.", "B"], two) == "A. B"
    assert join(["あ。", "い"], two) == "あ。い"
    assert join(["", "B"], two) == "B"


def test_what_has_nothing_to_translate_is_not_cut() -> None:
    address = "https://a.org/" + "b/" * 30
    assert [one.text for one in split_text(f"Go to {address} now.", 20, len)] == [
        "Go to",
        address.rstrip(),
        "now.",
    ]


def test_stand_ins() -> None:
    items = ["https://a.org", "%d", "1.5", "1999", "+49 170 1234567"]
    text = "Tom: https://a.org has %d, 1.5 and 1999; +49 170 1234567. {n} https://a.org"
    first, second = disguised(text, items, 0), disguised(text, items, 1)
    assert first is not None
    assert second is not None
    assert first.text == "Tom: Mary has 20, 200 and 2013; John. {n} Mary"
    assert second.text == "Tom: Mary has 50, 500 and 1990; John. {n} Mary"
    said = first.undo(Draft("Mary, John: 2013 20 Mary 200", 1.5, (4, 5), (-1.0, -2.0)))
    assert said == Draft("https://a.org, +49 170 1234567: 1999 %d https://a.org 1.5", 1.5)
    for lacking in ("Mary, John: 2013 20 200", "Mary John 2013 20 Marys 200", ""):
        assert first.undo(Draft(lacking)) is None


def test_what_has_no_stand_in() -> None:
    assert disguised("in 1999", ["1999"], 0) is None  # a model knows how to speak of numbers
    assert disguised("a <b>c</b> d", ["<b>", "</b>"], 0) is None
    names = [f"{{{number}}}" for number in range(5)]
    assert disguised(" ".join(names[:4]), names[:4], 0) is not None
    assert disguised(" ".join(names), names, 0) is None
    assert disguised("x{n}", ["{m}"], 0) is None


def test_words_of_stand_ins_are_those_of_the_text() -> None:
    found = disguised("See {n}.", ["{n}"], 0)
    assert found is not None
    source = Words.of_pieces([b"See", b" Tom", b"."])
    shares = np.eye(2, 3, dtype=np.float32)
    draft = Draft("Tom!", source=source, target=Words.of_pieces([b"Tom", b"!"]), shares=shares)
    undone = found.undo(draft)
    assert undone is not None
    assert undone.source is not None
    assert undone.target is not None
    assert (undone.source.texts, undone.target.texts) == (("See", "{n}."), ("{n}!",))
    cut = replace(draft, target=Words(("To", "m!"), (0, 1)))
    assert found.undo(cut) is None
    phone = disguised("Call +49 170 1234567", ["+49 170 1234567"], 0)
    assert phone is not None
    assert phone.undo(Draft("Tom")) is not None
    assert phone.undo(replace(draft, text="Tom")) is None  # it is several words


VERBATIM = [
    "42",
    "→ 3.5 %",
    "https://a.org/b?c=d",
    "{name}: %(count)d",
    "<br/>",
    '<a title="b > c"><!-- d e --></a>',
    "me@a-b.org",
    "😀",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Go <a href="x. Y">there</a>.', ['Go <a href="x. Y">there</a>.']),
        ("A <b>bee.</b> <i>D e</i> f.", ["A <b>bee.</b>", "<i>D e</i> f."]),
        ("<p>A bee.</p><p>C d.</p>", ["<p>A bee.</p>", "<p>C d.</p>"]),
        ("<ul><li>a</li> <li>b</li></ul>", ["<ul><li>a</li>", "<li>b</li></ul>"]),
        ("<b>a!<br>b</b><hr><hr> ", ["<b>a!", "<br>b</b><hr><hr>"]),
        ("a <br>b,<BR/> c", ["a <br>b,<BR/> c"]),
        ("a,<br><br>b", ["a,", "<br><br>b"]),
        ("<p> <br>", ["<p> <br>"]),
        ("A bee. <br>C d.<br/>", ["A bee.", "<br>C d.<br/>"]),
        ("A bee.</i><b></b> C d.", ["A bee.</i><b></b>", "C d."]),
        ("a <b>b c</b> d <i>e f</i> g", ["a <b>b c</b>", "d <i>e f</i>", "g"]),
        ("<b>a b</b>\n<br>", ["<b>a b</b>", "<br>"]),
    ],
)
def test_tags_do_not_count_and_are_not_cut(text: str, expected: list[str]) -> None:
    segments = split_text(text, 3, lambda t: len(t.split()), tags=True)
    assert [segment.text for segment in segments] == expected


@given(
    st.lists(
        st.sampled_from(
            (
                *("<b>", "</b>", '<a title="x. Y, > z">', "<br>", "<!-- A. B -->"),
                *("< 3", "word. ", "x", "Two, ", "three", "世界。", " "),
            )
        )
    ),
    st.integers(1, 12),
)
def test_nothing_is_lost_where_a_text_with_tags_is_cut(some: list[str], longest: int) -> None:
    line = clean("".join(some))
    segments = split_text(line, longest, len, tags=True)
    assert all(clean(one.text) == one.text for one in segments)
    assert "".join("".join(one.text for one in segments).split()) == "".join(line.split())
    tags = [tag[0] for tag in find_tags(line)]
    assert [tag[0] for one in segments for tag in find_tags(one.text)] == tags
    if not tags:
        assert segments == split_text(line, longest, len)


@pytest.mark.parametrize("text", VERBATIM)
def test_what_has_nothing_to_translate(text: str) -> None:
    assert is_verbatim(text)
    assert not is_verbatim(text + " is it")


@pytest.mark.parametrize(
    ("source", "translation", "missing"),
    [
        ("See https://a.org/x, please.", "Siehe bitte.", [("https://a.org/x",)]),
        ("See https://a.org/x.", "Siehe https://a.org/x.", []),
        ("Hello {name}, %s!", "Hallo {name}!", [("%s",)]),
        ("Write to a.b@c.de now", "Schreib", [("a.b@c.de",)]),
        ("1,234.5 kg", "1.234,5 kg", []),
        ("1,234.5 kg", "kg", [("1,234.5", "1.234,5")]),
        ("in 1987 and 1987", "im Jahr 1978", [("1987",)] * 2),
        ("in 1987 and 1987", "1987 und 1978", [("1987",)]),
        ("10.5 and 10.5", "10.5 und 105", [("10.5", "10,5")]),
        ("20 000 people", "20.000 Leute", []),
        ("20.000 Leute", "20 000 people", []),
        ("1 000 000 people", "Leute", [("1 000 000",)]),
        ("6-4, 6-4", "6-4 und 64", [("6-4",)]),
        ("6-4, 6-4", "6-4 und sechs zu vier", []),
        ("a 2-3 minute walk", "ein zwei- bis dreiminütiger Weg", []),
        ("it takes 2-3 minutes", "es dauert 23 Minuten", [("2-3",)]),
        ("0-0", "null zu null", []),
        ("on 2020-05-06", "on May 6, 2020", []),
        ("on 2024-01-05", "am 2024-150", [("2024-01-05",)]),
        ("1990-1995", "1990 bis 95", [("1990-1995",)]),
        ("2-3 of 1,250", "zwei bis drei von 1250", []),
        ("12 men", "zwölf Männer", []),
        ("13 men", "dreizehn Männer", [("13",)]),
        ("at 10:30", "um halb elf", []),
        ("the 1960s", "die Sechziger", []),
        ("https://a.org/" + "b" * 200, "", [("https://a.org/" + "b" * 200,)]),
        ("1,250 and 1,234,567", "1250 und 1234567", []),
        ("20.5 degrees", "205 Grad", [("20.5", "20,5")]),
        ("20.5 degrees", "20,5 Grad", []),
        ("in 9.58 s", "in 958 s", [("9.58", "9,58", "9:58")]),
        (
            "0.125 and 1,234.567",
            "0125 und 1234567",
            [("0.125", "0,125"), ("1,234.567", "1.234,567")],
        ),
        ("version 1.24.3", "Version 1243", [("1.24.3",)]),
        ("on 2024-01-05", "am 2024", [("2024-01-05",)]),
        ("on 2024-01-05", "am 5.1.2024", []),
        ("3-2 for us", "315 für uns", [("3-2",)]),
        ("3-2 for us", "3:2 für uns", []),
        ("%s and %s, {n} {n}", "%s und {n} {n}", [("%s",)]),
        ("%s, %s, %s", "", [("%s",)] * 3),
        ("007 or 07 or 7", "", [("007",)]),
        ("at 6.30 today", "at 6:30 today", []),
        ("at 6.30 today", "today", [("6.30", "6,30", "6:30")]),
        ("um 6 Uhr 30", "at 6:30", []),
        ("16.99 or 123.45", "", [("16.99", "16,99"), ("123.45", "123,45")]),
        ("Call +49 (170) 123-4567 now", "Ruf an", [("+49 (170) 123-4567",)]),
        ("Call +49 170 1234567.", "Ruf +49 170 1234567 an.", []),
        ("Call +49 170 123 456.", "Ruf an.", [("+49 170 123 456",)]),
        ("2-3 at https://a.org/2024", "zwei bis drei auf https://a.org/2024", []),
    ],
)
def test_what_should_have_come_through(
    source: str, translation: str, missing: list[tuple[str, ...]]
) -> None:
    assert list(missing_terms(source, translation)) == missing


@pytest.mark.parametrize(
    ("source", "target", "terms", "expected"),
    [
        ("I use C++, too", "Ich nutze C++, auch", {"C++": "C++"}, "Ich nutze C++, auch"),
        ("I use C++, too", "Ich nutze C++, auch", {"C++": "Ce"}, "Ich nutze Ce, auch"),
        ("I use Ce, too", "Ich nutze C++, auch", {"Ce": "C++"}, "Ich nutze C++, auch"),
        ("I use .NET now", "Ich nutze .NET nun", {".NET": "dotnet"}, "Ich nutze dotnet nun"),
        ("my old house.", "mein altes Haus.", {"house.": "Heim!"}, "mein altes Heim!"),
        ("my old house.", "mein altes Haus.", {"house.": "Heim"}, "mein altes Heim."),
        ("my old house.", "mein altes Haus.", {"house": "Heim"}, "mein altes Heim."),
    ],
)
def test_a_term_has_its_own_marks(
    source: str, target: str, terms: dict[str, str], expected: str
) -> None:
    words = [Words.of_pieces([text.encode()]) for text in (source, target)]
    size = len(words[0].texts)
    draft = Draft(target, 0.0, (), (), *words, np.eye(size, size + 1, dtype=np.float32))
    mentions = Glossary(terms).mentions(source)
    new, lost = put_in_place(draft, source, mentions, {one.target for one in mentions})
    assert (new.text, lost) == (expected, [])
    assert new.target is not None
    assert " ".join(new.target.texts) == expected


def test_a_glossary_finds_its_terms() -> None:
    terms = {"train": "Zug", "train station": "Haupt  bahnhof", "US": "USA", "駅": "Bahnhof"}
    glossary = Glossary(terms)

    def found(text: str) -> list[tuple[str, str]]:
        bare = "".join(text.split())
        return [(bare[slice(*one.span)], one.target) for one in glossary.mentions(text)]

    assert found("The Train  STATION") == [("TrainSTATION", "Haupt bahnhof")]
    assert found("trains for us, and a train for the US") == [("train", "Zug"), ("US", "USA")]
    assert [target for _, target in found("東京駅")] == ["Bahnhof"]
    assert found("{train} at https://a.org/train or <train>") == []
    assert Glossary({"{n} km": "{n} Kilometer", "{n}": "{m}"}).mentions("{n}") == (((0, 3), "{m}"),)
    assert Glossary({}).mentions("anything") == ()
    with pytest.raises(UsageError, match="the glossary has an empty side: 'a', ' '"):
        Glossary({"a": " "})


def test_a_glossary_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "terms.tsv"
    path.write_text("\ufeffdog\tHund\n\n cat \t Katze\ndog\tHund\n", encoding="utf-8")
    assert Glossary.read(path).terms == {"dog": "Hund", "cat": "Katze"}
    for line, message in (
        ("dog", "line 1: write source term, tab, target term, not 'dog'"),
        ("dog\t", "line 1: write source term, tab, target term"),
        ("a\tb\tc", "line 1: write source term"),
        ("a\tb\na\tc", "line 2: 'a' has another translation on line 1: leave one out"),
    ):
        path.write_text(line)
        with pytest.raises(DataError, match=message):
            Glossary.read(path)
    path.write_bytes(b"\xff\t\xff")
    with pytest.raises(DataError, match=r"terms.tsv is not UTF-8; convert it first"):
        Glossary.read(path)
    with pytest.raises(DataError, match=r"cannot read .*No such file"):
        Glossary.read(tmp_path / "none")


def test_words_are_what_stands_between_spaces() -> None:
    words = Words.of_pieces([b" Gut", b"en", b" ", b"Tag", b"!", b""])
    assert words.texts == ("Guten", "Tag!")
    assert words.of == (0, 0, -1, 1, 1, -1)


def test_tokens_are_the_words_of_unspaced_scripts() -> None:
    pieces = [
        " 東京".encode(),
        "に".encode(),
        b"New",
        b"York",
        *(bytes([b]) for b in "駅".encode()),
    ]
    words = Words.of_pieces(pieces)
    assert words.texts == ("東京", "に", "NewYork", "駅")
    assert words.of == (0, 1, 2, 2, 3, 3, 3)
    assert Words.of_pieces([b"\xff", b"a"]).texts == ("\ufffda",)


def test_weights_of_words_are_summed_over_the_source_and_averaged_over_the_target() -> None:
    source = Words(("a", "b"), (0, 0, 1))
    target = Words(("x",), (0, 0, -1))
    weights = np.array([[0.1, 0.2, 0.3, 0.4], [0.3, 0.2, 0.5, 0.0], [0, 0, 0, 1]], np.float32)
    np.testing.assert_allclose(word_weights(weights, source, target), [[0.4, 0.4, 0.2]], rtol=1e-6)


def test_alignments_leave_out_what_looked_at_the_end() -> None:
    assert align(np.array([[0.2, 0.1, 0.7]])) == []
    assert align(np.array([[0.0, 0.0, 0.0]])) == []
    assert align(np.array([[0.6, 0.31, 0.09], [0.3, 0.3, 0.4]])) == [(0, 0), (1, 0)]


def test_the_source_of_each_token() -> None:
    tokenizer = WordTokenizer.train(["in the rain , ."], TokenizerSettings(kind="word"))
    for text, pieces in (
        ("Łódź, in Ruhr.", ["Łódź", ",", "", "in", "", "Ruhr", "."]),
        ("the Łódź", ["the", "", "Łódź"]),
        ("Łódź", ["Łódź"]),
        ("", []),
    ):
        assert source_pieces(tokenizer, tokenizer.encode(text), text) == pieces
    letters = CharTokenizer.train(["abc"], TokenizerSettings(kind="char"))
    assert source_pieces(letters, letters.encode("aŁób"), "aŁób") == ["a", "Ł", "ó", "b"]
    assert source_pieces(tokenizer, [UNK, UNK], "one two three") == ["one two three", ""]
    assert [core(word) for word in ("(Łódź,", "it's", "!?", "a-b.")] == [
        "Łódź",
        "it's",
        "!?",
        "a-b",
    ]


def test_the_keyword_arguments_are_the_fields() -> None:
    own = set(TranslationSettings.__dataclass_fields__) - {"generation"}
    assert set(get_type_hints(TranslationOptions)) == own | set(GenerationOptions.__annotations__)


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"beam": 3}, UnknownNameError, r"no translation option 'beam' .*did you mean 'beam_size'"),
    ({"stop": "x"}, UsageError, "stop does not apply to translation: leave it out"),
    ({"num_samples": 2}, UsageError, "num_samples does not apply to translation"),
    ({"top_k": 2}, UsageError, "top_k does not apply to beam search: give sample too"),
    ({"temperature": 0}, UsageError, "temperature does not apply to beam search"),
    ({"beam_size": 0}, UsageError, "beam_size is 0: give a whole number from 1 to 4,096"),
    ({"n_best": True}, UsageError, "n_best is True: give a whole number from 1"),
    ({"batch_tokens": 2.5}, UsageError, "batch_tokens is 2.5: give a whole number"),
    ({"split_tokens": -1}, UsageError, "split_tokens is -1: give a whole number"),
    ({"coverage_penalty": -0.1}, UsageError, "coverage_penalty is -0.1: give a number of at least"),
    ({"beam_threshold": -2}, UsageError, "beam_threshold is -2: give a number of at least 0"),
    ({"length_penalty": float("nan")}, UsageError, "length_penalty is nan: give a number from -10"),
    ({"length_penalty": 11}, UsageError, "length_penalty is 11: give a number from -10 to 10"),
    ({"max_length_ratio": 0}, UsageError, "max_length_ratio is 0: give a number above 0"),
    ({"sample": True, "beam_size": 3}, UsageError, r"beam_size does not apply to sampling"),
    ({"sample": True, "glossary": {"a": "b"}}, UsageError, "glossary does not apply to sampling"),
    ({"sample": True, "top_p": 2}, UsageError, "top_p is 2: give a number above 0"),
    ({"prefix": 5}, UsageError, r"prefix is 5: give text \(str\)"),
    ({"glossary": 5}, UsageError, "glossary is 5: give a mapping, or a file's path"),
    ({"glossary": {"a": 5}}, UsageError, r"the glossary has 5, of type int: give text \(str\)"),
    (
        {"prefix": "Der Zug", "ban": ["Bahn", "Zug"]},
        UsageError,
        "ban is 'Zug', which is in the prefix 'Der Zug': leave one out",
    ),
    (
        {"glossary": {"station": "Bahnhof"}, "ban": [(7,), "hof"]},
        UsageError,
        "ban is 'hof', which is in the glossary's term 'Bahnhof': leave one out",
    ),
]


@pytest.mark.parametrize(("options", "kind", "message"), REFUSED)
def test_what_is_wrong_or_idle_is_refused_by_name(
    options: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        TranslationSettings.of(options)


def test_what_does_not_apply_is_not_proposed() -> None:
    with pytest.raises(UnknownNameError, match="no translation option 'foo'") as caught:
        TranslationSettings.of({"foo": 1})  # type: ignore[typeddict-unknown-key]
    assert "num_samples" not in str(caught.value)
    assert "stop" not in str(caught.value)


def test_settings_are_filled_in() -> None:
    done = TranslationSettings.of({"n_best": 2}).resolve({"beam_size": 3, "length_penalty": 0.6})
    assert (done.beam_size, done.n_best, done.length_penalty) == (3, 2, 0.6)
    assert (done.coverage_penalty, done.max_length_ratio, done.split_tokens) == (0.0, 2.0, 64)
    drawn = TranslationSettings.of({"sample": True, "seed": 5}).resolve({"beam_size": 3})
    assert (drawn.beam_size, drawn.length_penalty, drawn.generation.seed) == (None, None, 5)
    assert TranslationSettings(sample=True).resolve({}).generation.seed is not None
    assert TranslationSettings().resolve({}).generation.seed is None  # a search draws nothing
    with pytest.raises(UsageError, match="n_best is 9: give a whole number from 1 to 5, the beam"):
        TranslationSettings(n_best=9).resolve({})
    with pytest.raises(UnknownNameError, match="no recommended translation setting 'beams'"):
        TranslationSettings().resolve({"beams": 5})
    rules = GenerationSettings(no_repeat_ngram_size=3)
    assert TranslationSettings.of({"no_repeat_ngram_size": 3}).generation == rules
