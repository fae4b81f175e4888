"""The recurrence h(t) = h(t-1) + z(t) (c(t) - h(t-1)), over whole sequences at once.

Cells whose gates do not look at the state (minGRU, minLSTM, QRNN) need nothing else of time, so all
their matrix products run over the whole sequence. What is left is bound by memory, not arithmetic:
therefore the gates are computed a stretch of time at a time, small enough for the cache, and again
in the backward pass, rather than stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["Gates", "Method", "mix_over_time"]

Method = Literal["steps", "blocks"]

_IN_CACHE = 1 << 17  # numbers of one gate in a stretch, by measurement


class Gates(Protocol):
    """Element by element, from the parts of the logits to z and c, and the gradients back.

    The last part is that of c, those before it are of the gates.
    """

    def share(self, logits: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The gates' logits to z, within [0, 1], and behind it what :meth:`share_grads` wants."""
        ...

    def share_grads(self, shared: tuple[Tensor, ...], grad: Tensor) -> Sequence[Tensor]:
        """The gradients of the gates' logits, from that of the logit of z (its to reuse)."""
        ...

    def candidate(self, logit: Tensor) -> Tensor:
        """The last part to c."""
        ...

    def candidate_grad(self, logit: Tensor, grad: Tensor) -> Tensor:
        """The gradient of the last part, of any precision, from that of c (its to reuse)."""
        ...


def mix_over_time(
    gates: Gates, logits: Tensor, start: Tensor, method: Method | None = None
) -> Tensor:
    """All states of h(t) = h(t-1) + z(t) (c(t) - h(t-1)), in float32 or float64.

    A state lies between the one before it and c(t), so nothing grows, and unlike the form that
    divides by cumulative products this one needs no logarithms: where a product of many 1 - z
    underflows to zero, the past is forgotten.

    Args:
        gates: from the parts of the logits to z and c.
        logits: (T, B, G H), G parts of H side by side, in any precision and memory order.
        start: (B, H), the state before the first time.
        method: ``"steps"``: one time after the other, T operations on (B, H), which reads and
            writes each number once. ``"blocks"``: a parallel scan of two levels, some 3 sqrt(T)
            operations on arrays that are as much larger. None: blocks, but steps on a CPU.

    Returns:
        (T, B, H).
    """
    if method is None:
        method = "steps" if logits.device.type == "cpu" else "blocks"
    start = start.to(torch.promote_types(start.dtype, torch.float32))
    return cast(Tensor, _Mixing.apply(gates, method, logits, start))  # type: ignore[no-untyped-call]


class _Mixing(torch.autograd.Function):
    """The recurrence with its gates; of the forward pass only logits and states are kept."""

    @staticmethod
    def forward(ctx: Any, gates: Gates, method: Method, logits: Tensor, start: Tensor) -> Tensor:
        states = start.new_empty(*logits.shape[:2], start.shape[-1])
        state = start
        for first, last in _stretches(states, method):
            *opening, entering = _parts(logits[first:last], start)
            share = gates.share([_by_time(part, start) for part in opening])[0]
            candidate = gates.candidate(_by_time(entering, start))
            state = _advance(share, candidate, state, states[first:last], method)
        ctx.gates, ctx.method = gates, method
        ctx.save_for_backward(logits, start, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, Tensor, Tensor]:
        logits, start, states = ctx.saved_tensors
        grad_logits = torch.empty_like(logits)
        behind = torch.zeros_like(start)  # what the times after a stretch want of its last state
        for first, last in reversed(list(_stretches(states, ctx.method))):
            *opening, entering = _parts(logits[first:last], start)
            shared = ctx.gates.share([_by_time(part, start) for part in opening])
            share = shared[0]
            keep = 1.0 - share
            wanted, behind = _retreat(keep, grad[first:last], behind, ctx.method)
            # The gradient of the logit of z: wanted z (1 - z) (c - h(t-1)), of which z (c - h(t-1))
            # is how far the state has moved.
            moved = torch.empty_like(wanted)
            torch.sub(states[first + 1 : last], states[first : last - 1], out=moved[1:])
            torch.sub(states[first], states[first - 1] if first else start, out=moved[0])
            grads = [
                *ctx.gates.share_grads(shared, moved.mul_(keep).mul_(wanted)),
                ctx.gates.candidate_grad(entering, wanted.mul_(share)),
            ]
            for place, value in zip(_parts(grad_logits[first:last], start), grads, strict=True):
                place.copy_(value)
        return None, None, grad_logits, behind


def _stretches(states: Tensor, method: Method) -> Iterator[tuple[int, int]]:
    """First and last time of each stretch; blocks take all times in one."""
    times = len(states)
    length = times if method == "blocks" else max(1, _IN_CACHE // max(1, states[0].numel()))
    return ((first, min(first + length, times)) for first in range(0, times, length))


def _parts(logits: Tensor, start: Tensor) -> Sequence[Tensor]:
    """The parts of the logits, each as wide as the state."""
    return logits.chunk(logits.shape[-1] // start.shape[-1], -1)


def _by_time(part: Tensor, start: Tensor) -> Tensor:
    """A part in the precision of the state, and time by time in memory whatever it was before."""
    return torch.empty(part.shape, dtype=start.dtype, device=start.device).copy_(part)


def _advance(
    share: Tensor, candidate: Tensor, state: Tensor, out: Tensor, method: Method
) -> Tensor:
    """Write all states of a stretch to ``out``; its last one is the result."""
    if method == "blocks":
        out.copy_(_by_blocks(1.0 - share, share * candidate, state))
        return out[-1]
    for z, c, place in zip(share.unbind(), candidate.unbind(), out.unbind(), strict=True):
        state = torch.lerp(state, c, z, out=place)
    return state


def _retreat(keep: Tensor, grad: Tensor, behind: Tensor, method: Method) -> tuple[Tensor, Tensor]:
    """The way back, wanted(t) = grad(t) + keep(t+1) wanted(t+1).

    Returns:
        All of them, and what is wanted of the state before the stretch.
    """
    wanted = torch.empty_like(keep)
    torch.add(grad[-1], behind, out=wanted[-1])
    if method == "blocks":
        wanted[:-1] = _by_blocks(keep[1:].flip(0), grad[:-1].flip(0), wanted[-1]).flip(0)
    else:
        places = wanted.unbind()
        pairs = zip(grad[:-1].unbind(), keep[1:].unbind(), places[:-1], places[1:], strict=True)
        for grad_here, kept, place, later in reversed(list(pairs)):
            torch.addcmul(grad_here, kept, later, out=place)
    return wanted, keep[0] * wanted[0]


def _by_blocks(keep: Tensor, enter: Tensor, state: Tensor) -> Tensor:
    """All states of h(t) = keep(t) h(t-1) + enter(t), by a scan of two levels.

    All blocks side by side, each begun with zero; then what each was to be begun with (Blelloch
    1990, "Prefix sums and their applications", section 1.4).
    """
    times = len(keep)
    length = max(1, round(math.sqrt(times / 2)))
    count = -(-times // length)
    padding = (0, 0, 0, 0, 0, count * length - times)
    keeps, enters = (
        F.pad(value, padding).view(count, length, *value.shape[1:]) for value in (keep, enter)
    )
    local, share = [enters[:, 0]], [keeps[:, 0]]
    for place in range(1, length):
        local.append(torch.addcmul(enters[:, place], keeps[:, place], local[-1]))
        share.append(keeps[:, place] * share[-1])
    begun = [state]
    for block in range(count - 1):
        begun.append(torch.addcmul(local[-1][block], share[-1][block], begun[-1]))
    states = torch.addcmul(
        torch.stack(local, 1), torch.stack(share, 1), torch.stack(begun).unsqueeze(1)
    )
    return states.flatten(0, 1)[:times]
