"""How well a language model predicts texts, as many at once as there is room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from textrnn.generation import in_batches, pad_right
from textrnn.models.results import Score, TokenScore
from textrnn.models.writing import begin

if TYPE_CHECKING:
    from textrnn.models.language_model import LanguageModel

__all__ = ["ROWS", "SCORED_AT_ONCE", "score_texts"]

ROWS = 64  # texts scored at once
SCORED_AT_ONCE = 32_768  # tokens, padding included


def score_texts(model: LanguageModel, texts: Sequence[str]) -> list[Score]:
    """The score of each text after BOS."""
    rows = [begin(model, one) for one in texts]
    scores: dict[int, Score] = {}
    for batch in in_batches([len(row) for row in rows], SCORED_AT_ONCE, ROWS):
        log_probs, _ = model.engine.score(*pad_right([rows[place] for place in batch]))
        bits = (log_probs.astype(np.float64) / -math.log(2)).tolist()
        for place, surprisals in zip(batch, bits, strict=True):
            ids = rows[place][1:]
            pieces = model.tokenizer.pieces(ids)
            tokens = map(TokenScore, pieces, ids, surprisals[1 : len(ids) + 1])
            scores[place] = Score(texts[place], tuple(tokens))
    return [scores[place] for place in range(len(rows))]
