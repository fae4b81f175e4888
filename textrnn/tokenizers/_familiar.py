"""How much of a text a vocabulary knows: other scripts and languages fall to crumbs in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textrnn.tokenizers._base import UNK, Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Familiarity"]

_LETTERS = 3  # of a part of a word that says something


class Familiarity:
    """Tells which of a text's tokens are familiar ones: words, marks, and parts of 3 letters on.

    Unknown tokens, bytes of characters that the vocabulary lacks, and parts of words of one or two
    letters are not: an English vocabulary cuts other languages into those. White space counts for
    nothing.

    Args:
        tokenizer: whose vocabulary.

    >>> from textrnn.tokenizers import load_tokenizer, vocab_path
    >>> tokenizer = load_tokenizer(vocab_path("stories_sp8000"))
    >>> texts = ("He had never been happier.", "Er war nie so glücklich.", "とても幸せ")
    >>> shares = Familiarity(tokenizer).shares([tokenizer.encode(text) for text in texts])
    >>> shares.round(2).tolist()
    [1.0, 0.23, 0.0]
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        import numpy as np

        self._tokenizer = tokenizer
        self._kinds = np.full(tokenizer.vocab_size, -1, np.int8)  # found out when they are met

    def shares(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The share of each text's tokens that are familiar (N,); 0 for a text without any.

        Args:
            rows: the ids of each text, without BOS and EOS.
        """
        import numpy as np

        found = np.zeros(len(rows))
        filled = [place for place, row in enumerate(rows) if len(row)]
        if not filled:
            return found
        ids = np.concatenate([rows[place] for place in filled])
        lengths = np.array([len(rows[place]) for place in filled])
        begins = np.cumsum(lengths) - lengths
        kinds = self._kinds_of(ids)
        ends = np.append(kinds[1:] & _BEGINS, _BEGINS) > 0  # whether a word ends with the token
        ends[begins[1:] - 1] = True
        begin = (kinds & _BEGINS) > 0
        begin[1:] |= (kinds[:-1] & _SPACE) > 0
        begin[begins] = True
        known = ((kinds & _FAMILIAR) > 0) | (((kinds & _CRUMB) > 0) & begin & ends)
        real = (kinds & _SPACE) == 0
        counts = np.add.reduceat(real.astype(np.int64), begins)
        known_counts = np.add.reduceat((known & real).astype(np.int64), begins)
        found[filled] = known_counts / np.maximum(counts, 1)
        return found

    def _kinds_of(self, ids: NDArray[np.int64]) -> NDArray[np.int8]:
        kinds = self._kinds[ids]
        if (kinds < 0).any():
            for id in set(ids[kinds < 0].tolist()):
                self._kinds[id] = _kind(id, self._tokenizer.to_bytes((id,)))
            kinds = self._kinds[ids]
        return kinds


_BEGINS, _FAMILIAR, _CRUMB, _SPACE = 1, 2, 4, 8


def _kind(id: int, content: bytes) -> int:
    """What a token is; one without letters begins a word, as a space before its letters does."""
    if id == UNK:
        return _BEGINS
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return 0  # a byte of a character
    begins = 0 if text[:1].isalnum() else _BEGINS
    if not text.strip():
        return begins | _SPACE
    letters = sum(map(str.isalpha, text))
    return begins | (_CRUMB if 0 < letters < _LETTERS else _FAMILIAR)
