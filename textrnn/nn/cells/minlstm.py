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

    def open(self, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """See :meth:`MixingCell.open`."""
        forget, enter, candidate = parts
        entered = torch.sigmoid(enter)
        return entered / (torch.sigmoid(forget) + entered + _TINY), candidate

    def close(
        self, parts: Sequence[Tensor], opened: tuple[Tensor, Tensor], grads: tuple[Tensor, Tensor]
    ) -> Sequence[Tensor]:
        """See :meth:`MixingCell.close`: the logit of i / (f + i) is log i - log f."""
        forget, enter, _ = parts
        grad, grad_candidate = grads
        return (
            torch.sigmoid(-forget).mul_(grad).neg_(),
            torch.sigmoid(-enter).mul_(grad),
            grad_candidate,
        )
