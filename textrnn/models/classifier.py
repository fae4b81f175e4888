"""The classifier: text in, a label and its probability out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, overload

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import ClassificationEngine, open_engine
from textrnn.errors import ModelFolderError, UsageError
from textrnn.generation import pad_right
from textrnn.metrics import probabilities_of
from textrnn.tokenizers import BOS, EOS, Tokenizer, fold_markup

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["UNSURE", "Classified", "SentimentClassifier"]

UNSURE = "unsure"
BATCH_SIZE = 32
MOST_PASSES = 256  # of an explanation; in longer texts neighbours are left out together
AT_ONCE = 65_536  # tokens of a batch, padding included


@dataclass(frozen=True)
class Classified:
    """What a classifier says of a text.

    Args:
        text: as it was given.
        label: the likeliest; ``unsure`` where it is below the threshold. Of a model that gives
            several labels, all that are given with commas between, likeliest first; empty for none.
        score: the calibrated probability of the likeliest label.
        scores: of every label.
        tokens: where an explanation was asked for, each token of the text and its weight: by how
            much the log-probability of the likeliest label falls when the token is left out.
    """

    text: str
    label: str
    score: float
    scores: dict[str, float]
    tokens: tuple[tuple[str, float], ...] = ()


class SentimentClassifier:
    """A classifier of texts, ready to use; :func:`textrnn.load` and :meth:`open` make it.

    Args:
        folder: the model folder.
        engine: what runs it.
        tokenizer: of the texts.

    Raises:
        ModelFolderError: the folder does not name as many labels as its network has.
    """

    def __init__(
        self, folder: ModelFolder, engine: ClassificationEngine, tokenizer: Tokenizer
    ) -> None:
        self.folder = folder
        self.engine = engine
        self.tokenizer = tokenizer
        self.labels: tuple[str, ...] = tuple(folder.config.get("labels", ()))
        self.several: bool = folder.network.get("head", {}).get("multi_label") is True
        calibration = folder.config.get("calibration", {})
        self.temperature: float = calibration.get("temperature", 1.0)
        self.thresholds = np.array(calibration.get("thresholds", [0.5] * len(self.labels)))
        counts = {len(self.labels), len(self.thresholds), engine.label_count}
        if len(counts) != 1:
            raise ModelFolderError(
                f"{folder.path}/config.json: {len(self.labels)} labels and "
                f"{len(self.thresholds)} thresholds, but the network has {engine.label_count}"
            )

    @classmethod
    def open(
        cls,
        folder: ModelFolder,
        *,
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> SentimentClassifier:
        """Make a model folder ready; see :func:`textrnn.engines.open_engine`.

        Raises:
            ModelFolderError: the folder holds another kind of model, or is damaged.
            UsageError: an unknown engine or device, or a number of threads that is not allowed.
            EngineError: the engine cannot run this model here.
        """
        if folder.task != "classification":
            raise ModelFolderError(f"{folder.path} is a model for {folder.task}, not a classifier")
        opened = open_engine(folder, engine=engine, device=device, threads=threads)
        return cls(folder, cast(ClassificationEngine, opened), folder.tokenizer())

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
            threshold: a probability; where the likeliest label has less, the label is ``unsure``.
            explain: give each token's weight, which takes a pass over the text for each token.
            batch_size: texts at once; changes the speed only.

        Raises:
            UsageError: a threshold that is no probability, or a batch size below 1.
            DataError: a text that UTF-8 cannot write.
        """
        if not 0.0 <= threshold <= 1.0:
            raise UsageError(f"threshold is {threshold:g}: give a probability from 0 to 1")
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}: give 1 or more")
        texts = [text] if isinstance(text, str) else list(text)
        rows = [self._encode(one) for one in texts]
        table = self._probabilities(rows, batch_size)
        results = [
            self._result(one, row, values, threshold, explain)
            for one, row, values in zip(texts, rows, table, strict=True)
        ]
        return results[0] if isinstance(text, str) else results

    def probabilities(
        self, texts: Sequence[str], batch_size: int = BATCH_SIZE
    ) -> NDArray[np.float64]:
        """The calibrated probability of every label (N, C)."""
        return self._probabilities([self._encode(text) for text in texts], batch_size)

    def _encode(self, text: str) -> list[int]:
        return [BOS, *self.tokenizer.encode(fold_markup(text)), EOS]

    def _probabilities(self, rows: Sequence[list[int]], batch_size: int) -> NDArray[np.float64]:
        logits = np.zeros((len(rows), len(self.labels)))
        for batch in _batches([len(row) for row in rows], batch_size):
            logits[batch] = self.engine.classify(*pad_right([rows[place] for place in batch]))
        return probabilities_of(logits, self.temperature, several=self.several)

    def _result(
        self,
        text: str,
        ids: list[int],
        values: NDArray[np.float64],
        threshold: float,
        explain: bool,
    ) -> Classified:
        best = int(values.argmax())
        if self.several:
            given = np.flatnonzero(values >= self.thresholds)
            named = sorted(given.tolist(), key=lambda place: -values[place])
            label = ",".join(self.labels[place] for place in named)
        else:
            label = self.labels[best]
        return Classified(
            text=text,
            label=UNSURE if values[best] < threshold else label,
            score=float(values[best]),
            scores=dict(zip(self.labels, values.tolist(), strict=True)),
            tokens=self._weights(ids, values, best) if explain else (),
        )

    def _weights(
        self, ids: list[int], values: NDArray[np.float64], label: int
    ) -> tuple[tuple[str, float], ...]:
        """Each token with the fall in log-probability without it (occlusion).

        Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2.
        """
        inner = len(ids) - 2
        if not inner:
            return ()
        span = -(-inner // MOST_PASSES)
        begins = range(1, 1 + inner, span)
        without = [ids[:begin] + ids[min(begin + span, inner + 1) :] for begin in begins]
        table = self._probabilities(without, BATCH_SIZE)[:, label]
        tiny = np.finfo(np.float64).tiny
        falls = np.log(max(values[label], tiny)) - np.log(np.maximum(table, tiny))
        each = np.repeat(falls / span, span)[:inner]
        return tuple(zip(self.tokenizer.pieces(ids[1:-1]), each.tolist(), strict=True))


def _batches(lengths: Sequence[int], rows: int) -> Iterator[list[int]]:
    """Places of texts of like lengths, so many at once as there is room for.

    >>> list(_batches([3, 9, 2], 2))
    [[2, 0], [1]]
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == rows or (len(batch) + 1) * lengths[place] > AT_ONCE):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
