"""What can be set when a tokenizer is trained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from textrnn.errors import UnknownNameError, UsageError

__all__ = ["TokenizerSettings"]

#: sentencepiece's rules: none, NFKC, case folded too, and both with rules for white space.
NORMALIZATIONS = ("identity", "nfkc", "nfkc_cf", "nmt_nfkc", "nmt_nfkc_cf")


@dataclass(frozen=True)
class TokenizerSettings:
    """How to train a tokenizer; each kind uses some of these and refuses the others by name.

    Args:
        kind: the registered kind: ``sentencepiece``, ``word``, ``char`` or ``byte``.
        vocab_size: how many ids, the four special ones included. Left out, sentencepiece takes
            8000, word and char take all that they find.
        model_type: sentencepiece's model, ``unigram`` or ``bpe``.
        byte_fallback: sentencepiece spells unknown characters in bytes, so nothing is unknown.
        character_coverage: the share of the training text's characters that get their own piece;
            0.98 to 1.
        normalization: sentencepiece's rule; ``identity`` keeps every character.
        user_symbols: texts without white space that are always one piece (sentencepiece).
        max_sentences: sentencepiece trains on a random sample of at most this many lines.
        seed: draws that sample.
        min_frequency: words or characters seen less often are unknown.
        lowercase: fold case first (word and char); decoding then gives lower case.
        pretokenized: the text of a benchmark, its tokens separated by spaces (word).
        spaces: ``kept`` as they are, or ``folded``: a text is one line of words with single spaces,
            whatever white space and control characters lay between them, and a word has the same
            pieces wherever it stands (sentencepiece). Translation wants it folded.

    Raises:
        UsageError: a value outside its range.
        UnknownNameError: a normalization that sentencepiece does not have.

    >>> TokenizerSettings(kind="word", min_frequency=3).given()
    ('min_frequency',)
    """

    kind: str = "sentencepiece"
    vocab_size: int | None = None
    model_type: Literal["unigram", "bpe"] = "unigram"
    byte_fallback: bool = True
    character_coverage: float = 0.9999
    normalization: str = "identity"
    user_symbols: tuple[str, ...] = ()
    max_sentences: int = 200_000
    seed: int = 1
    min_frequency: int = 1
    lowercase: bool = False
    pretokenized: bool = False
    spaces: Literal["kept", "folded"] = "kept"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.model_type not in ("unigram", "bpe"):
            raise UsageError(f"model_type is {self.model_type!r}: use 'unigram' or 'bpe'")
        if self.spaces not in ("kept", "folded"):
            raise UsageError(f"spaces is {self.spaces!r}: use 'kept' or 'folded'")
        if self.normalization not in NORMALIZATIONS:
            raise UnknownNameError("normalization", self.normalization, NORMALIZATIONS)
        if self.vocab_size is not None and self.vocab_size < 5:
            raise UsageError(f"vocab_size is {self.vocab_size}: use 5 or more, four are special")
        if not 0.98 <= self.character_coverage <= 1.0:  # sentencepiece takes no others
            raise UsageError(f"character_coverage is {self.character_coverage}: use 0.98 to 1")
        for name in ("max_sentences", "min_frequency"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: use 1 or more")
        for symbol in self.user_symbols:
            if symbol.split() != [symbol] or "\N{LOWER ONE EIGHTH BLOCK}" in symbol:
                raise UsageError(
                    f"user symbol {symbol!r}: it must have a character, no white space or U+2581"
                )
        if len(set(self.user_symbols)) < len(self.user_symbols):
            raise UsageError("user_symbols has a text twice: leave one out")

    def given(self) -> tuple[str, ...]:
        """The names, kind aside, whose value is not the one taken when they are left out."""
        changed = (
            field.name for field in fields(self) if getattr(self, field.name) != field.default
        )
        return tuple(name for name in changed if name != "kind")
