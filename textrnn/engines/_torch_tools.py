"""What the engines over PyTorch share: inference on some threads, arrays to tensors and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.engines._base import Floats

__all__ = ["inference", "threads_set", "to_floats", "to_tensor"]

_FEW_ROWS = 16  # with fewer, a step is too small to be shared between threads


@contextmanager
def inference(threads: int | None, rows: int | None = None) -> Iterator[None]:
    """Inference on some processor threads; PyTorch's own number is put back afterwards.

    Args:
        threads: None chooses.
        rows: of the step that is taken, where it is one.
    """
    few = rows is not None and rows < _FEW_ROWS
    with threads_set(threads or (1 if few else None)), torch.inference_mode():
        yield


@contextmanager
def threads_set(threads: int | None) -> Iterator[None]:
    """So many processor threads; None: as many as there are. The number is put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def to_tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    """The tensor on the device."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def to_floats(tensor: Tensor) -> Floats:
    """The array in float32."""
    return cast(Floats, tensor.float().cpu().numpy())
