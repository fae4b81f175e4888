"""What a translator works with: its engine, its two tokenizers, and what they can spell."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from textrnn.engines import TranslationEngine
from textrnn.generation import Speller
from textrnn.tokenizers import EOS, Tokenizer

__all__ = ["Coder", "Sources"]


class Coder:
    """An engine with the tokenizers of its two sides.

    Args:
        engine: the model.
        source: encodes sources.
        target: decodes translations.
    """

    def __init__(self, engine: TranslationEngine, source: Tokenizer, target: Tokenizer) -> None:
        self.engine = engine
        self.source = source
        self.target = target

    @cached_property
    def speller(self) -> Speller:
        """Spells terms in the target's vocabulary."""
        return Speller(self.target)

    def can_say(self, text: str) -> bool:
        """Whether the target's vocabulary can spell a text."""
        return self.speller.encode(text) is not None

    @cached_property
    def says_unknown(self) -> bool:
        """Whether the target's vocabulary cannot spell everything, so that UNK may be meant."""
        return any(self.speller.spell(bytes([byte])) is None for byte in range(256))


class Sources:
    """The ids of texts to be translated, all encoded at once, which is quicker.

    Args:
        tokenizer: the source's.
        texts: clean ones; others are encoded when they are asked for.
    """

    def __init__(self, tokenizer: Tokenizer, texts: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        known = list(dict.fromkeys(texts))
        self._ids = dict(zip(known, tokenizer.encode_lines(known), strict=True))

    def length(self, text: str) -> int:
        """The number of a text's tokens, EOS left out."""
        return len(self.ids(text)) - 1

    def ids(self, text: str) -> list[int]:
        """The ids of a text as the model reads it: EOS last."""
        if text not in self._ids:
            self._ids[text] = self._tokenizer.encode(text)
        return [*self._ids[text], EOS]
