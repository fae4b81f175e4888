"""The engine that runs a classifier with the training wing's network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from textrnn.engines._base import Floats, Ids
from textrnn.engines._torch_tools import inference, threads_set, to_floats, to_tensor
from textrnn.errors import MissingExtraError

if TYPE_CHECKING:
    from textrnn.tasks.classification import ClassificationNetwork

__all__ = ["TorchClassificationEngine"]

_POINTS = 50  # along the way from blank tokens to the text's
_TOKENS_AT_ONCE = 8_192


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

    def attribute(self, ids: Ids, label: int, temperature: float, several: bool) -> Floats:
        """What each token adds to the log-probability of a label, by integrated gradients.

        Sundararajan et al. 2017, arXiv:1703.01365, equation 1: the gradients with respect to the
        tokens' vectors, along the straight line from zeros (BOS and EOS stay) to the text's, and
        with respect to what its n-grams add, from nothing to all of it; an n-gram's weight is
        divided among its tokens. The weights sum to what the text's log-probability is above that
        of blank tokens. The text is read as one window.

        Args:
            ids: (T,), BOS, a text, EOS.
            label: which.
            temperature: of the calibration.
            several: whether a text may have several labels.

        Raises:
            MissingExtraError: captum is not installed.
        """
        try:
            from captum.attr import IntegratedGradients
        except ImportError as error:
            raise MissingExtraError(
                "captum", "explain", "an explanation on the engine torch (onnx needs none)"
            ) from error
        network = self._network

        def log_probability(vectors: Tensor, present: Tensor) -> Tensor:
            lengths = torch.full((len(vectors),), vectors.shape[1], device=vectors.device)
            pooled, _ = network.read(vectors, lengths, None)
            logits = network.decide(pooled, lengths) + constant + present @ adds
            logits = logits / temperature
            return (F.logsigmoid(logits) if several else logits.log_softmax(1))[:, label]

        without_cudnn = torch.backends.cudnn.flags(enabled=False)  # its RNNs: in training only
        with threads_set(self._threads), torch.enable_grad(), without_cudnn:
            tokens = to_tensor(ids[None], self._device)
            vectors = network.encoder.embed(tokens).detach()
            blank = vectors.clone()
            blank[:, 1:-1] = 0.0
            adds, within, constant = self._ngrams(tokens[0])
            present = torch.ones(1, len(adds), device=self._device)
            of_vectors, of_ngrams = IntegratedGradients(log_probability).attribute(
                (vectors, present),
                (blank, torch.zeros_like(present)),
                n_steps=_POINTS,
                internal_batch_size=max(1, _TOKENS_AT_ONCE // len(ids)),
            )
        return to_floats((of_vectors.sum(2)[0] + of_ngrams[0].to(within) @ within).detach())

    def _ngrams(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What n-grams add to the logits (K, C), their share of each token (K, T), and the rest.

        Those of BOS and EOS alone are a part of the rest (C,): every text has them.
        """
        scores = self._network.ngrams
        if scores is None:
            nothing = torch.zeros(self.label_count, device=self._device)
            return nothing[None], torch.zeros(1, len(ids), device=self._device), nothing
        adds, within = (part.detach() for part in scores.occurrences(ids))
        within[:, [0, -1]] = 0.0
        sizes = within.sum(1)
        real = sizes > 0
        constant = scores.bias.detach() + adds[~real].sum(0)
        return adds[real], within[real] / sizes[real].unsqueeze(1), constant
