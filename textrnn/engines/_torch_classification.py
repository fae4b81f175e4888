"""The engine that runs a classifier with the training wing's network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textrnn.engines._base import Floats, Ids
from textrnn.engines._torch_tools import inference, to_floats, to_tensor

if TYPE_CHECKING:
    from textrnn.tasks.classification import ClassificationNetwork

__all__ = ["TorchClassificationEngine"]


class TorchClassificationEngine:
    """PyTorch, on a processor or a GPU.

    Args:
        network: the network, in evaluation mode, on its device.
        threads: processor threads for every call; None leaves it to PyTorch.
    """

    name = "torch"

    def __init__(self, network: ClassificationNetwork, threads: int | None = None) -> None:
        self.label_count = network.label_count
        self._network = network
        self._threads = threads
        self._device = next(network.parameters()).device

    def classify(self, ids: Ids, lengths: Ids) -> Floats:
        """See :meth:`textrnn.engines.ClassificationEngine.classify`."""
        with inference(self._threads):
            tensors = (to_tensor(array, self._device) for array in (ids, lengths))
            return to_floats(self._network.logits(*tensors))
