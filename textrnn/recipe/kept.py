"""Arrays that a run finds once: one that goes on, and each of several processes, take the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["kept_arrays"]

Arrays = Mapping[str, NDArray[Any]]


def kept_arrays(path: Path, find: Callable[[], Arrays]) -> Arrays:
    """The arrays in a file, by name; where there is none, those that are found, and now one is.

    Args:
        path: ends with ``.npz``; its name says all that the arrays depend on.
        find: finds them.
    """
    if not path.exists():
        staging = path.with_suffix(f".{os.getpid()}.npz")
        staging.parent.mkdir(parents=True, exist_ok=True)
        found: dict[str, Any] = dict(find())
        np.savez(staging, **found)
        staging.replace(path)
    with np.load(path) as kept:
        return dict(kept)
