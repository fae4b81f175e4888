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

__all__ = ["inference", "to_floats", "to_tensor"]

_FEW_ROWS = 16  # with fewer, a step is too small to be shared between threads


@contextmanager
def inference(threads: int | None, rows: int | None = None) -> Iterator[None]:
    """Inference on some processor threads; PyTorch's own number is put back afterwards.

    Args:
        threads: None chooses.
        rows: of the step that is taken, where it is one.
    """
    before = torch.get_num_threads()
    few = rows is not None and rows < _FEW_ROWS
    torch.set_num_threads(threads or (1 if few else before))
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def to_tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    """The tensor on the device."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def to_floats(tensor: Tensor) -> Floats:
    """The array in float32."""
    return cast(Floats, tensor.float().cpu().numpy())
