"""General attention, its scores scaled as in Vaswani et al. (2017), arXiv:1706.03762, 3.2.1."""

from __future__ import annotations

from torch import Tensor

from textrnn.nn.attention.general import General

__all__ = ["ScaledGeneral"]


class ScaledGeneral(General):
    """score = query . W memory / sqrt(Q): what scaled dot is to dot, for widths that may differ.

    Without the scale, inner products of wide vectors grow faster than the softmax can follow at the
    learning rates that suit the rest of a translator.

    >>> import torch
    >>> attention = ScaledGeneral(4, 2)
    >>> memory = torch.ones(1, 3, 2)
    >>> torch.equal(attention.keys(memory), attention.key_projection(memory) / 2)
    True
    """

    def keys(self, memory: Tensor) -> Tensor:
        """The projection of the memory, scaled: (B, S, Q)."""
        scale: float = self.query_size**-0.5
        return super().keys(memory) * scale
