"""Hidden states to the next token: the output layer and its loss, a chunk of logits at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from textrnn.config import LanguageModelHeadSettings
from textrnn.errors import UsageError

__all__ = [
    "AdaptiveHead",
    "OutputHead",
    "linear_cross_entropy",
    "log_probs_of",
    "make_head",
    "rows_at_once",
]

BLOCK_ELEMENTS = 24_000_000
"""Logits held at once, about, in the precision of the products: enough for efficient ones."""
CHUNK_ROWS = 64
"""Rows of a block that are in float32 at once: few enough for the processor's cache."""


def rows_at_once(vocab_size: int) -> int:
    """How many rows of V logits to hold at a time."""
    return max(16, BLOCK_ELEMENTS // vocab_size)


class _LinearCrossEntropy(torch.autograd.Function):
    """Projection, softmax and cross-entropy by blocks; the gradients are made on the way."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        learning: bool,
    ) -> Tensor:
        ctx.dtypes = hidden.dtype, weight.dtype, bias.dtype
        if torch.is_autocast_enabled(hidden.device.type):
            working = torch.get_autocast_dtype(hidden.device.type)
        else:
            working = hidden.dtype
        exact = torch.promote_types(working, torch.float32)
        hidden, matrix, offset = hidden.to(working), weight.to(working), bias.to(working)
        losses = torch.zeros((), dtype=exact, device=hidden.device)
        hidden_grads: list[Tensor] = []
        weight_grad: Tensor | None = None
        bias_grad: Tensor | None = None
        for inputs, chosen in _blocks(hidden, targets, rows_at_once(weight.shape[0])):
            block = torch.addmm(offset, inputs, matrix.t())
            losses += _losses_and_errors(block, chosen, exact, smoothing)
            if learning:
                hidden_grads.append(block @ matrix)
                weight_part = (block.t() @ inputs).to(exact)
                bias_part = (block.new_ones(1, len(block)) @ block)[0].to(exact)
                weight_grad = weight_part if weight_grad is None else weight_grad.add_(weight_part)
                bias_grad = bias_part if bias_grad is None else bias_grad.add_(bias_part)
        ctx.save_for_backward(
            torch.cat(hidden_grads) if hidden_grads else None, weight_grad, bias_grad
        )
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None, None]:
        hidden, weight, bias = (
            (saved * grads[0]).to(dtype)
            for saved, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return hidden, weight, bias, None, None, None


def _blocks(hidden: Tensor, targets: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True)


def _losses_and_errors(
    block: Tensor, targets: Tensor, exact: torch.dtype, smoothing: float
) -> Tensor:
    """The summed loss of logits (N, V), which become the errors, softmax minus the targets."""
    total = torch.zeros((), dtype=exact, device=block.device)
    share = smoothing / block.shape[1]
    for logits, chosen in _blocks(block, targets.unsqueeze(1), CHUNK_ROWS):
        values = logits.to(exact)
        errors = torch.softmax(values, -1)
        # The largest probability is 1 / sum(exp(x - max)): no second pass of exponentials.
        normalisers = values.amax(1) - errors.amax(1).log()
        total += normalisers.sum() - (1.0 - smoothing) * values.gather(1, chosen).sum()
        if smoothing:
            total -= share * values.sum()
            errors -= share
        errors.scatter_add_(1, chosen, errors.new_full(chosen.shape, smoothing - 1.0))
        logits.copy_(errors)
    return total


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """The summed cross-entropy, in nats, of ``softmax(hidden weight^T + bias)`` and the targets.

    Equal to ``F.cross_entropy(F.linear(hidden, weight, bias), targets, reduction="sum")``, with
    memory for a few million logits at a time however many tokens there are. The gradient cannot be
    differentiated again.

    Args:
        hidden: (N, E).
        weight: (V, E).
        bias: (V,).
        targets: ids (N,).
        label_smoothing: the share of a target's probability that is spread evenly over all V
            (Szegedy et al. 2016, arXiv:1512.00567, section 7).

    >>> hidden, weight, targets = torch.randn(3, 4), torch.randn(5, 4), torch.tensor([0, 4, 2])
    >>> whole = F.cross_entropy(hidden @ weight.t(), targets, reduction="sum")
    >>> loss = linear_cross_entropy(hidden, weight, torch.zeros(5), targets)
    >>> torch.allclose(loss, whole, atol=1e-5)
    True
    """
    learning = torch.is_grad_enabled()  # always False inside of the function
    return _LinearCrossEntropy.apply(  # type: ignore[no-any-return, no-untyped-call]
        hidden, weight, bias, targets, label_smoothing, learning
    )


class OutputHead(nn.Module):
    """A full softmax over V tokens, its weight tied to the embedding or its own.

    Where the hidden size differs from the width of the weight, a linear projection stands between
    them.

    Args:
        hidden_size: H of the encoder's outputs.
        vocab_size: V.
        tied: the embedding's weight (V, E), shared (Press and Wolf, arXiv:1608.05859), or None.

    >>> OutputHead(4, 10).logits(torch.zeros(2, 4)).shape
    torch.Size([2, 10])
    """

    def __init__(self, hidden_size: int, vocab_size: int, tied: nn.Parameter | None = None) -> None:
        super().__init__()
        width = hidden_size if tied is None else tied.shape[1]
        self.vocab_size = vocab_size
        self.projection = nn.Identity() if width == hidden_size else nn.Linear(hidden_size, width)
        if tied is None:
            tied = nn.Parameter(torch.empty(vocab_size, width))
            nn.init.xavier_uniform_(tied)
        self.weight = tied
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., H) to float32 logits (..., V)."""
        return F.linear(self.projection(hidden), self.weight, self.bias).float()

    def log_probs(self, hidden: Tensor) -> Tensor:
        """(..., H) to log-probabilities (..., V)."""
        return torch.log_softmax(self.logits(hidden), -1)

    def log_probs_at(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """(N, H) to the log-probabilities (N,) of the targets (N,)."""
        return self.log_probs(hidden).gather(1, targets.unsqueeze(1)).squeeze(1)

    def loss(self, hidden: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """The summed cross-entropy in nats of hidden (N, H) against targets (N,)."""
        projected = self.projection(hidden)
        return linear_cross_entropy(projected, self.weight, self.bias, targets, label_smoothing)


class AdaptiveHead(nn.Module):
    """An adaptive softmax for large vocabularies (arXiv:1609.04309), ids in order of frequency.

    The vectors of each further cluster are a quarter as wide as those of the one before.

    Args:
        hidden_size: H, at least 4 for one cutoff, 16 for two, 64 for three.
        vocab_size: V.
        cutoffs: ids at which the rarer clusters begin, rising, below V.

    Raises:
        UsageError: the cutoffs do not fit V or H.

    >>> AdaptiveHead(16, 100, [10, 50]).logits(torch.zeros(2, 16)).exp().sum(-1).round().tolist()
    [1.0, 1.0]
    """

    def __init__(self, hidden_size: int, vocab_size: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        if cutoffs[-1] >= vocab_size:
            raise UsageError(
                f"head.cutoffs: {cutoffs[-1]} lies beyond the vocabulary of {vocab_size:,} ids"
            )
        if hidden_size < 4 ** len(cutoffs):
            raise UsageError(
                f"head.cutoffs: {len(cutoffs)} need hidden states of {4 ** len(cutoffs)} or wider, "
                f"not {hidden_size}"
            )
        self.vocab_size = vocab_size
        self.cutoffs = (*cutoffs, vocab_size)
        self.top = nn.Linear(hidden_size, cutoffs[0] + len(cutoffs))
        self.narrow = nn.ModuleList()
        self.clusters = nn.ModuleList()
        for cluster, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = hidden_size // 4 ** (cluster + 1)
            self.narrow.append(nn.Linear(hidden_size, width, bias=False))
            self.clusters.append(nn.Linear(width, high - low))

    def log_probs(self, hidden: Tensor) -> Tensor:
        """(..., H) to log-probabilities (..., V)."""
        first = self.cutoffs[0]
        top = torch.log_softmax(self.top(hidden).float(), -1)
        parts = [top[..., :first]]
        for cluster, (narrow, output) in enumerate(self._tails()):
            inside = torch.log_softmax(output(narrow(hidden)).float(), -1)
            parts.append(top[..., first + cluster, None] + inside)
        return torch.cat(parts, -1)

    logits = log_probs

    def log_probs_at(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """(N, H) to the log-probabilities (N,) of the targets (N,), their clusters only."""
        cluster_of, top_targets = self._places(targets)
        top = torch.log_softmax(self.top(hidden).float(), -1)
        found = top.gather(1, top_targets.unsqueeze(1)).squeeze(1)
        for cluster, (narrow, output) in enumerate(self._tails()):
            rows = (cluster_of == cluster).nonzero().squeeze(1)
            inside = torch.log_softmax(output(narrow(hidden[rows])).float(), -1)
            chosen = (targets[rows] - self.cutoffs[cluster]).unsqueeze(1)
            found = found.index_add(0, rows, inside.gather(1, chosen).squeeze(1))
        return found

    def loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """The summed cross-entropy in nats of hidden (N, H) against targets (N,).

        A cluster without targets has a gradient of 0: processes that train together wait for one
        of each parameter.
        """
        cluster_of, top_targets = self._places(targets)
        total = linear_cross_entropy(hidden, self.top.weight, self.top.bias, top_targets)
        for cluster, (narrow, output) in enumerate(self._tails()):
            rows = (cluster_of == cluster).nonzero().squeeze(1)
            inside = targets[rows] - self.cutoffs[cluster]
            inputs = narrow(hidden[rows])
            total = total + linear_cross_entropy(inputs, output.weight, output.bias, inside)
        return total

    def _places(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The rarer cluster of each target (N,), -1 for none, and its place in the top (N,)."""
        bounds = targets.new_tensor(self.cutoffs[:-1])
        cluster_of = torch.bucketize(targets, bounds, right=True) - 1
        return cluster_of, torch.where(cluster_of < 0, targets, self.cutoffs[0] + cluster_of)

    def _tails(self) -> Iterator[tuple[nn.Linear, nn.Linear]]:
        """The projection and the output layer of each rarer cluster."""
        pairs = zip(self.narrow.children(), self.clusters.children(), strict=True)
        return ((cast(nn.Linear, narrow), cast(nn.Linear, output)) for narrow, output in pairs)


def make_head(
    settings: LanguageModelHeadSettings, hidden_size: int, vocab_size: int, embedding: nn.Parameter
) -> OutputHead | AdaptiveHead:
    """The head that the settings ask for."""
    if settings.cutoffs:
        return AdaptiveHead(hidden_size, vocab_size, settings.cutoffs)
    return OutputHead(hidden_size, vocab_size, embedding if settings.tied else None)


def log_probs_of(head: OutputHead | AdaptiveHead, hidden: Tensor, targets: Tensor) -> Tensor:
    """The log-probability of each target: (..., H) and (...) to (...), a chunk at a time.

    >>> head = OutputHead(4, 10)
    >>> log_probs_of(head, torch.zeros(3, 2, 4), torch.tensor([[1, 2], [3, 4], [5, 6]])).shape
    torch.Size([3, 2])
    """
    rows = rows_at_once(head.vocab_size)
    hidden = hidden.flatten(0, -2)
    chunks = zip(torch.split(hidden, rows), torch.split(targets.flatten(), rows), strict=True)
    parts = [head.log_probs_at(part, chosen) for part, chosen in chunks]
    return (torch.cat(parts) if parts else hidden.new_zeros(0)).view(targets.shape)
