"""Several translators that translate together."""

from __future__ import annotations

import numpy as np

from textrnn.engines import Floats, Ids, State, StepEnsemble, TranslationEngine, log_mean

__all__ = ["Ensemble"]


class Ensemble(StepEnsemble[TranslationEngine]):
    """A translation engine whose distribution is the mean of those of several engines.

    Forced decoding scores what the search goes by.
    """

    def start(self, ids: Ids, lengths: Ids) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.TranslationEngine.start`."""
        return self._together([engine.start(ids, lengths) for engine in self.engines])

    def attention(self, state: State) -> Floats:
        """The mean; see :meth:`textrnn.engines.TranslationEngine.attention`."""
        pairs = zip(self.engines, state, strict=True)
        mean: Floats = np.mean([engine.attention(at) for engine, at in pairs], axis=0)
        return mean

    def score(self, source: Ids, source_lengths: Ids, target: Ids, target_lengths: Ids) -> Floats:
        """See :meth:`textrnn.engines.TranslationEngine.score`."""
        given = source, source_lengths, target, target_lengths
        return log_mean([engine.score(*given) for engine in self.engines])
