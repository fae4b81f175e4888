"""Which of a user's labelled texts are held out from what is learnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["held_out"]


def held_out(texts: ArrayLike, labels: ArrayLike, share: float) -> NDArray[np.bool_]:
    """Which rows (N,) to hold out: a share of each label's texts, spread evenly over them.

    Rows with the same text stay together, so that nothing held out is learnt from; they count as
    one text, with the first one's label. Of a label that has a single text, none is held out.

    Args:
        texts: (N,), the same number where the text is the same.
        labels: (N,).
        share: above 0, below 1.

    >>> held_out([1, 2, 3, 4, 2, 5], [0, 0, 0, 0, 0, 0], 0.3).tolist()
    [False, True, False, False, True, False]
    """
    _, first, text_of = np.unique(np.asarray(texts), return_index=True, return_inverse=True)
    rows = np.sort(first)
    keys = np.asarray(labels)[rows]
    chosen = np.zeros(len(first), np.bool_)
    for key in np.unique(keys):
        own = rows[keys == key]
        middles = (np.arange(int(len(own) * share) + 1) + 0.5) / share
        places = np.floor(middles.round(6)).astype(np.int64)
        places = places[places < len(own)]
        if len(places) == len(own):  # one is left to learn from
            places = places[1:]
        chosen[text_of[own[places]]] = True
    return chosen[text_of]
