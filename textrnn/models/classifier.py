"""The classifier: text in, a label and its probability out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from textrnn.errors import UsageError
from textrnn.models._texts import as_texts
from textrnn.models.classifying import (
    UNSURE,
    Classified,
    Deletion,
    Explanation,
    Reader,
    check_alike,
    deletion_test,
    explain,
)
from textrnn.models.classifying.reader import BATCH_SIZE

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["SentimentClassifier"]


class SentimentClassifier:
    """A classifier of texts, ready to use; :func:`textrnn.load` and :meth:`open` make it.

    Args:
        readers: its models, of the same labels; of several, the probabilities are averaged, as of a
            forward and a backward one (Howard and Ruder 2018, arXiv:1801.06146, section 3.3).

    Raises:
        UsageError: they have different labels.
    """

    def __init__(self, readers: Sequence[Reader]) -> None:
        check_alike(readers)
        self.readers = tuple(readers)
        self.labels = readers[0].labels
        self.several = readers[0].several
        self.thresholds = np.mean([reader.thresholds for reader in readers], axis=0)

    @classmethod
    def open(
        cls,
        folder: ModelFolder,
        *others: ModelFolder,
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> SentimentClassifier:
        """Make a model folder ready, or several that answer together (an ensemble).

        See :func:`textrnn.engines.open_engine`.

        Raises:
            ModelFolderError: a folder holds another kind of model, or is damaged.
            UsageError: an unknown engine or device, a number of threads that is not allowed, or
                models of different labels.
            EngineError: the engine cannot run a model here.
        """
        return cls(
            [
                Reader.open(one, engine=engine, device=device, threads=threads)
                for one in (folder, *others)
            ]
        )

    @overload
    def classify(
        self,
        text: str,
        *,
        threshold: float = ...,
        explain: bool = ...,
        batch_size: int = ...,
    ) -> Classified: ...

    @overload
    def classify(
        self,
        text: list[str] | tuple[str, ...],
        *,
        threshold: float = ...,
        explain: bool = ...,
        batch_size: int = ...,
    ) -> list[Classified]: ...

    def classify(
        self,
        text: str | Sequence[str],
        *,
        threshold: float = 0.0,
        explain: bool = False,
        batch_size: int = BATCH_SIZE,
    ) -> Classified | list[Classified]:
        """Classify a text, or each of a list of texts; a text's answer depends on no other.

        Args:
            text: of any length; HTML's line breaks and newlines are read as spaces.
            threshold: a probability; where the label, or the first of several, has less, it is
                ``unsure``.
            explain: give each token's weight for that label: on the engine torch by
                integrated gradients, on others by leaving it out, a pass over the text a token.
            batch_size: texts at once; changes the speed only.

        Raises:
            UsageError: something else than text, a threshold that is no probability, a batch size
                below 1, or an explanation by models that cut the text into different tokens.
            DataError: a text that UTF-8 cannot write.
            MissingExtraError: an explanation on the engine torch, and captum is not installed.
        """
        number = isinstance(threshold, int | float | np.number)
        if not (number and 0.0 <= threshold <= 1.0):
            raise UsageError(f"threshold is {threshold!r}: give a probability from 0 to 1")
        if not isinstance(batch_size, int | np.integer) or batch_size < 1:
            raise UsageError(f"batch_size is {batch_size!r}: give a whole number of at least 1")
        texts = as_texts(text)
        table = self.probabilities(texts, batch_size)
        results = [
            self._result(one, values, threshold, explain)
            for one, values in zip(texts, table, strict=True)
        ]
        return results[0] if isinstance(text, str) else results

    def probabilities(
        self, texts: Sequence[str], batch_size: int = BATCH_SIZE
    ) -> NDArray[np.float64]:
        """The calibrated probability of every label (N, C)."""
        tables = [
            reader.probabilities([reader.encode(text) for text in texts], batch_size)
            for reader in self.readers
        ]
        return np.asarray(np.mean(tables, axis=0))

    def deletion_test(self, result: Classified) -> list[Deletion]:
        """How far the label of an explained text falls without its heaviest tokens.

        See :func:`textrnn.models.classifying.deletion_test`.

        Raises:
            UsageError: the result has no explanation.
        """
        if not result.tokens:
            raise UsageError("the result has no weights to test: classify with explain=True")
        values = np.array([result.scores[label] for label in self.labels])
        return deletion_test(self.readers, result, self._foremost(values))

    def _result(
        self, text: str, values: NDArray[np.float64], threshold: float, explained: bool
    ) -> Classified:
        given, foremost = self._given(values), self._foremost(values)
        label = ",".join(self.labels[place] for place in given)
        why = explain(self.readers, text, foremost) if explained else Explanation((), "")
        return Classified(
            text=text,
            label=UNSURE if values[foremost] < threshold else label,
            score=float(values[foremost]),
            scores=dict(zip(self.labels, values.tolist(), strict=True)),
            tokens=why.tokens,
            method=why.method,
        )

    def _given(self, values: NDArray[np.float64]) -> list[int]:
        """The labels that a text gets, likeliest first, by number."""
        if not self.several:
            return [int(values.argmax())]
        given: list[int] = np.flatnonzero(values >= self.thresholds).tolist()
        return sorted(given, key=lambda place: -values[place])

    def _foremost(self, values: NDArray[np.float64]) -> int:
        """The label whose score is told: the first of those given, or the likeliest of all."""
        return (self._given(values) or [int(values.argmax())])[0]
