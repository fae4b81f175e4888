"""What a classifier says of a text."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNSURE", "Classified"]

UNSURE = "unsure"


@dataclass(frozen=True)
class Classified:
    """What a classifier says of a text.

    Args:
        text: as it was given.
        label: the likeliest; ``unsure`` where its score is below the threshold. Of a model that
            gives several labels, all that are given with commas between, likeliest first; empty for
            none.
        score: the calibrated probability of the label: of several the first one, and where none is
            given the likeliest one's.
        scores: of every label.
        tokens: where an explanation was asked for, each token of the text and its weight for the
            label that the score is of, in nats of the network's log-probability of it.
        method: how the weights were found: ``occlusion`` or ``integrated gradients``.
    """

    text: str
    label: str
    score: float
    scores: dict[str, float]
    tokens: tuple[tuple[str, float], ...] = ()
    method: str = ""
