"""Several translators that translate together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from textrnn.engines import Floats, Ids, State, TranslationEngine
from textrnn.errors import UsageError

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["Ensemble", "check_alike"]


class Ensemble:
    """A translation engine whose distribution is the mean of those of several engines.

    The mean is of probabilities, so that it is a distribution itself and forced decoding scores
    what the search goes by. A state is a tuple of the engines' states.

    Args:
        engines: of one vocabulary.
    """

    name = "ensemble"

    def __init__(self, engines: Sequence[TranslationEngine]) -> None:
        self._engines = tuple(engines)
        self.vocab_size = engines[0].vocab_size

    def start(self, ids: Ids, lengths: Ids) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.TranslationEngine.start`."""
        begun = [engine.start(ids, lengths) for engine in self._engines]
        return _mean([_log_probs(logits) for logits, _ in begun]), tuple(at for _, at in begun)

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.StepEngine.step`."""
        pairs = zip(self._engines, state, strict=True)
        gone_on = [engine.step(ids, at) for engine, at in pairs]
        return _mean([_log_probs(logits) for logits, _ in gone_on]), tuple(at for _, at in gone_on)

    def reorder(self, state: State, rows: Ids) -> State:
        """See :meth:`textrnn.engines.StepEngine.reorder`."""
        pairs = zip(self._engines, state, strict=True)
        return tuple(engine.reorder(at, rows) for engine, at in pairs)

    def attention(self, state: State) -> Floats:
        """The mean; see :meth:`textrnn.engines.TranslationEngine.attention`."""
        pairs = zip(self._engines, state, strict=True)
        mean: Floats = np.mean([engine.attention(at) for engine, at in pairs], axis=0)
        return mean

    def score(self, source: Ids, source_lengths: Ids, target: Ids, target_lengths: Ids) -> Floats:
        """See :meth:`textrnn.engines.TranslationEngine.score`."""
        given = source, source_lengths, target, target_lengths
        return _mean([engine.score(*given) for engine in self._engines])


def check_alike(folders: Sequence[ModelFolder]) -> None:
    """Check that models can translate together: the same languages and the same tokenizers.

    Raises:
        UsageError: naming the first one that differs, and by what.
    """
    first = folders[0]
    for other in folders[1:]:
        for what, of in (("languages", _languages), ("vocabulary", _tokenizers)):
            if of(first) != of(other):
                raise UsageError(
                    f"{other.path} has another {what} than {first.path}: models that translate "
                    "together need the same"
                )


def _languages(folder: ModelFolder) -> object:
    return folder.config.get("languages")


def _tokenizers(folder: ModelFolder) -> dict[str, str]:
    """The hashes of all files of the tokenizers."""
    files = folder.config["files"]
    return {name: file["sha256"] for name, file in files.items() if "tokenizer." in name}


def _log_probs(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normal


def _mean(log_probs: Sequence[Floats]) -> Floats:
    """The logarithm of the mean of probabilities."""
    mean: Floats = np.logaddexp.reduce(log_probs, axis=0) - np.float32(np.log(len(log_probs)))
    return mean
