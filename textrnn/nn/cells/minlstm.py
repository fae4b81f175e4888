"""The minimal long short-term memory: Feng et al. (2024), arXiv:2410.01201, section 3.2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from textrnn.nn.cells._mixing import MixingCell

__all__ = ["MinLSTM"]

_TINY = 1e-37  # where both gates underflow, the state is kept


class MinLSTM(MixingCell):
    """h' = (f h + i (W x + b)) / (f + i), the gates f and i blind to the state.

    The rows of the weights are f, i, then the candidate, which is linear as in :class:`MinGRU`. The
    forget gate starts open, its bias being 1.

    >>> cell = MinLSTM(3, 4)
    >>> outputs, (hidden,) = cell(torch.ones(2, 5, 3), cell.initial_state(2))
    >>> torch.equal(outputs[:, -1], hidden)
    True
    """

    gates = 3

    def reset_parameters(self) -> None:
        """As every such cell, and the forget gate open."""
        super().reset_parameters()
        with torch.no_grad():
            nn.init.ones_(self.bias_input.chunk(3)[0])

    def share(self, logits: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See :meth:`MixingCell.share`: i / (f + i), f and i."""
        forget, enter = (torch.sigmoid(logit) for logit in logits)
        return enter / (forget + enter + _TINY), forget, enter

    def share_grads(self, shared: tuple[Tensor, ...], grad: Tensor) -> Sequence[Tensor]:
        """See :meth:`MixingCell.share_grads`: the logit of i / (f + i) is log i - log f."""
        _, forget, enter = shared
        return forget.sub_(1.0).mul_(grad), grad.addcmul(grad, enter, value=-1.0)
