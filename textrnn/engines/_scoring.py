"""Log-probabilities of given targets, a step of all rows at a time."""

from __future__ import annotations

import numpy as np

from textrnn.engines._base import Floats, Ids, State, StepEngine

__all__ = ["score_targets"]


def score_targets(
    engine: StepEngine, begun: tuple[Floats, State], target: Ids, lengths: Ids
) -> Floats:
    """See :meth:`textrnn.engines.TranslationEngine.score`.

    Args:
        engine: the translator.
        begun: what its ``start`` gave: BOS has been read.
        target: ids (B, T), BOS first.
        lengths: (B,), real ids a row; a row that has ended leaves the batch.
    """
    log_probs = np.zeros(target.shape, np.float32)
    logits, state = begun
    running = np.arange(len(target))
    for time in range(1, int(lengths.max(initial=0))):
        on = lengths[running] > time
        if not on.all():
            chosen = np.flatnonzero(on)
            running, logits, state = running[on], logits[on], engine.reorder(state, chosen)
        ids = target[running, time]
        log_probs[running, time] = _log_probs(logits, ids)
        if time + 1 < lengths[running].max():
            logits, state = engine.step(ids, state)
    return log_probs


def _log_probs(logits: Floats, ids: Ids) -> Floats:
    """Of ids (N,) under logits (N, V)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(ids)), ids]
    found: Floats = chosen - np.log(np.exp(shifted, out=shifted).sum(axis=1))
    return found
