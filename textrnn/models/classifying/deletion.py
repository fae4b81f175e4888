"""The deletion test: whether an explanation means something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textrnn.models.classifying.reader import Reader
from textrnn.models.classifying.results import Classified

__all__ = ["Deletion", "deletion_test"]

SHARES = (0.1, 0.2, 0.5)
DRAWS = 20


@dataclass(frozen=True)
class Deletion:
    """What is left of a probability without some of a text's tokens.

    Args:
        tokens: how many are left out.
        heaviest: the label's probability without those of the greatest weights.
        random: the mean of it without as many others, drawn 20 times.
    """

    tokens: int
    heaviest: float
    random: float


def deletion_test(
    readers: Sequence[Reader], result: Classified, label: int, seed: int = 0
) -> list[Deletion]:
    """Leave out a tenth, a fifth and a half of a text's tokens, and see how far the label falls.

    Where the weights mean something it falls further without the heaviest tokens than without
    random ones (Samek et al. 2017, "Evaluating the visualization of what a deep neural network has
    learned", section 3, with tokens for pixels). What is left is taken to be as familiar as the
    whole text.

    Args:
        readers: the models that gave the result, which cut the text into the same tokens.
        result: with the tokens' weights.
        label: the number of the label that they explain.
        seed: of the draws.
    """
    ids = readers[0].encode(result.text)
    weights = np.array([weight for _, weight in result.tokens])
    random = np.random.default_rng(seed)
    found = []
    for count in sorted({max(1, round(share * len(ids))) for share in SHARES} - {len(ids)}):
        drawn = [np.argsort(-weights, kind="stable")[:count]]
        drawn += [random.permutation(len(ids))[:count] for _ in range(DRAWS)]
        rows = [np.delete(ids, left_out).tolist() for left_out in drawn]
        tables = [reader.probabilities(rows, familiar=reader.familiar([ids])) for reader in readers]
        left = np.mean(tables, axis=0)[:, label]
        found.append(Deletion(count, float(left[0]), float(left[1:].mean())))
    return found
