"""The engine that runs a classifier's graphs with ONNX Runtime; it never loads PyTorch."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from textrnn.engines._base import Floats, Ids
from textrnn.engines._onnx_sessions import open_session
from textrnn.errors import EngineError
from textrnn.tokenizers import distinct_ngrams

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["FILES", "OnnxClassificationEngine"]

FILES = tuple(f"onnx/{name}" for name in ("read.onnx", "classify.onnx", "weights.data"))
_READ_AT_ONCE = 4_096  # tokens, all rows together: what is made of them fits a cache


class OnnxClassificationEngine:
    """ONNX Runtime on a processor, on one thread unless told otherwise.

    Args:
        read: the session that reads a window.
        classify: the one behind what is pooled.
        window: how many tokens are read at once.
        directions: of the encoder.
        ngrams: the longest n-grams that the head looks at, and of how many buckets; 0: none.
    """

    name = "onnx"

    def __init__(
        self, read: Any, classify: Any, window: int, directions: int, ngrams: tuple[int, int]
    ) -> None:
        self._read = read
        self._classify = classify
        self._window = window
        self._directions = directions
        self._ngrams = ngrams
        _, _, *state = read.get_inputs()
        self._state = [part.name for part in state]
        told = [part.name for part in classify.get_inputs()]
        self._pooled = told[: told.index("lengths")]
        self.label_count: int = classify.get_outputs()[0].shape[1]
        self.precision: str = read.get_modelmeta().custom_metadata_map["precision"]
        notes = read.get_modelmeta().custom_metadata_map["initial_state"]
        numbers = np.frombuffer(base64.b64decode(notes), "<f4").astype(np.float32)
        ends = np.cumsum([part.shape[1] for part in state])
        self._initial = np.split(numbers, ends[:-1])

    @classmethod
    def open(cls, folder: ModelFolder, threads: int | None) -> OnnxClassificationEngine:
        """Load both graphs.

        Raises:
            ModelFolderError: a graph is not the file that was written.
            EngineError: ONNX Runtime cannot read it.
        """
        for name in FILES:
            folder.file(name)
        graphs, sha256 = folder.path / "onnx", folder.parameters_sha256
        read, classify = (
            open_session(graphs, name, sha256, threads or 1, many_shapes=True)
            for name in ("read", "classify")
        )
        try:
            head = folder.network["head"]
            window = int(head["window"])
            directions = 2 if folder.network["encoder"]["bidirectional"] else 1
            ngrams = int(head.get("ngrams", 0)), int(head.get("ngram_buckets", 0))
        except (KeyError, TypeError, ValueError) as error:
            raise EngineError(f"{folder.path}: config.json: the network has no {error}") from error
        return cls(read, classify, window, directions, ngrams)

    def classify(self, ids: Ids, lengths: Ids) -> Floats:
        """See :meth:`textrnn.engines.ClassificationEngine.classify`."""
        at_once = max(1, _READ_AT_ONCE // min(ids.shape[1], self._window))
        groups = [slice(first, first + at_once) for first in range(0, len(ids), at_once)]
        return np.concatenate([self._classify_rows(ids[rows], lengths[rows]) for rows in groups])

    def _classify_rows(self, ids: Ids, lengths: Ids) -> Floats:
        rows = np.arange(len(ids))
        state = [np.repeat(part[np.newaxis], len(ids), axis=0) for part in self._initial]
        pooled: dict[str, Floats] = {}
        for begin in range(0, int(lengths.max()), self._window):
            on = lengths[rows] > begin
            rows = rows[on]
            real = np.minimum(lengths[rows] - begin, self._window)
            inputs = {"ids": ids[rows, begin : begin + int(real.max())], "lengths": real}
            inputs |= zip(self._state, (part[on] for part in state), strict=True)
            found = self._read.run(None, inputs)
            now = dict(zip(self._pooled, found, strict=False))
            state = found[len(self._pooled) :]
            if not pooled:
                pooled = {name: part.copy() for name, part in now.items()}
                continue
            joined = self._join({name: part[rows] for name, part in pooled.items()}, now)
            for name, part in joined.items():
                pooled[name][rows] = part
        told = {**pooled, "lengths": lengths}
        if self._ngrams[0]:
            told["ngrams"] = distinct_ngrams(ids, lengths, *self._ngrams)
        logits: Floats = self._classify.run(None, told)[0]
        return logits

    def _join(self, before: dict[str, Floats], now: dict[str, Floats]) -> dict[str, Floats]:
        """What texts have told with this window, too, as ``Pooling.join`` of the training wing."""
        joined = {}
        for name, value in now.items():
            old = before[name]
            if name == "last":
                half = value.shape[1] // self._directions
                joined[name] = np.concatenate([value[:, :half], old[:, half:]], axis=1)
            elif name == "max":
                joined[name] = np.maximum(old, value)
            elif name == "sum":
                joined[name] = old + value
            elif name == "mass":
                joined[name] = np.logaddexp(old, value)
            else:
                share = np.exp(now["mass"] - np.logaddexp(before["mass"], now["mass"]))
                joined[name] = old + share * (value - old)
        return joined
