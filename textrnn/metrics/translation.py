"""Scores of a translator, by sacrebleu, which signs them (Post 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from textrnn.errors import DataError, UnknownNameError
from textrnn.metrics.comparison import Comparison

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

__all__ = ["SignedScore", "compare_translations", "score_translations"]

TOKENIZATIONS = ("13a", "intl", "zh", "char", "none")  # sacrebleu's others fetch files or packages


@dataclass(frozen=True)
class SignedScore:
    """A score from 0 to 100 (TER: from 0, and less is better) with sacrebleu's signature."""

    value: float
    signature: str


def score_translations(
    hypotheses: Sequence[str], references: Sequence[Sequence[str | None]], *, tokenize: str = "13a"
) -> dict[str, SignedScore]:
    """BLEU, chrF2 and TER of translations, by name.

    Args:
        hypotheses: the translations.
        references: one or more reference translations of the whole, each as long as hypotheses;
            None stands where one has no further reference, an empty text being a reference too.
        tokenize: how BLEU cuts words: ``"13a"``, ``"intl"``, ``"zh"``, ``"char"`` or ``"none"``.

    Raises:
        DataError: there are none, or a reference is not as long as the hypotheses.
        UnknownNameError: no such tokenization.

    >>> scores = score_translations(["The cat sat there."], [["The cat sat here."]])
    >>> round(scores["chrF2"].value, 2), scores["TER"].value
    (81.76, 25.0)
    """
    _check_lengths(hypotheses, references)
    scores = {}
    for name, metric in _metrics(tokenize).items():
        value = metric.corpus_score(hypotheses, cast(Any, references)).score  # it takes None
        scores[name] = SignedScore(value, str(metric.get_signature()))
    return scores


def compare_translations(
    first: Sequence[str],
    second: Sequence[str],
    references: Sequence[Sequence[str | None]],
    *,
    tokenize: str = "13a",
    samples: int = 1000,
) -> dict[str, Comparison]:
    """Compare two translations of the same text in BLEU, chrF2 and TER, by sacrebleu's bootstrap.

    Its seed is 12345 unless ``SACREBLEU_SEED`` says otherwise; it stands in ``making``.

    Args:
        first: the first system's translations.
        second: the second system's.
        references: as for :func:`score_translations`.
        tokenize: as for :func:`score_translations`.
        samples: how many times to resample.

    Raises:
        DataError: as for :func:`score_translations`.
        UnknownNameError: no such tokenization.
    """
    from sacrebleu.significance import PairedTest

    _check_lengths(first, [second, *references])
    systems = [("first", first), ("second", second)]
    texts = cast(Any, references)
    test = PairedTest(systems, _metrics(tokenize), texts, test_type="bs", n_samples=samples)
    signatures, results = test()
    comparisons = {}
    for name, signature in signatures.items():
        base, other = cast("list[Any]", results[name])
        # sacrebleu counts resamples beyond the difference, so it finds equal systems significant.
        p_value = other.p_value if other.score != base.score else 1.0
        comparisons[name] = Comparison(base.score, other.score, None, p_value, str(signature))
    return comparisons


def _metrics(tokenize: str) -> dict[str, Metric]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if tokenize not in TOKENIZATIONS:
        raise UnknownNameError("tokenization", tokenize, TOKENIZATIONS)
    return {"BLEU": BLEU(tokenize=tokenize), "chrF2": CHRF(), "TER": TER()}


def _check_lengths(hypotheses: Sequence[str], references: Sequence[Sequence[str | None]]) -> None:
    if not hypotheses or not references:
        raise DataError("there is nothing to score: no translations, or no references")
    for reference in references:
        if len(reference) != len(hypotheses):
            raise DataError(f"{len(hypotheses)} translations for {len(reference)} references")
