"""Optimisers over the network's groups, the top one at the full rate, lower ones at less."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from textrnn.config import OptimizerSettings

__all__ = ["make_optimizer", "set_learning_rate"]


def make_optimizer(
    settings: OptimizerSettings, groups: Sequence[Sequence[nn.Parameter]]
) -> torch.optim.Optimizer:
    """AdamW or SGD over the groups, top first.

    A group's learning rate is that of the group above it times ``layer_decay`` (discriminative
    fine-tuning, arXiv:1801.06146, section 3.1). Weight decay leaves vectors (biases, norms) alone.

    >>> top, bottom = nn.Linear(2, 2), nn.Linear(2, 2)
    >>> groups = [[top.weight], [bottom.weight]]
    >>> optimizer = make_optimizer(OptimizerSettings(layer_decay=0.5), groups)
    >>> [group["scale"] for group in optimizer.param_groups]
    [1.0, 0.5]
    """
    described = []
    for depth, group in enumerate(groups):
        matrices = [parameter for parameter in group if parameter.ndim > 1]
        vectors = [parameter for parameter in group if parameter.ndim <= 1]
        for parameters, decay in ((matrices, settings.weight_decay), (vectors, 0.0)):
            if parameters:
                scale = settings.layer_decay**depth
                described.append({"params": parameters, "weight_decay": decay, "scale": scale})
    rate = settings.learning_rate
    if settings.kind == "adamw":
        return torch.optim.AdamW(
            described, rate, betas=settings.betas, eps=settings.epsilon, fused=True
        )
    return torch.optim.SGD(described, rate, momentum=settings.momentum)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of the top group; every other follows by its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
