"""The scores of a language model that changes with what it reads: dynamic evaluation, a cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from textrnn.data import Corpus
from textrnn.engines import Cache, Engine, Ids, Learning, Memory, Reading, as_learning
from textrnn.metrics import TextScore, bits_of
from textrnn.tasks import Scores
from textrnn.tasks.language_modeling import scores_of

__all__ = ["STATISTICS_TOKENS", "score_changing"]

STATISTICS_TOKENS = 50_000
"""How much of a text the mean squares of the gradients are taken over, at most."""
_AT_ONCE = 256
_NAMES = ("loss", "perplexity", "word_perplexity", "bits_per_byte")


def score_changing(
    engine: Engine,
    corpus: Corpus,
    *,
    cache: Cache | None = None,
    learning: Learning | None = None,
    statistics: Corpus | None = None,
) -> Scores:
    """The scores of a model as it is, and as it changes with what it reads.

    The text is one stream, read from its beginning to its end. State, cache and what was learnt are
    carried over the marks between documents.

    Args:
        engine: the model.
        corpus: the text.
        cache: of a neural cache; None: it has none.
        learning: of dynamic evaluation; None: it does not learn.
        statistics: the text for the mean squares of the gradients; None: they are those of the text
            itself, as it goes.

    Returns:
        The scores of the model as it is; then the same of each way of changing, its name before
        them (``cached_perplexity``, ``dynamic_perplexity``, and ``dynamic_cached_perplexity`` where
        both are asked for), with its ``gain``: by which share the perplexity is lower.

    Raises:
        EngineError: the engine cannot learn, or the learning rate is too high.
    """
    bits = _bits(_read(engine, corpus), cache, "")
    if learning is not None:
        ids = None if statistics is None else _ids(statistics, 0, STATISTICS_TOKENS)
        learner = as_learning(engine).learner(learning, ids)
        bits |= _bits(learner.read(_ids(corpus, 0, corpus.tokens)), cache, "dynamic_")
    found = {
        name: scores_of(TextScore(of, corpus.tokens - 1, corpus.words, corpus.bytes))
        for name, of in bits.items()
    }
    scores = found.pop("")
    plain = scores["perplexity"]
    for way, figures in found.items():
        scores |= {way + name: figures[name] for name in _NAMES}
        scores[f"{way}gain"] = 1 - figures["perplexity"] / plain
    return scores


def _bits(readings: Iterable[Reading], cache: Cache | None, way: str) -> dict[str, float]:
    """Bits of a text by the way it was read, without and with a cache."""
    memory, plain, cached = Memory(), 0.0, 0.0
    for reading in readings:
        plain += bits_of(reading.log_probs)
        if cache is not None:
            mixed, memory = cache.mix_targets(reading, memory)
            cached += bits_of(mixed)
    return {way: plain} | ({} if cache is None else {f"{way}cached_": cached})


def _read(engine: Engine, corpus: Corpus) -> Iterator[Reading]:
    """A text as the model reads it; see :meth:`textrnn.engines.Learner.read`."""
    state = None
    for begin in range(0, corpus.tokens - 1, _AT_ONCE):
        ids = _ids(corpus, begin, begin + _AT_ONCE + 1)
        hidden, state = engine.read(ids[np.newaxis, :-1], np.array([len(ids) - 1]), state)
        yield Reading(ids, engine.log_probs(hidden[0], ids[1:]), hidden[0])


def _ids(corpus: Corpus, begin: int, end: int) -> Ids:
    return corpus.ids()[begin:end].astype(np.int64)
