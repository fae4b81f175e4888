"""One model of a classifier: text to ids, ids to calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import ClassificationEngine, open_engine
from textrnn.errors import ModelFolderError, UsageError
from textrnn.generation import in_batches, pad_right
from textrnn.metrics import probabilities_of
from textrnn.tokenizers import BOS, EOS, Familiarity, Tokenizer, fold_markup

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["BATCH_SIZE", "Reader", "check_alike"]

BATCH_SIZE = 32
AT_ONCE = 65_536  # tokens of a batch, padding included
USUAL = 0.1
"""The share of familiar tokens below which nothing is certain, of a model that does not say."""


class Reader:
    """A model folder of a classifier, ready to read.

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
        self._usual: float = calibration.get("familiar", USUAL)
        self._familiarity = Familiarity(tokenizer)
        counts = {len(self.labels), len(self.thresholds), engine.label_count}
        if len(counts) != 1:
            raise ModelFolderError(
                f"{folder.path}/config.json: {len(self.labels)} labels and "
                f"{len(self.thresholds)} thresholds, but the network has {engine.label_count}"
            )

    @classmethod
    def open(cls, folder: ModelFolder, *, engine: str, device: str, threads: int | None) -> Reader:
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

    def encode(self, text: str) -> list[int]:
        """The ids of a text, in reading order; HTML's line breaks and newlines are spaces."""
        return self.tokenizer.encode(fold_markup(text))

    def as_read(self, ids: Sequence[int]) -> list[int]:
        """The ids with BOS and EOS, in the order in which the model reads them."""
        order = reversed(ids) if self.folder.direction == "backward" else ids
        return [BOS, *order, EOS]

    def familiar(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """How familiar the ids of N texts are (N,): 1 where as many of a text's are as usual."""
        return np.minimum(self._familiarity.shares(rows) / self._usual, 1.0)

    def probabilities(
        self,
        rows: Sequence[Sequence[int]],
        batch_size: int = BATCH_SIZE,
        *,
        familiar: NDArray[np.float64] | float | None = None,
    ) -> NDArray[np.float64]:
        """The calibrated probability of every label (N, C), for the ids of N texts.

        Of a text with fewer familiar tokens than usual (:class:`~textrnn.tokenizers.Familiarity`)
        the probabilities are drawn in proportion to those of a model that knows nothing: even ones,
        or zeros where a text may have several labels.

        Args:
            rows: the ids of each text.
            batch_size: texts at once.
            familiar: how familiar each text is taken to be (N,), or all of them; None: as it is. 1
                gives what the network says.

        Raises:
            ModelFolderError: what it says is not numbers.
        """
        read = [self.as_read(row) for row in rows]
        logits = np.zeros((len(rows), len(self.labels)))
        for batch in in_batches([len(row) for row in read], AT_ONCE, batch_size):
            logits[batch] = self.engine.classify(*pad_right([read[place] for place in batch]))
        if not np.isfinite(logits).all():
            raise ModelFolderError(
                f"{self.folder.path}: the model's output is not numbers: its parameters may be "
                "damaged"
            )
        known = probabilities_of(logits, self.temperature, several=self.several)
        ignorant = 0.0 if self.several else 1.0 / max(len(self.labels), 1)
        shares = np.asarray(self.familiar(rows) if familiar is None else familiar)
        return np.asarray(ignorant + shares[..., np.newaxis] * (known - ignorant))


def check_alike(readers: Sequence[Reader]) -> None:
    """Refuse models that cannot answer together.

    Raises:
        UsageError: they have other labels.
    """
    first = readers[0]
    for other in readers[1:]:
        if (other.labels, other.several) != (first.labels, first.several):
            raise UsageError(
                f"{other.folder.path} has the labels {', '.join(other.labels)} and "
                f"{first.folder.path} {', '.join(first.labels)}: only models of the same labels "
                "answer together"
            )
