"""The norm of a gradient, step by step back in time: where it vanishes, nothing is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from textrnn.errors import UsageError
from textrnn.inspection._reading import read_text
from textrnn.model_folder import ModelFolder
from textrnn.nn.cells import FAMILY
from textrnn.nn.encoder import State

__all__ = ["GradientNorms", "cell_gradients", "model_gradients"]


@dataclass(frozen=True)
class GradientNorms:
    """What was measured.

    Args:
        name: the cell's or the model's.
        norms: of the gradient with respect to the state, 0, 1, 2, ... steps before the last one.
    """

    name: str
    norms: tuple[float, ...]

    def relative(self) -> tuple[float, ...]:
        """The norms over that of the last step; zeros where even that is zero."""
        last = self.norms[0] or 1.0
        return tuple(norm / last for norm in self.norms)


def cell_gradients(
    name: str, *, hidden_size: int = 128, length: int = 100, seed: int = 0
) -> GradientNorms:
    """The gradient in a fresh cell that reads noise (Bengio et al. 1994; arXiv:1211.5063, 2.1).

    It is that of the last output along a random direction, with respect to the state at each time,
    its mean over 16 rows.

    Args:
        name: of a registered cell.
        hidden_size: H, and the width of the standard normal inputs.
        length: of the sequence.
        seed: of parameters and inputs.

    Raises:
        UnknownNameError: no such cell.
        UsageError: a seed that is not from 0 to 2**63 - 1.

    >>> measured = cell_gradients("rnn", hidden_size=8, length=20)
    >>> measured.norms[0] > 10 * measured.norms[20]
    True
    """
    rows = 16
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed is {seed}: give a whole number from 0 to {2**63 - 1}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cell = FAMILY.get(name)(hidden_size, hidden_size)
        inputs = torch.randn(length, rows, hidden_size)
        direction = torch.nn.functional.normalize(torch.randn(rows, hidden_size), dim=1)
    states: list[State] = [(_leaves(cell.initial_state(rows)),)]
    for column in inputs:
        output, after = cell.step(column, states[-1][0])
        states.append((after,))
    return GradientNorms(name, _norms(states, (output * direction).sum()))


def model_gradients(name: str, folder: ModelFolder, text: str) -> GradientNorms:
    """The gradient of a text's last token in a language model, with respect to each state before.

    Args:
        name: how it is to be called.
        folder: the model.
        text: of two tokens or more.

    Raises:
        ModelFolderError: the folder is damaged.
        UsageError: the text has no token.
    """
    network, ids, _ = read_text(folder, text)
    states: list[State] = [tuple(map(_leaves, network.initial_state(1)))]
    for column in ids[:, :-1].unbind(1):
        hidden, after = network.step(column, states[-1])
        states.append(after)
    return GradientNorms(name, _norms(states, -network.log_probs(hidden, ids[:, -1]).sum()))


def _leaves(state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(part.requires_grad_() for part in state)


def _norms(states: Sequence[State], loss: Tensor) -> tuple[float, ...]:
    """The mean over rows of the norm of each state's gradient, the last state first."""
    parts = [[part for cell in state for part in cell] for state in states]
    flat = [part for state in parts for part in state]
    found = iter(torch.autograd.grad(loss, flat, allow_unused=True, materialize_grads=True))
    grads = [torch.cat([next(found) for _ in state], 1) for state in parts]
    return tuple(float(grad.norm(dim=1).mean()) for grad in reversed(grads))
