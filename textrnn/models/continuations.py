"""How probable a text is after another one, and whether greedy writing would have written it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from textrnn.generation import pad_right
from textrnn.models.writing import begin
from textrnn.tokenizers import PAD, Tokenizer

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["ContinuationScore", "score_continuations", "split_ids"]


@dataclass(frozen=True)
class ContinuationScore:
    """Of a continuation, given its context.

    Args:
        log_prob: of all its tokens, natural logarithm.
        greedy: whether each of them is the likeliest one at its place.
    """

    log_prob: float
    greedy: bool


def split_ids(tokenizer: Tokenizer, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """The ids of both texts: those of the whole, cut where the context's end.

    Where a token of the whole would reach over the cut, the continuation is encoded alone.

    >>> from textrnn.tokenizers.byte import ByteTokenizer
    >>> split_ids(ByteTokenizer(), "a", "bc")
    ([101], [102, 103])
    """
    before = tokenizer.encode(context)
    whole = tokenizer.encode(context + continuation)
    if whole[: len(before)] == before:
        return before, whole[len(before) :]
    return before, tokenizer.encode(continuation)


def score_continuations(
    model: LanguageModel, pairs: Sequence[tuple[str, str]], *, batch_size: int = 64
) -> list[ContinuationScore]:
    """The score of each (context, continuation), the context read after BOS.

    Args:
        model: the model.
        pairs: the texts; either may be empty.
        batch_size: how many are read at once.
    """
    rows = [split_ids(model.tokenizer, *pair) for pair in pairs]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place][1]))
    scores: dict[int, ContinuationScore] = {}
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        contexts = [[*begin(model, ""), *rows[place][0]] for place in chosen]
        found = _follow(model, contexts, [rows[place][1] for place in chosen])
        scores.update(zip(chosen, found, strict=True))
    return [scores[place] for place in range(len(rows))]


def _follow(
    model: LanguageModel, contexts: list[list[int]], continuations: list[list[int]]
) -> list[ContinuationScore]:
    """Read the contexts, then the continuations a token at a time."""
    held, state = model.engine.start(*pad_right(contexts))
    log_probs, greedy = [0.0] * len(contexts), [True] * len(contexts)
    longest = max(map(len, continuations))
    for time in range(longest):
        logits = np.asarray(held, np.float64)
        peaks = logits.max(1)
        norms = peaks + np.log(np.exp(logits - peaks[:, None]).sum(1))
        for row, ids in enumerate(continuations):
            if time < len(ids):
                log_probs[row] += float(logits[row, ids[time]] - norms[row])
                greedy[row] &= bool(logits[row].argmax() == ids[time])
        if time < longest - 1:
            column = [ids[time] if time < len(ids) else PAD for ids in continuations]
            held, state = model.engine.step(np.array(column, np.int64), state)
    return list(map(ContinuationScore, log_probs, greedy))
