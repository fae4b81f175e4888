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
        label: the likeliest; ``unsure`` where it is below the threshold. Of a model that gives
            several labels, all that are given with commas between, likeliest first; empty for none.
        score: the calibrated probability of the likeliest label.
        scores: of every label.
        tokens: where an explanation was asked for, each token of the text and its weight for the
            likeliest label, in nats of its log-probability.
        method: how the weights were found: ``occlusion`` or ``integrated gradients``.
    """

    text: str
    label: str
    score: float
    scores: dict[str, float]
    tokens: tuple[tuple[str, float], ...] = ()
    method: str = ""
