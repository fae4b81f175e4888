"""What the models answer with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from textrnn.generation import FinishReason, GenerationSettings, Token

__all__ = ["Draft", "Generation", "Interrupted", "Score", "TokenScore"]


@dataclass(frozen=True)
class Generation:
    """A text that a language model wrote.

    Args:
        prompt: what it was to go on from.
        text: what it wrote, up to the stop text if there was one.
        token_ids: all tokens it chose, those of a stop text and EOS included.
        logprobs: theirs, natural logarithm, under the model's own distribution, before any rule.
        finish_reason: ``stop`` (a stop text), ``eos`` (the model ended the text) or ``length``;
            None where the writing was interrupted.
        seed: what the draw depended on, with ``index``.
        index: which of the samples of this prompt it is.
        settings: all settings as they were applied, a model's recommended ones included.
    """

    prompt: str
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason | None
    seed: int
    index: int
    settings: GenerationSettings = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """All but the settings, ready for JSON."""
        return {
            "prompt": self.prompt,
            "text": self.text,
            "token_ids": list(self.token_ids),
            "logprobs": list(self.logprobs),
            "finish_reason": self.finish_reason,
            "seed": self.seed,
            "index": self.index,
        }


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while texts were being written.

    Args:
        results: of the texts that were begun, in order, as far as they have come.
    """

    def __init__(self, results: Sequence[Generation]) -> None:
        super().__init__()
        self.results = tuple(results)


class Draft:
    """A :class:`Generation` in the making.

    Args:
        finish_reason: why the text ends if no token comes.
    """

    def __init__(self, finish_reason: FinishReason = "length") -> None:
        self._texts: list[str] = []
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._reason = finish_reason

    def add(self, piece: Token | str) -> None:
        """Add a token, or text that comes of no new token."""
        if isinstance(piece, str):
            self._texts.append(piece)
            return
        self._texts.append(piece.text)
        self._ids.append(piece.id)
        self._logprobs.append(piece.logprob)
        self._reason = piece.finish_reason or self._reason

    def done(
        self, prompt: str, index: int, settings: GenerationSettings, *, whole: bool = True
    ) -> Generation:
        """The result, of a text that is whole or was interrupted."""
        return Generation(
            prompt=prompt,
            text="".join(self._texts),
            token_ids=tuple(self._ids),
            logprobs=tuple(self._logprobs),
            finish_reason=self._reason if whole else None,
            seed=cast(int, settings.seed),
            index=index,
            settings=settings,
        )


@dataclass(frozen=True)
class TokenScore:
    """A token of a scored text.

    Args:
        piece: the token, readable.
        id: its id.
        bits: its surprisal, -log2 p(token | all before it).
    """

    piece: str
    id: int
    bits: float


@dataclass(frozen=True)
class Score:
    """How well a language model predicts a text.

    Args:
        text: the text, preceded by BOS; no EOS is predicted after it.
        tokens: each of its tokens with its surprisal.

    >>> score = Score("ab", (TokenScore("a", 5, 2.0), TokenScore("b", 6, 4.0)))
    >>> score.bits, score.bits_per_byte, score.perplexity
    (6.0, 3.0, 8.0)
    """

    text: str
    tokens: tuple[TokenScore, ...]

    @property
    def bits(self) -> float:
        """Minus the base-2 logarithm of the text's probability."""
        return math.fsum(token.bits for token in self.tokens)

    @property
    def bits_per_byte(self) -> float:
        """Bits over the text's length in UTF-8; nan for an empty text."""
        size = len(self.text.encode())
        return self.bits / size if size else math.nan

    @property
    def perplexity(self) -> float:
        """Perplexity per token: 2 to the mean surprisal; nan for an empty text."""
        return 2.0 ** (self.bits / len(self.tokens)) if self.tokens else math.nan
