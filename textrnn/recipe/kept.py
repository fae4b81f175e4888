"""What a run makes once: one that goes on, and each of several processes, take the same."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["kept_arrays", "write_records", "write_text"]

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


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8; one that is there already and the same stays, with its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="")


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write records as JSON, one a line; see :func:`write_text`."""
    write_text(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))
