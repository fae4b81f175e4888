"""The surprisal of words: the tokens of a score, put together as the words of its text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textrnn.models.results import Score, TokenScore
from textrnn.tokenizers import Tokenizer

__all__ = ["WordScore", "word_scores"]

_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True)
class WordScore:
    """A word of a scored text.

    Args:
        word: as it stands in the text, between white space.
        tokens: those that spell it and the white space before it.
    """

    word: str
    tokens: tuple[TokenScore, ...]

    @property
    def bits(self) -> float:
        """Its surprisal, -log2 p(word | all before it): that of its tokens, summed."""
        return math.fsum(token.bits for token in self.tokens)


def word_scores(score: Score, tokenizer: Tokenizer) -> list[WordScore]:
    """The words of a text with their surprisals, which sum to the text's.

    A word takes the white space before it, as its first token does in most tokenizers; white space
    at the end of the text belongs to the last word. Words that share a token are one entry.

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> tokenizer = ByteTokenizer()
    >>> tokens = [TokenScore("", id, 1.5) for id in tokenizer.encode("an ox")]
    >>> [(word.word, word.bits) for word in word_scores(Score("an ox", tuple(tokens)), tokenizer)]
    [('an', 3.0), ('ox', 4.5)]
    """
    ids = [token.id for token in score.tokens]
    words, begin = [], 0
    for text, count in _aligned(list(_segments(score.text)), ids, tokenizer):
        words.append(WordScore(text.strip(), score.tokens[begin : begin + count]))
        begin += count
    return words


def _segments(text: str) -> Iterator[str]:
    """Words with the white space before them, the rest with the last one."""
    ends = [match.end() for match in _WORD.finditer(text)]
    ends[-1:] = [len(text)] if text else []
    for begin, end in zip([0, *ends], ends, strict=False):
        yield text[begin:end]


def _aligned(
    segments: Sequence[str], ids: Sequence[int], tokenizer: Tokenizer
) -> Iterator[tuple[str, int]]:
    """Segments, joined where the tokenizer does not keep them apart, with their tokens' number."""
    begin, held = 0, ""
    for place, segment in enumerate(segments):
        held += segment
        found = tokenizer.encode(held)
        last = place == len(segments) - 1
        if last or (found and list(ids[begin : begin + len(found)]) == found):
            count = len(ids) - begin if last else len(found)
            yield held, count
            begin, held = begin + count, ""
