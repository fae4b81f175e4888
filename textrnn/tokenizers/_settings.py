"""What can be set when a tokenizer is trained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from textrnn.errors import UsageError

__all__ = ["TokenizerSettings"]

ALWAYS = frozenset({"kind"})


@dataclass(frozen=True)
class TokenizerSettings:
    """How to train a tokenizer; each kind uses some of these and refuses the others by name.

    Args:
        kind: the registered kind: ``sentencepiece``, ``word``, ``char`` or ``byte``.
        vocab_size: how many ids, the four special ones included; sentencepiece takes 8000 where it is
            left out, word and char take all that they find.
        model_type: sentencepiece's model, ``unigram`` or ``bpe``.
        byte_fallback: sentencepiece spells unknown characters in bytes, so nothing is unknown.
        character_coverage: the share of the training text's characters that get their own piece.
        normalization: sentencepiece's rule; ``identity`` keeps every character.
        user_symbols: texts that are always one piece of their own (sentencepiece).
        max_sentences: sentencepiece trains on a random sample of at most this many lines.
        seed: draws that sample.
        min_frequency: words or characters seen less often are unknown.
        lowercase: fold case first (word and char); decoding then gives lower case.
        pretokenized: the text of a benchmark, its tokens separated by spaces (word).

    >>> TokenizerSettings(kind="word", min_frequency=3).min_frequency
    3
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

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: a value outside its range.
        """
        object.__setattr__(self, "user_symbols", tuple(self.user_symbols))
        if self.model_type not in ("unigram", "bpe"):
            raise UsageError(f"model_type is {self.model_type!r}: use 'unigram' or 'bpe'")
        if self.vocab_size is not None and self.vocab_size < 5:
            raise UsageError(
                f"vocab_size is {self.vocab_size}: use at least 5 (four ids are special)"
            )
        if not 0.0 < self.character_coverage <= 1.0:
            raise UsageError(
                f"character_coverage is {self.character_coverage}: use more than 0, at most 1"
            )
        for name in ("max_sentences", "min_frequency"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: use 1 or more")
        if "" in self.user_symbols:
            raise UsageError("user_symbols has an empty text: leave it out")

    def refuse_unused(self, used: frozenset[str]) -> None:
        """Refuse every setting that was given a value and that this kind does not use.

        Args:
            used: the names that the kind uses, ``kind`` aside.

        Raises:
            UsageError: naming the setting, and those that apply.
        """
        for field in fields(self):
            given = getattr(self, field.name) != field.default
            if given and field.name not in used | ALWAYS:
                listed = ", ".join(sorted(used)) or "none"
                raise UsageError(
                    f"{field.name} does not apply to a {self.kind} tokenizer (settings that do: {listed})"
                )
