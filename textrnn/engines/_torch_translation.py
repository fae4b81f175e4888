"""The engine that runs a translator with the training wing's network."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from textrnn.engines._base import Floats, Ids
from textrnn.engines._sentences import Sentences
from textrnn.engines._torch_tools import inference, to_floats, to_tensor
from textrnn.nn import select_rows
from textrnn.nn.decoder import DecoderState
from textrnn.nn.memory import Memory, SharedMemory
from textrnn.tokenizers import BOS

if TYPE_CHECKING:
    from textrnn.tasks.translation import TranslationNetwork

__all__ = ["TorchTranslationEngine"]


class _State(NamedTuple):
    """The state of N rows on G sentences; no row has a copy of its sentence's memory.

    Args:
        layers: the decoder's.
        source: the sentences' memory.
        width: S as it was given to :meth:`TorchTranslationEngine.start`.
        sentences: the rows' places.
        shared: the memory with these places, on the device.
        weights: (N, S).
    """

    layers: DecoderState
    source: Memory
    width: int
    sentences: Sentences
    shared: SharedMemory
    weights: Tensor


class TorchTranslationEngine:
    """PyTorch, on a processor or a GPU.

    Args:
        network: the network, in evaluation mode, on its device.
        vocab_size: V.
        threads: processor threads for every call; None leaves it to PyTorch.
    """

    name = "torch"

    def __init__(
        self, network: TranslationNetwork, vocab_size: int, threads: int | None = None
    ) -> None:
        self.vocab_size = vocab_size
        self._network = network
        self._threads = threads
        self._device = next(network.parameters()).device

    def start(self, ids: Ids, lengths: Ids) -> tuple[Floats, _State]:
        """See :meth:`textrnn.engines.TranslationEngine.start`."""
        with inference(self._threads):
            memory, layers = self._network.encode(self._tensor(ids), self._tensor(lengths))
        sentences = Sentences.of_rows(np.arange(len(ids)), len(ids))
        weights = memory.memory.new_zeros(ids.shape)
        shared = self._shared(memory, sentences)
        state = _State(layers, memory, ids.shape[1], sentences, shared, weights)
        return self.step(np.full(len(ids), BOS), state)

    def step(self, ids: Ids, state: _State) -> tuple[Floats, _State]:
        """See :meth:`textrnn.engines.StepEngine.step`."""
        with inference(self._threads, len(ids)):
            network = self._network
            hidden, weights, layers = network.step(self._tensor(ids), state.layers, state.shared)
            logits = network.logits(hidden)
            weights = state.shared.in_rows(weights)
        return to_floats(logits), state._replace(layers=layers, weights=weights)

    def reorder(self, state: _State, rows: Ids) -> _State:
        """See :meth:`textrnn.engines.StepEngine.reorder`."""
        with inference(self._threads):
            chosen = self._tensor(rows)
            layers = select_rows(state.layers, chosen)
            weights = state.weights.index_select(0, chosen)
            state = state._replace(layers=layers, weights=weights)
            sentences = state.sentences.chosen(rows)
            if sentences is state.sentences:
                return state
            source = state.source
            if (left := sentences.left()) is not None:
                sentences = sentences.among(left)
                source = Memory(*(part[self._tensor(left)] for part in source))
            shared = self._shared(source, sentences)
            return state._replace(source=source, sentences=sentences, shared=shared)

    def attention(self, state: _State) -> Floats:
        """See :meth:`textrnn.engines.TranslationEngine.attention`."""
        return to_floats(state.weights)

    def score(self, source: Ids, source_lengths: Ids, target: Ids, target_lengths: Ids) -> Floats:
        """See :meth:`textrnn.engines.TranslationEngine.score`."""
        log_probs = np.zeros(target.shape, np.float32)
        time = np.arange(target.shape[1] - 1)
        rows, times = np.nonzero(time < target_lengths[:, np.newaxis] - 1)
        with inference(self._threads):
            network = self._network
            memory, state = network.encode(self._tensor(source), self._tensor(source_lengths))
            hidden, _, _ = network.decode(self._tensor(target[:, :-1]), state, memory)
            chosen = hidden[self._tensor(rows), self._tensor(times)]
            found = network.log_probs(chosen, self._tensor(target[rows, times + 1]))
        log_probs[rows, times + 1] = to_floats(found)
        return log_probs

    def _shared(self, source: Memory, sentences: Sentences) -> SharedMemory:
        return SharedMemory(source, self._tensor(sentences.rows), self._tensor(sentences.places))

    def _tensor(self, array: Ids) -> Tensor:
        return to_tensor(array, self._device)
