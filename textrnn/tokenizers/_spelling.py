"""Ids as the characters that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textrnn.tokenizers._base import Tokenizer

__all__ = ["Spelling", "Spelt"]

_BYTES = 0x11_0000  # beyond all characters: bytes that are none by themselves


class Spelt(NamedTuple):
    """Texts in characters.

    Args:
        characters: code points (B, S), padded with 0.
        lengths: of the texts (B,).
        tokens: which of a text's tokens each character belongs to (B, S).
    """

    characters: NDArray[np.int64]
    lengths: NDArray[np.int64]
    tokens: NDArray[np.int64]


class Spelling:
    """The characters of every id.

    Args:
        contents: the bytes that each id stands for (V,), see :meth:`Tokenizer.content_of`.

    >>> import numpy as np
    >>> spelling = Spelling([b"", b"a", "\u00e9t".encode()])
    >>> spelling.spell(np.array([[2, 1, 1], [1, 0, 0]]), np.array([3, 1])).characters
    array([[233, 116,  97,  97],
           [ 97,   0,   0,   0]])
    """

    def __init__(self, contents: Iterable[bytes]) -> None:
        import numpy as np

        spelt = [_characters(content) for content in contents]
        self._lengths = np.array([len(one) for one in spelt], np.int64)
        self._begins = np.concatenate([[0], self._lengths.cumsum()[:-1]])
        self._characters = np.array([code for one in spelt for code in one], np.int64)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Spelling:
        """That of a tokenizer's ids."""
        return cls(map(tokenizer.content_of, range(tokenizer.vocab_size)))

    def spell(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Spelt:
        """Texts (B, T) of ``lengths`` (B,), padded on the right, in characters."""
        import numpy as np

        real = np.arange(ids.shape[1]) < lengths[:, np.newaxis]
        sizes = np.where(real, self._lengths[ids], 0)
        spelt = sizes.sum(axis=1)
        width = int(spelt.max(initial=0))
        characters = np.zeros((len(ids), width), np.int64)
        tokens = np.zeros((len(ids), width), np.int64)
        within = np.arange(width) < spelt[:, np.newaxis]
        flat = sizes.ravel()
        # Of every character, how far it is from the first one of its token.
        behind = np.arange(flat.sum()) - np.repeat(flat.cumsum() - flat, flat)
        characters[within] = self._characters[np.repeat(self._begins[ids].ravel(), flat) + behind]
        tokens[within] = np.repeat(np.tile(np.arange(ids.shape[1]), len(ids)), flat)
        return Spelt(characters, spelt, tokens)


def _characters(content: bytes) -> list[int]:
    """Code points; of what is not whole characters, the bytes."""
    try:
        return [ord(character) for character in content.decode()]
    except UnicodeDecodeError:
        return [_BYTES + byte for byte in content]
