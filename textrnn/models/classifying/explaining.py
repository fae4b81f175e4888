"""What each token weighs in a classifier's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import Floats, Ids
from textrnn.errors import UsageError
from textrnn.models.classifying.reader import Reader

__all__ = ["Explanation", "explain"]

MOST_PASSES = 256  # in longer texts neighbours are left out together
MOST_TOKENS = 1 << 20  # of all passes over one text, so that a whole book has an end
LEAST_PASSES = 8
AT_ONCE = 1 << 16  # tokens of passes that are made ready together
MOST_GRADIENTS = 2_048  # tokens of a text whose gradients are followed


@runtime_checkable
class Differentiable(Protocol):
    """A classification engine that can follow an answer back to its tokens."""

    def attribute(self, ids: Ids, label: int, temperature: float, several: bool) -> Floats:
        """What each of the ids (T,) adds to the log-probability of a label: (T,)."""
        ...


@dataclass(frozen=True)
class Explanation:
    """The weight of each token for a label.

    Args:
        tokens: each piece and its weight, in nats of the log-probability that the network gives the
            label, before doubt of what is not familiar draws it.
        method: ``occlusion`` or ``integrated gradients``.
    """

    tokens: tuple[tuple[str, float], ...]
    method: str


def explain(readers: Sequence[Reader], text: str, label: int) -> Explanation:
    """What each token of a text weighs: of several models, the mean.

    Where every engine has gradients, they are integrated (Sundararajan et al. 2017,
    arXiv:1703.01365); else, and for a text of more than 2,048 tokens, tokens are left out
    (occlusion; Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks",
    section 4.2).

    Args:
        readers: the models.
        text: as it was given.
        label: the number of the label that is explained.

    Raises:
        UsageError: the models cut the text into different tokens.
        MissingExtraError: there are gradients, but captum is not installed.
    """
    rows = [reader.encode(text) for reader in readers]
    pieces = [reader.tokenizer.pieces(row) for reader, row in zip(readers, rows, strict=True)]
    if any(other != pieces[0] for other in pieces[1:]):
        raise UsageError(
            "the models cut the text into different tokens: explain the answer of one of them"
        )
    gradients = len(rows[0]) <= MOST_GRADIENTS and all(
        isinstance(reader.engine, Differentiable) for reader in readers
    )
    if not rows[0]:
        return Explanation((), "integrated gradients" if gradients else "occlusion")
    weigh = _gradients if gradients else _occlusion
    weights = np.mean(
        [weigh(reader, row, label) for reader, row in zip(readers, rows, strict=True)], axis=0
    )
    method = "integrated gradients" if gradients else "occlusion"
    return Explanation(tuple(zip(pieces[0], weights.tolist(), strict=True)), method)


def _occlusion(reader: Reader, ids: list[int], label: int) -> NDArray[np.float64]:
    """By how much the network's log-probability falls without each token (T,).

    What a token does to the text's familiarity is no part of it, as it is none of the gradients.
    """
    passes = min(MOST_PASSES, max(LEAST_PASSES, MOST_TOKENS // len(ids)))
    span = -(-len(ids) // passes)
    begins = range(0, len(ids), span)
    sizes = [min(span, len(ids) - begin) for begin in begins]
    rows = (ids if at < 0 else ids[:at] + ids[at + span :] for at in (-1, *begins))
    found: list[float] = []
    while some := list(islice(rows, max(1, AT_ONCE // len(ids)))):
        found += reader.probabilities(some, familiar=1.0)[:, label].tolist()
    logs = np.log(np.maximum(found, np.finfo(np.float64).tiny))
    return np.repeat((logs[0] - logs[1:]) / sizes, sizes)


def _gradients(reader: Reader, ids: list[int], label: int) -> NDArray[np.float64]:
    """What each token adds to the log-probability (T,), along the way from blank ones."""
    engine = reader.engine
    assert isinstance(engine, Differentiable)  # it was asked
    read = np.array(reader.as_read(ids))
    found = engine.attribute(read, label, reader.temperature, reader.several)[1:-1]
    in_order = found[::-1] if reader.folder.direction == "backward" else found
    return in_order.astype(np.float64)
