"""Dynamic evaluation: a network that learns from a text, segment by segment, while it reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from textrnn.engines._base import Engine, Ids
from textrnn.engines._learning import Learning, Reading
from textrnn.engines._torch_tools import threads_set, to_floats, to_tensor
from textrnn.errors import EngineError
from textrnn.nn.encoder import State, detach

if TYPE_CHECKING:
    from textrnn.tasks.language_modeling import LanguageModelNetwork

__all__ = ["RmsRule", "TorchLearner"]

_AT_ONCE = 1 << 17  # numbers: with whole tensors a step takes nearly twice as long


class RmsRule:
    """The update of dynamic evaluation, with a global prior (arXiv:1709.07432, equations 5 and 6).

    For each parameter p with gradient g, RMS being the root of the mean square of its gradients::

        p += - learning_rate * g / (RMS + epsilon) + min(1, decay * RMS / mean RMS) * (prior - p)

    The mean of all RMS is that of the update before; at the first one there is nothing to draw
    back.

    Args:
        parameters: what is to learn; as they are now, they are the prior.
        learning: the rates.

    >>> weight = torch.tensor([1.0, 1.0])
    >>> rule = RmsRule([weight], Learning(learning_rate=0.5, epsilon=1e-9))
    >>> rule.learn([torch.tensor([3.0, -1.0])])
    >>> weight.tolist()
    [0.5, 1.5]
    """

    def __init__(self, parameters: Sequence[Tensor], learning: Learning) -> None:
        self.learning = learning
        self._values = _pieces([parameter.detach().view(-1) for parameter in parameters])
        self._prior = [value.clone() for value in self._values]
        self._squares = [torch.zeros_like(value) for value in self._values]
        self._size = sum(value.numel() for value in self._values)
        self._count = 0
        self._fixed = False
        self._mean = math.inf

    def observe(self, gradients: Sequence[Tensor]) -> None:
        """Take gradients into the mean squares, and learn nothing."""
        self._count += 1
        for square, gradient in zip(self._squares, _pieces(gradients), strict=True):
            square.lerp_(gradient.square(), 1 / self._count)

    def fix(self) -> None:
        """Leave the mean squares as they are from here on."""
        self._fixed = True
        self._mean = sum(float(square.sqrt().sum()) for square in self._squares) / self._size

    def learn(self, gradients: Sequence[Tensor]) -> None:
        """Move the parameters; without :meth:`fix` the gradients go into the mean squares first."""
        if not self._fixed:
            self.observe(gradients)
        pull, total = self.learning.decay / (self._mean or math.inf), 0.0
        of_each = zip(self._values, self._prior, self._squares, _pieces(gradients), strict=True)
        for value, prior, square, gradient in of_each:
            root = square.sqrt()
            total += float(root.sum())
            back = (root * pull).clamp_(max=1.0).mul_(prior - value)
            step = gradient / root.add_(self.learning.epsilon)
            value.sub_(step, alpha=self.learning.learning_rate).add_(back)
        self._mean = total / self._size


def _pieces(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors as flat views that are small enough to be worked on in the processor's cache."""
    return [piece for tensor in tensors for piece in torch.split(tensor.reshape(-1), _AT_ONCE)]


class TorchLearner:
    """Dynamic evaluation with the RMS rule and a global prior (arXiv:1709.07432, section 4).

    After each segment, :class:`RmsRule` takes the gradient of its mean loss. The mean squares are
    over the segments of a text that is given beforehand, with the parameters of the folder, as in
    the paper; or, where none is, over the segments read so far, the last one included. Gradients do
    not reach beyond a segment; the state is carried on. Dropout is off.

    Args:
        network: is copied.
        learning: how.
        make_engine: what runs the copy.
        statistics: ids (T,) of the text for the mean squares.
        threads: processor threads; None leaves it to PyTorch.
    """

    def __init__(
        self,
        network: LanguageModelNetwork,
        learning: Learning,
        make_engine: Callable[[LanguageModelNetwork], Engine],
        statistics: Ids | None = None,
        threads: int | None = None,
    ) -> None:
        self._network = deepcopy(network).requires_grad_(True)
        self.engine = make_engine(self._network)
        self._size = learning.segment
        self._threads = threads
        self._parameters = list(self._network.parameters())
        self._rule = RmsRule(self._parameters, learning)
        self._state: State | None = None
        if statistics is not None:
            for _, gradients in self._segments(statistics.astype(np.int64)):
                self._rule.observe(gradients)
            self._rule.fix()
            self._state = None
        self._last: Ids = np.empty(0, np.int64)

    def read(self, ids: Ids) -> Iterator[Reading]:
        """See :meth:`textrnn.engines.Learner.read`."""
        row = np.concatenate([self._last, ids.astype(np.int64)])
        self._last = row[:1]
        for reading, gradients in self._segments(row):
            self._last = reading.ids[-1:]
            if not np.isfinite(reading.log_probs).all():
                raise EngineError(
                    "the loss is no longer a number: give a lower learning rate than "
                    f"{self._rule.learning.learning_rate:g}"
                )
            with threads_set(self._threads), torch.no_grad():
                self._rule.learn(gradients)
            yield reading

    def _segments(self, ids: Ids) -> Iterator[tuple[Reading, list[Tensor]]]:
        """Each segment and its gradients; goes on from the state, and keeps the one after it."""
        device = self._parameters[0].device
        for begin in range(0, len(ids) - 1, self._size):
            segment = ids[begin : begin + self._size + 1]
            tensor = to_tensor(segment, device)
            with threads_set(self._threads), torch.enable_grad():
                hidden, state = self._network.encode(tensor[None, :-1], self._state)
                log_probs = self._network.log_probs(hidden[0], tensor[1:])
                gradients = torch.autograd.grad(
                    -log_probs.mean(), self._parameters, materialize_grads=True
                )
            self._state = detach(state)
            found = to_floats(log_probs.detach()), to_floats(hidden[0].detach())
            yield Reading(segment, *found), list(gradients)
