"""Labels for texts that have none, from a few that have."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.data.label_corpus import LabelledCorpus
from textrnn.errors import DataError
from textrnn.tokenizers import distinct_ngrams

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["PseudoLabels", "labels_of_alike", "surest"]

LONGEST, BUCKETS = 2, 1 << 24
"""Tokens of an n-gram, and a table in which hardly two of them meet."""

RAREST, LEAST = 4_000, 3
"""An n-gram counts that stands in one text of so many, and in so many texts at least."""

MOST_COMMON = 0.2
"""Of the texts: an n-gram in more of them says nothing."""

DIMENSIONS = 40
FOLDS = 5
STRENGTHS = (10.0, 30.0, 100.0, 300.0, 1000.0)


class PseudoLabels(NamedTuple):
    """The texts that have got a label.

    Args:
        rows: which of the unlabelled texts they are (N,).
        targets: their labels (N,).
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.int64]


def surest(probabilities: NDArray[np.float64], share: float) -> PseudoLabels:
    """The most likely label of each text; of each label's, the share where it is surest.

    A network that learns them reads what the one that gave them cannot see (pseudo-labels: Lee
    2013, ICML workshop on challenges in representation learning).

    Args:
        probabilities: (N, C).
        share: of each label's texts, above 0; what is more than a whole text counts as one more.

    >>> surest(np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), 0.5)
    PseudoLabels(rows=array([0, 1]), targets=array([0, 1]))
    """
    found = probabilities.argmax(1)
    kept = np.zeros(len(found), bool)
    for label in np.unique(found):
        own = np.flatnonzero(found == label)
        order = np.argsort(-probabilities[own, label], kind="stable")
        kept[own[order[: math.ceil(share * len(own))]]] = True
    (rows,) = np.nonzero(kept)
    return PseudoLabels(rows, found[rows])


def labels_of_alike(labelled: LabelledCorpus, unlabelled: LabelledCorpus) -> NDArray[np.float64]:
    """The probabilities (N, C) of texts' labels, by what those that are like them are labelled.

    Latent semantic analysis (Deerwester et al. 1990, "Indexing by Latent Semantic Analysis",
    section 4) of all texts, which needs no label: a text is a vector of its tokens and pairs of
    them, by tf-idf of their presence, on the 40 directions in which texts differ most. In so few a
    logistic regression finds its way from few labels.

    Args:
        labelled: texts with one label each.
        unlabelled: N texts.

    Raises:
        DataError: the texts have too little in common, or all labelled ones have one label.

    >>> def corpus(texts, targets):
    ...     ends = np.cumsum([len(text) for text in texts])
    ...     rest = np.array(targets), np.zeros(len(texts), np.int64), ("cold", "hot")
    ...     return LabelledCorpus("texts", np.concatenate(texts), ends, *rest)
    >>> draw = np.random.default_rng(0)
    >>> texts = [draw.choice(40, 6) + first for first in (10, 50) for _ in range(50)]
    >>> few = corpus([texts[0], texts[1], texts[98], texts[99]], [0, 0, 1, 1])
    >>> many = corpus(texts[2:98], [-1] * 96)
    >>> rows, targets = surest(labels_of_alike(few, many), 0.5)
    >>> len(rows), bool((targets == (rows >= 48)).all())
    (49, True)
    """
    from sklearn.decomposition import TruncatedSVD

    occurring = np.unique(labelled.targets)
    if len(occurring) < 2:
        raise DataError(
            f"{labelled.name} has only the label {labelled.classes[int(occurring[0])]!r}: what is "
            "like one label cannot be told without texts of another"
        )
    texts = _weighed(labelled, unlabelled)
    dimensions = min(DIMENSIONS, min(texts.shape) - 1)
    places = TruncatedSVD(dimensions, n_iter=4, random_state=0).fit_transform(texts)
    known, others = places[: len(labelled)], places[len(labelled) :]
    probabilities = np.zeros((len(unlabelled), len(labelled.classes)))
    probabilities[:, occurring] = _probabilities(known, labelled.targets, others)
    return probabilities


def _probabilities(
    known: NDArray[np.float64], targets: NDArray[np.int64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of each label that there is, by a regression whose strength is chosen by cross-validation."""
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

    fewest = int(np.unique(targets, return_counts=True)[1].min())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what will be called otherwise one day
        if fewest < 2:
            model = LogisticRegression(C=STRENGTHS[len(STRENGTHS) // 2], max_iter=1_000)
        else:
            model = LogisticRegressionCV(
                Cs=STRENGTHS,
                cv=min(FOLDS, fewest),
                scoring="neg_log_loss",
                max_iter=1_000,
            )
        probabilities: NDArray[np.float64] = model.fit(known, targets).predict_proba(others)
    return probabilities


def _weighed(labelled: LabelledCorpus, unlabelled: LabelledCorpus) -> csr_array:
    """A row a text, of length 1: tf-idf of the n-grams in it, each counted once."""
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    runs = [_ngrams(corpus.text(row)) for corpus in (labelled, unlabelled) for row in corpus.rows()]
    stands_in = np.zeros(BUCKETS, np.int32)
    for run in runs:
        stands_in[run] += 1  # each once
    least = max(LEAST, len(runs) // RAREST)
    says = (stands_in >= least) & (stands_in <= max(MOST_COMMON * len(runs), least))
    if says.sum() < 2:
        raise DataError(
            f"{unlabelled.name}: hardly a word stands in {least} or more of the {len(runs):,} "
            "texts and not in most of them, so which are alike cannot be found: give more texts"
        )
    columns = np.cumsum(says, dtype=np.int32) - 1
    runs = [run[says[run]] for run in runs]
    ends = np.cumsum([0, *map(len, runs)])
    flat = np.concatenate(runs)
    weights = np.log(len(runs) / stands_in[flat]).astype(np.float32)
    shape = len(runs), int(says.sum())
    return normalize(csr_array((weights, columns[flat], ends), shape=shape))


def _ngrams(ids: NDArray[np.uint32]) -> NDArray[np.int32]:
    lengths = np.array([len(ids)])
    (found,) = distinct_ngrams(ids[np.newaxis].astype(np.int64), lengths, LONGEST, BUCKETS)
    kept: NDArray[np.int32] = found[found < BUCKETS].astype(np.int32)
    return kept
