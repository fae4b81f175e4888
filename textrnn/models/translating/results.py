"""What a translator answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from textrnn.engines import Floats
from textrnn.models.results import Score, TokenScore

__all__ = ["AttentionMap", "Candidate", "Translation", "TranslationScore"]


@dataclass(frozen=True)
class Candidate:
    """One of the n best translations.

    Args:
        text: the translation.
        score: what the search goes by: the log-probability weighed by length, and the coverage
            penalty. Of a text in several segments, their sum.
        alignment: as of a :class:`Translation`, where it was asked for.
        target_words: likewise.
    """

    text: str
    score: float
    alignment: tuple[tuple[int, int], ...] | None = None
    target_words: tuple[str, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; the alignment and its words only where they were asked for."""
        record: dict[str, Any] = {"text": self.text, "score": self.score}
        if self.alignment is not None:
            record["alignment"] = [list(pair) for pair in self.alignment]
            record["target_words"] = list(self.target_words)
        return record

    @property
    def pharaoh(self) -> str:
        """The alignment as ``s-t`` pairs with spaces between.

        >>> Candidate("c", 0.0, ((0, 0), (1, 0))).pharaoh
        '0-0 1-0'
        """
        return " ".join(f"{source}-{target}" for source, target in self.alignment or ())


@dataclass(frozen=True)
class Translation:
    """A translation.

    Args:
        source: what was translated, as it was given.
        text: the translation, of as many lines as the source.
        score: of the best candidate; nan where nothing was translated.
        n_best: the best candidates, best first.
        tokens: the best one's tokens with their surprisals under the model, EOS of each segment
            included; what was copied has none.
        alignment: (source word, target word) pairs, where they were asked for. They are of words,
            not of subword pieces: places in ``source_words`` and ``target_words``.
        source_words: what stands between white space; in scripts without spaces, the tokens.
        target_words: likewise.
    """

    source: str
    text: str
    score: float
    n_best: tuple[Candidate, ...]
    tokens: tuple[TokenScore, ...] = field(default=(), repr=False)
    alignment: tuple[tuple[int, int], ...] | None = None
    source_words: tuple[str, ...] = field(default=(), repr=False)
    target_words: tuple[str, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; the alignment and its words only where they were asked for."""
        record: dict[str, Any] = {
            "source": self.source,
            "translation": self.text,
            "score": self.score,
            "n_best": [one.as_dict() for one in self.n_best],
        }
        if self.alignment is not None:
            record["alignment"] = [list(pair) for pair in self.alignment]
            record["source_words"] = list(self.source_words)
            record["target_words"] = list(self.target_words)
        return record

    @property
    def pharaoh(self) -> str:
        """The alignment as ``s-t`` pairs with spaces between."""
        return Candidate(self.text, self.score, self.alignment).pharaoh


@dataclass(frozen=True)
class TranslationScore(Score):
    """How well a translator predicts a target, given its source: EOS is counted.

    Args:
        text: the target.
        tokens: each of its tokens, and EOS, with its surprisal.
        source: what it is to be a translation of.

    >>> score = TranslationScore("ab", (TokenScore("ab", 5, 2.0), TokenScore("</s>", 3, 1.0)), "x")
    >>> score.bits, round(score.perplexity, 3)
    (3.0, 2.828)
    """

    source: str = ""


@dataclass(frozen=True)
class AttentionMap:
    """Where the decoder looked, by words.

    Args:
        source_words: (U,).
        target_words: (W,).
        weights: (W, U); what a row lacks to 1 went to the end of the sentence.
    """

    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    weights: Floats = field(repr=False, compare=False)
