"""Outputs over time to one vector a text, window by window."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from textrnn.errors import UnknownNameError, UsageError

__all__ = ["POOLINGS", "Pooled", "Pooling"]

Pooled = dict[str, Tensor]
"""What has been gathered of B texts so far: ``last``, ``max``, ``sum`` (B, D), ``context`` (B, D)
with ``mass`` (B, 1); those that the chosen kinds need."""

POOLINGS = {
    "last": ("last",),
    "max": ("max",),
    "mean": ("sum",),
    "attention": ("context", "mass"),
}
"""Of each kind, the parts that are gathered."""


class Pooling(nn.Module):
    """Concat pooling: the last output, the greatest and the mean of each unit over real tokens.

    Howard and Ruder 2018 (arXiv:1801.06146, section 3.3); ``attention`` is a mean by weights, the
    softmax over time of a learnt score of each output (Yang et al. 2016, "Hierarchical Attention
    Networks for Document Classification", section 2.2). Of an encoder with two directions, the last
    output of the backward one is that at the first token.

    A text may come in windows: what :meth:`gather` finds in each is joined by :meth:`join`, so that
    nothing that grows with the text is kept.

    Args:
        kinds: of :data:`POOLINGS`, their features side by side in this order.
        width: D, of an output.
        directions: of the encoder.
        attention_size: A, of the layer that scores; None: D.

    Raises:
        UnknownNameError: no such kind.
        UsageError: no kind at all.

    >>> pooling = Pooling(("last", "max", "mean"), 2)
    >>> outputs = torch.tensor([[[1.0, 0.0], [3.0, -2.0], [0.0, 0.0]]])
    >>> pooled = pooling.gather(outputs, torch.tensor([2]))
    >>> pooling.features(pooled, torch.tensor([2])).tolist()
    [[3.0, -2.0, 3.0, 0.0, 2.0, -1.0]]
    """

    def __init__(
        self,
        kinds: Sequence[str],
        width: int,
        *,
        directions: int = 1,
        attention_size: int | None = None,
    ) -> None:
        super().__init__()
        if not kinds:
            raise UsageError("a pooling needs a kind: last, max, mean or attention")
        for kind in kinds:
            if kind not in POOLINGS:
                raise UnknownNameError("pooling", kind, POOLINGS)
        self.kinds = tuple(kinds)
        self.directions = directions
        self.output_size = len(self.kinds) * width
        if "attention" in self.kinds:
            self.project = nn.Linear(width, attention_size or width)
            self.query = nn.Linear(attention_size or width, 1, bias=False)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of what is gathered, in order."""
        return tuple(part for kind in self.kinds for part in POOLINGS[kind])

    def gather(self, outputs: Tensor, lengths: Tensor) -> Pooled:
        """What a window tells: outputs (B, T, D), of which ``lengths`` (B,) >= 1 are real."""
        time = torch.arange(outputs.shape[1], device=outputs.device)
        real = (time < lengths.unsqueeze(1)).unsqueeze(2)
        found: Pooled = {}
        if "last" in self.kinds:
            found["last"] = self._last(outputs, lengths)
        if "max" in self.kinds:
            found["max"] = torch.where(real, outputs, -torch.inf).amax(1)
        if "mean" in self.kinds:
            found["sum"] = torch.where(real, outputs, 0.0).sum(1)
        if "attention" in self.kinds:
            scores = self.query(torch.tanh(self.project(outputs))).float()
            scores = torch.where(real, scores, -torch.inf)
            weights = torch.softmax(scores, 1)
            found["context"] = (weights * outputs).sum(1)
            found["mass"] = torch.logsumexp(scores, 1)
        return {part: found[part] for part in self.parts}

    def _last(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        place = (lengths - 1).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
        last = outputs.gather(1, place).squeeze(1)
        if self.directions == 1:
            return last
        half = outputs.shape[2] // 2
        return torch.cat([last[:, :half], outputs[:, 0, half:]], 1)

    def join(self, before: Pooled, now: Pooled) -> Pooled:
        """What a text has told with this window, too."""
        joined: Pooled = {}
        for part, value in now.items():
            old = before[part]
            if part == "last":
                half = value.shape[1] // self.directions
                joined[part] = torch.cat([value[:, :half], old[:, half:]], 1)
            elif part == "max":
                joined[part] = torch.maximum(old, value)
            elif part == "sum":
                joined[part] = old + value
            elif part == "mass":
                joined[part] = torch.logaddexp(old, value)
            else:
                mass = torch.logaddexp(before["mass"], now["mass"])
                share = torch.exp(now["mass"] - mass)
                joined[part] = old + share * (value - old)
        return joined

    def features(self, pooled: Pooled, lengths: Tensor) -> Tensor:
        """One vector a text (B, P) of what its ``lengths`` (B,) tokens have told."""
        columns = []
        for kind in self.kinds:
            value = pooled[POOLINGS[kind][0]]
            columns.append(value / lengths.unsqueeze(1) if kind == "mean" else value)
        return torch.cat(columns, 1)
