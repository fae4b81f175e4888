"""From pieces to words: what a reader's alignments and pictures are of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textrnn.engines import Floats
from textrnn.generation import is_unspaced
from textrnn.tokenizers import UNK, Tokenizer

__all__ = ["Words", "align", "alone", "core", "source_pieces", "word_weights"]

_SHARE = 0.5  # of the most looked-at word's weight, from which on another one is aligned too
_UNKNOWN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """The words of a text, and to which of them each token belongs.

    Words are what stands between white space; in scripts without spaces (Han, kana, Thai, ...) each
    token is a word.

    Args:
        texts: the words (W,).
        of: for each token the place of its word, or -1: it has no characters, as EOS (T,).

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> words = Words.of_pieces([b"Gut", b"en", b" Tag", b""])
    >>> words.texts, words.of
    (('Guten', 'Tag'), (0, 0, 1, -1))
    """

    texts: tuple[str, ...]
    of: tuple[int, ...]

    @classmethod
    def of_ids(cls, tokenizer: Tokenizer, ids: Sequence[int]) -> Words:
        """The words of the text of ``ids``."""
        return cls.of_pieces([tokenizer.to_bytes((id,)) for id in ids])

    @classmethod
    def of_pieces(cls, pieces: Sequence[bytes]) -> Words:
        """The words of a text that is in pieces of UTF-8, which may be parts of characters."""
        whole = b"".join(pieces)
        starts = np.cumsum([0, *map(len, pieces)])
        unspaced = is_unspaced(whole.decode(errors="replace"))
        texts: list[bytes] = []
        of: list[int] = []
        fresh, open_character = True, False
        for piece, start in zip(pieces, starts.tolist(), strict=False):
            place = -1
            for part in re.findall(rb"[ \n]+|[^ \n]+", piece):
                if part[0] in b" \n":
                    fresh = True
                    continue
                if fresh or (unspaced and not open_character and _stands_alone(whole, start, part)):
                    texts.append(b"")
                texts[-1] += part
                fresh, place = False, len(texts) - 1
            open_character = _is_open(whole[: start + len(piece)])
            of.append(place)
        return cls(tuple(text.decode(errors="replace") for text in texts), tuple(of))


def _stands_alone(whole: bytes, start: int, part: bytes) -> bool:
    """Whether a piece of an unspaced text begins a word: it or what is before it is unspaced."""
    before = whole[:start].decode(errors="ignore")[-1:]
    after = whole[start : start + max(4, len(part))].decode(errors="ignore")[:1]
    return is_unspaced(before + after)


def _is_open(text: bytes) -> bool:
    """Whether a text ends in the middle of a character."""
    return any(
        byte >= 0xC0 and count < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4)
        for count, byte in enumerate(reversed(text[-3:]), 1)
    )


def word_weights(weights: Floats, source: Words, target: Words) -> Floats:
    """How much each target word looked at each source word, and last at none: (W, U + 1).

    The weights of a source word's tokens are summed, and the mean is taken over those of a target
    word.

    Args:
        weights: of target tokens to source tokens (T, S).
        source: the words of S tokens or fewer; the rest counts as none.
        target: the words of T tokens.
    """
    columns = np.full(weights.shape[1], len(source.texts))
    columns[: len(source.of)] = [len(source.texts) if word < 0 else word for word in source.of]
    summed = np.zeros((len(weights), len(source.texts) + 1), np.float32)
    np.add.at(summed.T, columns, weights.T)
    by_word = np.zeros((len(target.texts), summed.shape[1]), np.float32)
    rows = np.array(target.of, np.int64)
    np.add.at(by_word, rows[rows >= 0], summed[: len(rows)][rows >= 0])
    counts = np.bincount(rows[rows >= 0], minlength=len(target.texts))
    by_word /= np.maximum(counts, 1)[:, None].astype(np.float32)
    return by_word


def align(shares: Floats) -> list[tuple[int, int]]:
    """The aligned words (source, target), by target word.

    A target word is aligned with the source word that it looked at most, and with all that got at
    least half of that; with none where it looked mostly at none.

    Args:
        shares: as :func:`word_weights` gives them (W, U + 1).

    >>> align(np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]))
    [(0, 0), (0, 2), (1, 2)]
    """
    pairs: list[tuple[int, int]] = []
    for place, row in enumerate(shares):
        most = row[:-1].max(initial=0.0)
        if most > 0 and most >= row[-1]:
            pairs += [(int(word), place) for word in np.flatnonzero(row[:-1] >= _SHARE * most)]
    return pairs


def source_pieces(tokenizer: Tokenizer, ids: Sequence[int], text: str) -> list[str]:
    """What each token of a source text stands for; UNK for what the vocabulary lacks.

    >>> from textrnn.tokenizers import TokenizerSettings
    >>> from textrnn.tokenizers.word import WordTokenizer
    >>> tokenizer = WordTokenizer.train(["in rain"], TokenizerSettings(kind="word"))
    >>> source_pieces(tokenizer, tokenizer.encode("in Łódź"), "in Łódź")
    ['in', '', 'Łódź']
    """
    contents = [tokenizer.to_bytes((id,)).decode(errors="replace").strip() for id in ids]
    pieces = ["" if id == UNK else content for id, content in zip(ids, contents, strict=True)]
    place, waiting = 0, []
    for token, (id, content) in enumerate(zip(ids, contents, strict=True)):
        if id == UNK:
            waiting.append(token)
        elif content:
            found = max(place, text.find(content, place))
            _share(text[place:found], waiting, pieces)
            place, waiting = found + len(content), []
    _share(text[place:], waiting, pieces)
    return pieces


def _share(text: str, tokens: Sequence[int], pieces: list[str]) -> None:
    """Share an unknown part of a text out among the tokens that stand for it."""
    parts = list(text) if len(text) == len(tokens) else _UNKNOWN.findall(text)
    if len(parts) != len(tokens):
        parts = [text.strip()]
    for token, part in zip(tokens, parts, strict=False):
        pieces[token] = part


def core(word: str) -> str:
    """A word without the marks around it.

    >>> core("(Łódź,")
    'Łódź'
    """
    found = _CORE.search(word)
    return found[0] if found else word


def alone(text: str, pattern: str | None = None) -> str:
    """A pattern that finds a text where it is no part of a longer word or number.

    Args:
        text: what is to be found.
        pattern: how it may be written; None: letter for letter.

    >>> [bool(re.search(alone("Zug"), text)) for text in ("Der Zug.", "Zugluft")]
    [True, False]
    """
    begins, ends = (one.isalnum() and not is_unspaced(one) for one in (text[0], text[-1]))
    before = r"(?<!\w)(?<!\d[.,:])" if begins else ""
    after = r"(?!\w)(?![.,:]\d)" if ends else ""
    return before + (re.escape(text) if pattern is None else pattern) + after
