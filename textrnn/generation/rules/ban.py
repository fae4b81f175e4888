"""Ban: token sequences and texts that must not appear."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from textrnn.errors import UsageError
from textrnn.generation.rules._base import Ids, Logits

if TYPE_CHECKING:
    from textrnn.tokenizers import Tokenizer

__all__ = ["Ban"]


@dataclass(frozen=True)
class Ban:
    """Bans the token that would complete a sequence, or a text.

    Sequences are as in ``NoBadWordsLogitsProcessor`` of transformers. A banned *text*
    (:meth:`of_texts`) never appears, however it may be cut into tokens: within one token, across
    several, or begun by the end of the prompt.
    https://huggingface.co/docs/transformers/internal/generation_utils

    Args:
        sequences: token sequences; where ids end with all but the last token, the last is banned.
        texts: texts in UTF-8 that must not appear.
        contents: the bytes that each of the V ids stands for; needed where there are texts.

    >>> Ban(((4,), (2, 3)))(np.array([[2], [5]]), np.zeros((2, 5), np.float32))
    array([[  0.,   0.,   0., -inf, -inf],
           [  0.,   0.,   0.,   0., -inf]], dtype=float32)

    Raises:
        UsageError: an empty sequence or text, or an id outside the vocabulary.
    """

    sequences: tuple[tuple[int, ...], ...] = ()
    texts: tuple[bytes, ...] = ()
    contents: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that nothing is empty."""
        if not all(self.sequences) or not all(self.texts):
            raise UsageError("ban has an empty text: give what must not appear")

    @classmethod
    def of_texts(cls, texts: Iterable[str], tokenizer: Tokenizer) -> Ban:
        """The rule that keeps ``texts`` out of what is generated."""
        contents = tuple(tokenizer.to_bytes((token,)) for token in range(tokenizer.vocab_size))
        return cls((), tuple(text.encode("utf-8", "surrogatepass") for text in texts), contents)

    @classmethod
    def from_text(cls, text: str, tokenizer: Tokenizer) -> Ban:
        """The rule that bans one text."""
        return cls.of_texts([text], tokenizer)

    def __call__(self, ids: Ids, logits: Logits) -> Logits:
        """Logits (B, V), those tokens banned that complete what must not follow ids (B, T)."""
        new = logits.copy()
        for *begun, last in self.sequences:
            if not 0 <= last < logits.shape[1]:
                raise UsageError(f"ban of id {last}: ids run from 0 to {logits.shape[1] - 1}")
            if len(begun) <= ids.shape[1]:
                rows = (ids[:, ids.shape[1] - len(begun) :] == begun).all(axis=1)
                new[rows, last] = -np.inf
        if self.texts:
            for row, tail in enumerate(self._tails(ids)):
                for start, tokens in self._completions:
                    if tail.endswith(start):
                        new[row, tokens] = -np.inf
        return new

    def _tails(self, ids: Ids) -> list[bytes]:
        """The end of each row's text, long enough to hold the beginning of any banned text."""
        longest = max(map(len, self.texts))
        return [b"".join(self.contents[id] for id in row) for row in ids[:, -longest:].tolist()]

    @cached_property
    def _completions(self) -> list[tuple[bytes, Ids]]:
        """For each way to have begun a banned text, the ids that complete it."""
        found = []
        for text in self.texts:
            for cut in range(len(text)):
                rest = text[cut:]
                completes = [c.startswith(rest) if cut else rest in c for c in self.contents]
                if any(completes):
                    found.append((text[:cut], np.flatnonzero(completes)))
        return found
