"""The scores are sacrebleu's own, signature and all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU

from textrnn.errors import DataError, UnknownNameError
from textrnn.metrics import compare_translations, score_translations
from textrnn.metrics.translation import TOKENIZATIONS

REFERENCE = [
    "The cat sat on the mat .",
    "There is a dog in the garden, and it barks.",
    "She reads a book every evening.",
    "We went home when it began to rain.",
]
OTHER = [line.replace(" the ", " that ") for line in REFERENCE]
GOOD = [REFERENCE[0], REFERENCE[1].replace("dog", "cat"), *REFERENCE[2:]]
POOR = ["A cat is on a mat .", "In the garden a dog barks.", "She books.", "Home went we."]


def test_the_scores_are_those_of_sacrebleu() -> None:
    scores = score_translations(GOOD, [REFERENCE, OTHER])
    assert scores["BLEU"].value == sacrebleu.corpus_bleu(GOOD, [REFERENCE, OTHER]).score
    assert scores["chrF2"].value == sacrebleu.corpus_chrf(GOOD, [REFERENCE, OTHER]).score
    assert scores["TER"].value == sacrebleu.corpus_ter(GOOD, [REFERENCE, OTHER]).score
    version = f"version:{sacrebleu.__version__}"
    assert scores["BLEU"].signature == f"nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|{version}"
    assert scores["chrF2"].signature.startswith("nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no")
    assert scores["TER"].signature.startswith("nrefs:2|case:lc|tok:tercom")


def test_a_perfect_translation() -> None:
    scores = score_translations(REFERENCE, [REFERENCE])
    assert scores["BLEU"].value == pytest.approx(100)
    assert scores["chrF2"].value == 100
    assert scores["TER"].value == 0


@pytest.mark.parametrize("tokenize", TOKENIZATIONS)
def test_each_tokenization_stands_in_the_signature(tokenize: str) -> None:
    assert tokenize in BLEU.TOKENIZERS
    score = score_translations(POOR, [REFERENCE], tokenize=tokenize)["BLEU"]
    assert f"|tok:{tokenize}|" in score.signature


def test_a_comparison_is_signed_and_repeatable() -> None:
    first, second = REFERENCE * 5, POOR * 5
    found = compare_translations(first, second, [REFERENCE * 5], samples=200)
    assert found == compare_translations(first, second, [REFERENCE * 5], samples=200)
    assert list(found) == ["BLEU", "chrF2", "TER"]
    bleu = found["BLEU"]
    assert bleu.first == pytest.approx(100)
    assert bleu.second == sacrebleu.corpus_bleu(second, [REFERENCE * 5]).score
    assert bleu.p_value < 0.05
    assert bleu.interval is None
    assert bleu.making.startswith("nrefs:1|bs:200|seed:12345|")


def test_a_system_is_not_better_than_itself() -> None:
    assert compare_translations(GOOD, GOOD, [REFERENCE], samples=50)["BLEU"].p_value == 1


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [[]], "there is nothing to score: no translations, or no references"),
        (["a"], [], "there is nothing to score: no translations, or no references"),
        (["a"], [["a"], ["a", "b"]], "1 translations for 2 references"),
    ],
)
def test_what_cannot_be_scored(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        score_translations(hypotheses, references)


def test_systems_that_do_not_pair() -> None:
    with pytest.raises(DataError, match="4 translations for 3 references"):
        compare_translations(GOOD, POOR[:3], [REFERENCE])


def test_an_unknown_tokenization() -> None:
    with pytest.raises(UnknownNameError, match=r"no tokenization '13b' .* did you mean '13a'\?"):
        score_translations(GOOD, [REFERENCE], tokenize="13b")


def test_a_sentence_with_fewer_references_than_others_loses_nothing() -> None:
    said = ["the cat sat on the mat there", "a dog ran"]
    both: list[list[str | None]] = [["the cat sat on the mat here", "a dog ran"], ["x y", None]]
    scores = score_translations(said, both)
    alone = score_translations(said, both[:1])
    assert "nrefs:var" in scores["BLEU"].signature
    assert scores["BLEU"].value == pytest.approx(alone["BLEU"].value)
    empty = score_translations(said, [both[0], ["x y", ""]])
    assert "nrefs:2" in empty["BLEU"].signature
