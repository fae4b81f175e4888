"""What keeps a GPU busy: logits that stay on it, and steps that are started as one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.engines._base import Floats, Ids

__all__ = ["DeviceLogits", "RecordedSteps", "Step", "record_on_cuda"]

_LOG = logging.getLogger("textrnn")
_MOST_RECORDED = 16  # numbers of rows; a graph keeps its memory for good
_CLOSE = 1e-4

Step: TypeAlias = Callable[[Sequence[Tensor]], Sequence[Tensor]]
Repeat: TypeAlias = Callable[[], Any]
Record: TypeAlias = Callable[[Callable[[], Sequence[Tensor]]], tuple[Repeat, Sequence[Tensor]]]


class DeviceLogits:
    """Logits (B, V) where they were computed; what is asked for comes as numpy arrays.

    The few numbers that a beam search needs are found on the device. ``numpy.asarray`` gives them
    all, so whatever takes an array takes these too, at the price of a copy.

    Args:
        tensor: (B, V).

    >>> logits = DeviceLogits(torch.tensor([[9.0, 1.0, 3.0, 2.0, 3.0]]))
    >>> logits.best(2, never=1)
    (array([[2, 4]]), array([[3., 3.]], dtype=float32))
    >>> logits[np.array([0]), np.array([3])]
    array([2.], dtype=float32)
    >>> np.asarray(logits).shape
    (1, 5)
    """

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, V)."""
        return tuple(self._tensor.shape)

    def __len__(self) -> int:
        """B."""
        return len(self._tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of them, copied from the device."""
        return _numbers(self._tensor).astype(dtype or np.float32, copy=False)

    def __getitem__(self, places: tuple[Ids | slice, Ids | int]) -> Floats:
        """Those at ``rows, ids``."""
        on_device = tuple(
            torch.from_numpy(place).to(self._tensor.device)
            if isinstance(place, np.ndarray)
            else place
            for place in places
        )
        return _numbers(self._tensor[on_device])

    def best(self, count: int, never: int) -> tuple[Ids, Floats]:
        """The greatest of each row from id ``never`` on: ids and values (B, K), greatest first.

        Of equal ones the smaller id comes first; which of them are among the K, the device says.
        """
        count = min(count, self._tensor.shape[1] - never)
        values, ids = torch.topk(self._tensor[:, never:], count)
        ids, order = ids.sort(dim=1)
        values, places = values.gather(1, order).sort(dim=1, descending=True, stable=True)
        return (ids.gather(1, places) + never).cpu().numpy(), _numbers(values)

    def log_totals(self, never: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logarithms of the sums of exponentials (B,): of all tokens, and from ``never`` on."""
        without = self._tensor[:, never:].float().logsumexp(1)
        before = self._tensor[:, :never].float().logsumexp(1)
        both = torch.stack([torch.logaddexp(without, before), without])
        totals = both.cpu().numpy().astype(np.float64)
        return totals[0], totals[1]


class RecordedSteps:
    """A step, recorded once for each number of rows and then started as a whole.

    On a GPU a step of a few kernels takes less time than starting them one by one does. A recording
    is compared with the step itself before it is used; where it cannot be made or says something
    else, the step is run as it is.

    Args:
        step: a function of tensors, all of whose first axes are rows.
        record: runs a function on tensors that stay in place, and gives what repeats it, and the
            tensors in which its results then are.
    """

    def __init__(self, step: Step, record: Record) -> None:
        self._step = step
        self._record = record
        self._recorded: dict[int, tuple[Sequence[Tensor], Repeat, Sequence[Tensor]]] = {}
        self._works = True

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The step's results, in tensors of their own."""
        rows = len(inputs[0])
        if rows not in self._recorded:
            results = self._step(inputs)
            if self._works and len(self._recorded) < _MOST_RECORDED:
                self._add(inputs, results)
            return results
        return self._repeat(rows, inputs)

    def _repeat(self, rows: int, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        places, repeat, results = self._recorded[rows]
        for place, value in zip(places, inputs, strict=True):
            place.copy_(value)
        repeat()
        return [result.clone() for result in results]

    def _add(self, inputs: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        places, rows = [value.clone() for value in inputs], len(inputs[0])
        try:
            self._recorded[rows] = places, *self._record(lambda: self._step(places))
            found = self._repeat(rows, inputs)
        except RuntimeError as error:  # what CUDA raises where something cannot be recorded
            reason = str(error).split("\n")[0]
        else:
            pairs = zip(found, wanted, strict=True)
            if all(torch.allclose(a, b, atol=_CLOSE, rtol=_CLOSE) for a, b in pairs):
                return
            reason = "the recording says something else than the step"
        self._works = False
        self._recorded.pop(rows, None)
        _LOG.info("steps are not recorded as a CUDA graph: %s", reason)


def record_on_cuda(run: Callable[[], Sequence[Tensor]]) -> tuple[Repeat, Sequence[Tensor]]:
    """Record as a CUDA graph: https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):  # libraries make their choices and allocate in the first runs
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = run()
    return graph.replay, results


def _numbers(tensor: Tensor) -> Floats:
    return cast(Floats, tensor.float().cpu().numpy())
