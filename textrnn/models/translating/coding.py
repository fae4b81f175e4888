"""What a translator works with: its engine, its two tokenizers, and what they can spell."""

from __future__ import annotations

from functools import cached_property

from textrnn.engines import TranslationEngine
from textrnn.generation import Speller
from textrnn.tokenizers import EOS, Tokenizer

__all__ = ["Coder"]


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

    @cached_property
    def says_unknown(self) -> bool:
        """Whether the target's vocabulary cannot spell everything, so that UNK may be meant."""
        return any(self.speller.spell(bytes([byte])) is None for byte in range(256))

    def encode(self, text: str) -> list[int]:
        """The ids of a source as the model reads it: EOS last."""
        return [*self.source.encode(text), EOS]

    def length(self, text: str) -> int:
        """The number of a source's tokens, EOS left out."""
        return len(self.source.encode(text))
