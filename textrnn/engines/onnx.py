"""The engine that runs a model folder's graphs with ONNX Runtime; it never loads PyTorch."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textrnn.engines._base import AnyEngine, Floats, Ids, State
from textrnn.engines._onnx_classification import FILES as CLASSIFICATION_FILES
from textrnn.engines._onnx_classification import OnnxClassificationEngine
from textrnn.engines._onnx_sessions import has_vnni, onnx_runtime, open_session
from textrnn.engines._onnx_steps import Steps
from textrnn.engines._onnx_translation import FILES as TRANSLATION_FILES
from textrnn.engines._onnx_translation import OnnxTranslationEngine
from textrnn.engines._windows import Window, windows
from textrnn.errors import EngineError

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = ["OnnxEngine"]

_FILES = tuple(f"onnx/{name}" for name in ("step.onnx", "read.onnx", "head.onnx", "weights.data"))
_OF_TASKS = {"translation": TRANSLATION_FILES, "classification": CLASSIFICATION_FILES}
_READ_AT_ONCE = 1_024  # tokens, all rows together: what bounds the memory of a long text
_SCORED_AT_ONCE = 500_000  # logits: few enough for the processor's cache
_MANY = "onnx/steps.onnx"  # which folders of before do not have
_MANY_ROWS = 8  # from here on, a step of that graph is quicker
_FEW_TOKENS = 8  # a text of so many is read by steps, which saves loading the graph that reads


class OnnxEngine:
    """ONNX Runtime on a processor; a state is a tuple of arrays (B, H), the parts of all layers.

    Runs on one thread unless told otherwise: small steps lose by a second one.

    Args:
        graphs: the folder with the graphs that ``textrnn export`` writes.
        parameters_sha256: of the parameters that they must have been made from.
        threads: processor threads for every call.

    Raises:
        EngineError: the graphs are damaged, or were made from other parameters.
    """

    name = "onnx"

    def __init__(self, graphs: Path, parameters_sha256: str, threads: int | None = None) -> None:
        self._graphs = graphs
        self._sha256 = parameters_sha256
        self._threads = threads or 1
        session = self._session("step")
        _, *parts = session.get_inputs()
        self._step = Steps(session)
        self._parts = [part.name for part in parts]
        self._initial = _initial_state(session, [part.shape[1] for part in parts])
        self.vocab_size: int = session.get_outputs()[0].shape[1]
        self.precision: str = session.get_modelmeta().custom_metadata_map["precision"]

    @classmethod
    def refusal(cls, folder: ModelFolder, device: str) -> str | None:
        """Why this engine cannot run a folder: what is missing, and what to do about it."""
        if device not in ("auto", "cpu"):
            return "ONNX Runtime runs on the processor here: leave the device out, or say cpu"
        try:
            onnx_runtime()
        except EngineError as error:
            return str(error)
        again = f"make its graphs by: textrnn export {folder.path}"
        wanted = _OF_TASKS.get(folder.task, _FILES)
        missing = [name for name in wanted if name not in folder.files]
        if missing:
            return f"the folder has no {missing[0]}: {again}"
        if folder.parameters_sha256.encode() not in (folder.path / wanted[0]).read_bytes():
            return f"its graphs were made from other parameters: {again}"
        return None

    @classmethod
    def open(cls, folder: ModelFolder, *, device: str, threads: int | None) -> AnyEngine:
        """Load the graph of one step; the others follow when they are needed.

        For a translator it is an :class:`OnnxTranslationEngine`, for a classifier an
        :class:`OnnxClassificationEngine`.

        Raises:
            ModelFolderError: a graph is not the file that was written.
            EngineError: ONNX Runtime cannot read it.
        """
        if folder.task == "translation":
            return OnnxTranslationEngine.open(folder, threads)
        if folder.task == "classification":
            return OnnxClassificationEngine.open(folder, threads)
        for name in (*_FILES, *({_MANY} & set(folder.files))):
            folder.file(name)
        return cls(folder.path / "onnx", folder.parameters_sha256, threads)

    def start(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.start`."""
        state = self._begin(len(ids)) if state is None else state
        if len(ids) == 1 and lengths[0] <= _FEW_TOKENS:
            for id in ids[0, : lengths[0]]:
                logits, state = self.step(id[np.newaxis], state)
            return logits, state
        for window in windows(ids, lengths - 1, _READ_AT_ONCE):
            _, state = self._read(window, state)
        return self.step(ids[np.arange(len(ids)), lengths - 1], state)

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.step`."""
        steps = self._many_steps if len(ids) >= _MANY_ROWS else self._step
        return steps(ids, state)

    def reorder(self, state: State, rows: Ids) -> State:
        """See :meth:`textrnn.engines.Engine.reorder`."""
        return tuple(part[rows] for part in state)

    def score(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.score`."""
        log_probs = np.zeros(ids.shape, np.float32)
        state = self._begin(len(ids)) if state is None else state
        for window in windows(ids, lengths - 1, _READ_AT_ONCE):
            hidden, state = self._read(window, state)
            rows, times = window.places()
            places = window.rows[rows], window.begin + times + 1
            log_probs[places] = self.log_probs(hidden[times, rows], ids[places])
        return log_probs, state

    def read(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.read`."""
        hidden = np.zeros((*ids.shape, self.hidden_size), np.float32)
        state = self._begin(len(ids)) if state is None else state
        for window in windows(ids, lengths, _READ_AT_ONCE):
            found, state = self._read(window, state)
            end = window.begin + window.ids.shape[1]
            hidden[window.rows, window.begin : end] = found.swapaxes(0, 1)
        return hidden, state

    def log_probs(self, hidden: Floats, targets: Ids) -> Floats:
        """See :meth:`textrnn.engines.Engine.log_probs`."""
        at_once = max(1, _SCORED_AT_ONCE // self.vocab_size)
        log_probs = np.empty(len(targets), np.float32)
        for first in range(0, len(targets), at_once):
            places = slice(first, first + at_once)
            inputs = {"hidden": hidden[places], "targets": targets[places]}
            (log_probs[places],) = self._head.run(["log_probs"], inputs)
        return log_probs

    @property
    def hidden_size(self) -> int:
        """See :attr:`textrnn.engines.Engine.hidden_size`."""
        width: int = self._head.get_inputs()[0].shape[1]
        return width

    def state_arrays(self, state: State) -> dict[str, NDArray[Any]]:
        """See :meth:`textrnn.engines.Engine.state_arrays`: ``LAYER.PART`` (B, H)."""
        names = (name.removeprefix("state.") for name in self._parts)
        return dict(zip(names, state, strict=True))

    def state_from_arrays(self, arrays: dict[str, NDArray[Any]]) -> State:
        """See :meth:`textrnn.engines.Engine.state_from_arrays`."""
        wanted = self.state_arrays(self._begin(1))
        found = {name: (array.dtype, array.shape[1:]) for name, array in arrays.items()}
        if found != {name: (array.dtype, array.shape[1:]) for name, array in wanted.items()}:
            raise EngineError("the arrays are not a state of this model: other layers or sizes")
        if len({len(array) for array in arrays.values()}) != 1:
            raise EngineError("the arrays are not a state: they differ in their number of rows")
        return tuple(np.ascontiguousarray(arrays[name]) for name in wanted)

    def _begin(self, rows: int) -> State:
        return tuple(np.repeat(part, rows, axis=0) for part in self._initial)

    def _read(self, window: Window, state: State) -> tuple[Floats, State]:
        """The hidden states (W, N, H) of a window, and the state of all rows after it."""
        inputs = {"ids": window.ids, "lengths": window.real}
        inputs |= zip(self._parts, self.reorder(state, window.rows), strict=True)
        hidden, *after = self._reader.run(None, inputs)
        state = tuple(part.copy() for part in state)
        for part, new in zip(state, after, strict=True):
            part[window.rows] = new
        return hidden, state

    @cached_property
    def _reader(self) -> Any:
        return self._session("read")

    @cached_property
    def _many_steps(self) -> Steps:
        """Steps of many rows: by a graph of their own, where there is one and it is quicker."""
        there = (self._graphs / Path(_MANY).name).is_file()
        return Steps(self._session("steps")) if there and has_vnni() else self._step

    @cached_property
    def _head(self) -> Any:
        return self._session("head")

    def _session(self, name: str) -> Any:
        given = self._graphs, name, self._sha256, self._threads
        return open_session(*given, many_shapes=name != "step")


def _initial_state(session: Any, widths: list[int]) -> State:
    """The parts (1, H) of a state at the beginning of a text."""
    notes: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    numbers = np.frombuffer(base64.b64decode(notes["initial_state"]), "<f4").astype(np.float32)
    ends = np.cumsum(widths)
    return tuple(part[np.newaxis] for part in np.split(numbers, ends[:-1]))
