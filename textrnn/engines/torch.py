"""The engine that runs a model folder with the training wing's networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.engines._base import AnyEngine, Floats, Ids, State
from textrnn.engines._learning import Learning
from textrnn.engines._torch_classification import TorchClassificationEngine
from textrnn.engines._torch_device import DeviceLogits, RecordedSteps, Step, record_on_cuda
from textrnn.engines._torch_learning import TorchLearner
from textrnn.engines._torch_tools import inference, to_floats, to_tensor
from textrnn.engines._torch_translation import TorchTranslationEngine
from textrnn.engines._windows import Window, windows
from textrnn.errors import EngineError
from textrnn.nn import select_rows
from textrnn.tasks import network_from_folder

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder
    from textrnn.tasks.classification import ClassificationNetwork
    from textrnn.tasks.language_modeling import LanguageModelNetwork
    from textrnn.tasks.translation import TranslationNetwork

__all__ = ["TorchEngine"]

_READ_AT_ONCE = 16_384  # tokens, all rows together: what bounds the memory of a long text


class TorchEngine:
    """PyTorch, on a processor or a GPU; a state is a tuple per layer of tensors (B, H).

    Device ``auto`` is the GPU where there is a CUDA one, else the processor. On a processor, steps
    of fewer than 16 rows take one thread unless ``threads`` says otherwise; on a CUDA device, each
    is a CUDA graph.

    Args:
        network: the network, in evaluation mode, on its device.
        vocab_size: V.
        threads: processor threads for every call; None chooses.
    """

    name = "torch"

    def __init__(
        self, network: LanguageModelNetwork, vocab_size: int, threads: int | None = None
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size: int = network.encoder.output_size
        self._network = network
        self._threads = threads
        self._device = next(network.parameters()).device
        self._step: Step = self._plain_step
        if self._device.type == "cuda":
            self._step = RecordedSteps(self._plain_step, record_on_cuda)

    @classmethod
    def refusal(cls, folder: ModelFolder, device: str) -> str | None:
        """Why this engine cannot run on ``device``; it runs every folder."""
        if device.startswith("cuda"):
            count = torch.cuda.device_count() if torch.cuda.is_available() else 0
            if int(device.partition(":")[2] or 0) >= count:
                return f"PyTorch finds {count} CUDA devices here"
        if device == "mps" and not torch.backends.mps.is_available():
            return "PyTorch finds no Apple GPU here"
        return None

    @classmethod
    def open(cls, folder: ModelFolder, *, device: str, threads: int | None) -> AnyEngine:
        """Load the folder's network; a translator's makes a :class:`TorchTranslationEngine`.

        Raises:
            ModelFolderError: the parameters do not fit the network that config.json describes.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        network = network_from_folder(folder).to(torch.device(device))
        if folder.task == "translation":
            translator = cast("TranslationNetwork", network)
            return TorchTranslationEngine(translator, folder.vocab_size, threads)
        if folder.task == "classification":
            return TorchClassificationEngine(cast("ClassificationNetwork", network), threads)
        return cls(cast("LanguageModelNetwork", network), folder.vocab_size, threads)

    def start(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.start`."""
        with inference(self._threads):
            state = state or self._network.initial_state(len(ids))
            for window in windows(ids, lengths - 1, _READ_AT_ONCE):
                _, state = self._read(window, state)
        return self.step(ids[np.arange(len(ids)), lengths - 1], state)

    def step(self, ids: Ids, state: State) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.step`."""
        logits, state = self.step_on_device(ids, state)
        return np.asarray(logits), state

    def step_on_device(self, ids: Ids, state: State) -> tuple[DeviceLogits, State]:
        """See :class:`textrnn.engines.DeviceEngine`."""
        parts = [part for layer in state for part in layer]
        with inference(self._threads, len(ids)):
            logits, *after = self._step([self._tensor(ids), *parts])
        new = iter(after)
        return DeviceLogits(logits), tuple(tuple(next(new) for _ in layer) for layer in state)

    def reorder(self, state: State, rows: Ids) -> State:
        """See :meth:`textrnn.engines.Engine.reorder`."""
        return select_rows(state, self._tensor(rows))

    def score(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.score`."""
        log_probs = np.zeros(ids.shape, np.float32)
        with inference(self._threads):
            state = state or self._network.initial_state(len(ids))
            for window in windows(ids, lengths - 1, _READ_AT_ONCE):
                hidden, state = self._read(window, state)
                rows, times = window.places()
                places = window.rows[rows], window.begin + times + 1
                chosen = hidden[self._tensor(rows), self._tensor(times)]
                found = self._network.log_probs(chosen, self._tensor(ids[places]))
                log_probs[places] = to_floats(found)
        return log_probs, state

    def read(self, ids: Ids, lengths: Ids, state: State | None = None) -> tuple[Floats, State]:
        """See :meth:`textrnn.engines.Engine.read`."""
        hidden = np.zeros((*ids.shape, self.hidden_size), np.float32)
        with inference(self._threads):
            state = state or self._network.initial_state(len(ids))
            if ids.shape[1] == 1 and lengths.all():  # a step is quicker than a text of one token
                found, state = self._network.step(self._tensor(ids[:, 0]), state)
                return to_floats(found)[:, np.newaxis], state
            for window in windows(ids, lengths, _READ_AT_ONCE):
                found, state = self._read(window, state)
                end = window.begin + window.ids.shape[1]
                hidden[window.rows, window.begin : end] = to_floats(found)
        return hidden, state

    def log_probs(self, hidden: Floats, targets: Ids) -> Floats:
        """See :meth:`textrnn.engines.Engine.log_probs`."""
        with inference(self._threads):
            given = self._tensor(hidden), self._tensor(targets)
            return to_floats(self._network.log_probs(*given))

    def learner(self, learning: Learning, statistics: Ids | None = None) -> TorchLearner:
        """See :meth:`textrnn.engines.LearningEngine.learner`."""

        def make_engine(network: LanguageModelNetwork) -> TorchEngine:
            return TorchEngine(network, self.vocab_size, self._threads)

        return TorchLearner(self._network, learning, make_engine, statistics, self._threads)

    def state_arrays(self, state: State) -> dict[str, NDArray[Any]]:
        """See :meth:`textrnn.engines.Engine.state_arrays`: ``LAYER.PART`` (B, H)."""
        return {
            f"{layer}.{part}": to_floats(tensor)
            for layer, parts in enumerate(state)
            for part, tensor in enumerate(parts)
        }

    def state_from_arrays(self, arrays: dict[str, NDArray[Any]]) -> State:
        """See :meth:`textrnn.engines.Engine.state_from_arrays`."""
        wanted = self.state_arrays(self._network.initial_state(1))
        found = {name: (array.dtype, array.shape[1:]) for name, array in arrays.items()}
        if found != {name: (array.dtype, array.shape[1:]) for name, array in wanted.items()}:
            raise EngineError("the arrays are not a state of this model: other layers or sizes")
        if len({len(array) for array in arrays.values()}) != 1:
            raise EngineError("the arrays are not a state: they differ in their number of rows")
        layers: dict[str, list[Tensor]] = {}
        for name in wanted:
            layers.setdefault(name.split(".")[0], []).append(self._tensor(arrays[name]))
        return tuple(tuple(parts) for parts in layers.values())

    def _read(self, window: Window, state: State) -> tuple[Tensor, State]:
        """The hidden states (N, W, H) of a window, and the state of all rows after it."""
        full = window.real.min() == window.ids.shape[1]
        real = None if full else self._tensor(window.real)
        chosen = self._tensor(window.rows)
        before = select_rows(state, chosen)
        hidden, after = self._network.encode(self._tensor(window.ids), before, real)
        after = tuple(
            tuple(old.index_copy(0, chosen, new) for old, new in zip(*layer, strict=True))
            for layer in zip(state, after, strict=True)
        )
        return hidden, after

    def _plain_step(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Ids (B,) and the parts of a state to logits (B, V) and the new parts."""
        ids, *parts = inputs
        rest = iter(parts)
        cells = self._network.encoder.cells()
        state = tuple(tuple(next(rest) for _ in range(cell.state_parts)) for cell in cells)
        hidden, after = self._network.step(ids, state)
        return self._network.logits(hidden), *(part for layer in after for part in layer)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return to_tensor(array, self._device)
