"""The engine that runs a translator's graphs with ONNX Runtime; it never loads PyTorch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.engines._base import Floats, Ids
from textrnn.engines._onnx_sessions import open_session
from textrnn.engines._scoring import score_targets
from textrnn.engines._sentences import Sentences
from textrnn.tokenizers import BOS, PAD

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["FILES", "OnnxTranslationEngine"]

FILES = tuple(f"onnx/{name}" for name in ("step.onnx", "encode.onnx", "weights.data"))


def _whole(width: int) -> int:
    """The next multiple of four: products sum the columns behind the last one in another order.

    So that a sentence's numbers are the same to the bit beside any others.
    """
    return -(-width // 4) * 4


class _Source(NamedTuple):
    """What has been read of G sentences; no row has a copy of its own.

    Args:
        memory: (G, S, M).
        keys: (G, S, A).
        lengths: (G,).
        mask: (G, S), True where there is a token.
        width: S as it was given to :meth:`OnnxTranslationEngine.start`.
    """

    memory: Floats
    keys: Floats
    lengths: Ids
    mask: NDArray[np.bool_]
    width: int


class _State(NamedTuple):
    """The state of N rows.

    Args:
        parts: the decoder's (N, H).
        source: what the rows read.
        sentences: which of it each row reads.
        weights: where the decoder looked, by places (..., S).
        places: (N,), in which of them each row stood then.
    """

    parts: tuple[Floats, ...]
    source: _Source
    sentences: Sentences
    weights: Floats
    places: Ids


class OnnxTranslationEngine:
    """ONNX Runtime on a processor, on one thread unless told otherwise.

    Args:
        graphs: the folder with the graphs that ``textrnn export`` writes.
        parameters_sha256: of the parameters that they must have been made from.
        threads: processor threads for every call.

    Raises:
        EngineError: the graphs are damaged, or were made from other parameters.
    """

    name = "onnx"

    def __init__(self, graphs: Path, parameters_sha256: str, threads: int | None = None) -> None:
        self._from = graphs, parameters_sha256, threads or 1
        self._step = self._session("step")
        names = [value.name for value in self._step.get_inputs()]
        self._parts = [name for name in names if name.startswith("state.")]
        self._where = "mask" if "mask" in names else "lengths"  # in folders of before
        logits, *_ = self._step.get_outputs()
        self._outputs = [value.name for value in self._step.get_outputs()]
        self.vocab_size: int = logits.shape[1]
        self.precision: str = self._step.get_modelmeta().custom_metadata_map["precision"]

    @classmethod
    def open(cls, folder: ModelFolder, threads: int | None) -> OnnxTranslationEngine:
        """Load the graph of one step; the encoder follows when it is needed.

        Raises:
            ModelFolderError: a graph is not the file that was written.
            EngineError: ONNX Runtime cannot read it.
        """
        for name in FILES:
            folder.file(name)
        return cls(folder.path / "onnx", folder.parameters_sha256, threads)

    def start(self, ids: Ids, lengths: Ids) -> tuple[Floats, _State]:
        """See :meth:`textrnn.engines.TranslationEngine.start`."""
        width = ids.shape[1]
        padded = np.full((len(ids), _whole(width)), PAD)
        padded[:, :width] = ids
        memory, keys, *parts = self._encoder.run(None, {"ids": padded, "lengths": lengths})
        rows = np.arange(len(ids))
        mask = np.arange(padded.shape[1]) < lengths[:, np.newaxis]
        source = _Source(memory, keys, lengths, mask, width)
        sentences = Sentences.of_rows(rows, len(ids))
        state = _State(tuple(parts), source, sentences, np.zeros(ids.shape, np.float32), rows)
        return self.step(np.full(len(ids), BOS), state)

    def step(self, ids: Ids, state: _State) -> tuple[Floats, _State]:
        """See :meth:`textrnn.engines.StepEngine.step`."""
        source, sentences = state.source, state.sentences
        inputs = {
            "ids": ids,
            "memory": source.memory,
            "keys": source.keys,
            self._where: source.mask if self._where == "mask" else source.lengths,
            "rows": sentences.rows,
            "places": sentences.places,
            **dict(zip(self._parts, state.parts, strict=True)),
        }
        logits, weights, *parts = self._step.run(self._outputs, inputs)
        # In folders of before they came in the order of the rows.
        places = sentences.places if weights.ndim == 3 else np.arange(len(ids))
        return logits, _State(tuple(parts), source, sentences, weights, places)

    def reorder(self, state: _State, rows: Ids) -> _State:
        """See :meth:`textrnn.engines.StepEngine.reorder`.

        The sources stay where they are; those that no row has any more are dropped when they are
        half of all.
        """
        parts = tuple(part[rows] for part in state.parts)
        source, sentences = state.source, state.sentences.chosen(rows)
        if sentences is not state.sentences and (left := sentences.left()) is not None:
            sentences = sentences.among(left)
            lengths = source.lengths[left]
            width = _whole(int(lengths.max()))
            memory, keys = (part[left, :width] for part in (source.memory, source.keys))
            source = _Source(memory, keys, lengths, source.mask[left, :width], source.width)
        return _State(parts, source, sentences, state.weights, state.places[rows])

    def attention(self, state: _State) -> Floats:
        """See :meth:`textrnn.engines.TranslationEngine.attention`."""
        by_place = state.weights.reshape(-1, state.weights.shape[-1])
        weights = by_place[state.places, : state.source.width]
        short = state.source.width - weights.shape[1]
        return np.pad(weights, ((0, 0), (0, short))) if short else weights

    def score(self, source: Ids, source_lengths: Ids, target: Ids, target_lengths: Ids) -> Floats:
        """See :meth:`textrnn.engines.TranslationEngine.score`."""
        return score_targets(self, self.start(source, source_lengths), target, target_lengths)

    @cached_property
    def _encoder(self) -> Any:
        return self._session("encode")

    def _session(self, name: str) -> Any:
        graphs, parameters_sha256, threads = self._from
        return open_session(
            graphs,
            name,
            parameters_sha256,
            threads,
            keeps_memory=name == "step",
            many_shapes=True,
        )
