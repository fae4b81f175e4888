"""The minimal gated recurrent unit: Feng et al. (2024), arXiv:2410.01201, section 3.1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from textrnn.nn.cells._mixing import MixingCell

__all__ = ["MinGRU"]


class MinGRU(MixingCell):
    """h' = (1 - z) h + z (W x + b), the gate z = sigmoid(V x + c) blind to the state.

    The rows of the weights are z, then the candidate. Appendix B of the paper makes candidates
    positive so that a scan can run on their logarithms; the scan here needs no logarithms, so the
    candidate is the linear one of section 3.1.

    >>> cell = MinGRU(3, 4)
    >>> outputs, (hidden,) = cell(torch.ones(2, 5, 3), cell.initial_state(2))
    >>> torch.equal(outputs[:, -1], hidden)
    True
    >>> MinGRU(3, 4, weight_drop=0.5)
    Traceback (most recent call last):
    textrnn.errors.UsageError: weight_drop does not apply to MinGRU, which has no ...
    """

    gates = 2

    def share(self, logits: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """See :meth:`MixingCell.share`."""
        (update,) = logits
        return (torch.sigmoid(update),)

    def share_grads(self, shared: tuple[Tensor, ...], grad: Tensor) -> Sequence[Tensor]:
        """See :meth:`MixingCell.share_grads`."""
        return (grad,)
