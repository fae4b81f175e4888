"""The scores of a language model that changes with what it reads: dynamic evaluation, a cache."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from textrnn.data import Corpus
from textrnn.engines import Cache, CachedEngine, Engine, Floats, Learning, as_learning
from textrnn.metrics import TextScore, bits_of
from textrnn.tasks import Scores
from textrnn.tasks.language_modeling import scores_of

__all__ = ["STATISTICS_TOKENS", "score_changing"]

STATISTICS_TOKENS = 50_000
"""How much of a text the mean squares of the gradients are taken over, at most."""
_AT_ONCE = 1024
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
        The scores of the model as it is, then the same with the name of the way of changing before
        them (``cached_perplexity``, ``dynamic_perplexity``, or ``dynamic_cached_perplexity`` where
        it does both), and ``gain``, by which share of the perplexity it is lower.

    Raises:
        EngineError: the engine cannot learn, or the learning rate is too high.
    """
    changing = engine if cache is None else CachedEngine(engine, cache)
    if learning is None:
        parts = _scored(changing, corpus)
    else:
        ids = None if statistics is None else _ids(statistics, 0, STATISTICS_TOKENS)
        parts = _learnt(changing, corpus, learning, ids)
    ways = {"dynamic": learning, "cached": cache}
    way = "_".join(name for name, given in ways.items() if given is not None)
    after = _scores(parts, corpus)
    before = _scores(_scored(engine, corpus), corpus)
    changed = {f"{way}_{name}": after[name] for name in _NAMES}
    return {**before, **changed, "gain": 1 - after["perplexity"] / before["perplexity"]}


def _scored(engine: Engine, corpus: Corpus) -> Iterator[Floats]:
    state = None
    for begin in range(0, corpus.tokens - 1, _AT_ONCE):
        ids = _ids(corpus, begin, begin + _AT_ONCE + 1)
        log_probs, state = engine.score(ids[np.newaxis], np.array([len(ids)]), state)
        yield log_probs


def _learnt(
    engine: Engine, corpus: Corpus, learning: Learning, statistics: np.ndarray | None
) -> Iterator[Floats]:
    learner = as_learning(engine).learner(learning, statistics)
    for reading in learner.read(_ids(corpus, 0, corpus.tokens)):
        yield reading.log_probs


def _ids(corpus: Corpus, begin: int, end: int) -> np.ndarray:
    return corpus.ids()[begin:end].astype(np.int64)


def _scores(parts: Iterator[Floats], corpus: Corpus) -> Scores:
    bits = math.fsum(map(bits_of, parts))
    return scores_of(TextScore(bits, corpus.tokens - 1, corpus.words, corpus.bytes))
