"""model.safetensors: the layout is checked against the file's real size before anything is allocated.

The format is eight bytes of header length, a JSON header ``{name: {dtype, shape, data_offsets}}``, then the
arrays one after the other (https://huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textrnn.model_folder.config import STORAGES
from textrnn.model_folder.strict_json import parse_object, shown

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Layout", "Span", "read_layout", "save_weights", "split_weights"]

MAX_HEADER_BYTES = 1 << 20
MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class Span:
    """Where one array lies: its shape, and its first and last byte, counted from the file's beginning."""

    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Layout:
    """The arrays of one file, all of the same storage ("float32" or "float16")."""

    storage: str
    spans: Mapping[str, Span]


def read_layout(path: Path, storage: str) -> Layout:
    """Read and check the header of ``path``.

    Raises:
        ValueError: what is wrong with it, in a few words.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(f"its header of {length} bytes does not fit its {size} bytes")
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"its header of {length} bytes is larger than {MAX_HEADER_BYTES}")
        header = parse_object(file.read(length))
    header.pop("__metadata__", None)
    spans = {name: _span(name, entry, storage, 8 + length) for name, entry in header.items()}
    reached = 8 + length
    for name, span in sorted(spans.items(), key=lambda item: item[1].begin):
        if span.begin != reached:
            raise ValueError(f"tensor {shown(name)} begins at byte {span.begin}, not at {reached}")
        reached = span.end
    if not spans or reached != size:
        raise ValueError(f"its tensors end at byte {reached}, the file at {size}")
    return Layout(storage, spans)


def _span(name: str, entry: Any, storage: str, start: int) -> Span:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {shown(name)} needs exactly dtype, shape and data_offsets")
    if entry["dtype"] != STORAGES[storage]:
        raise ValueError(
            f"tensor {shown(name)} is stored as {shown(entry['dtype'])}, not as {storage}"
        )
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _whole(shape, 1) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"tensor {shown(name)} has the shape {shown(shape)}")
    if not _whole(offsets, 0) or len(offsets) != 2:
        raise ValueError(f"tensor {shown(name)} has the data_offsets {shown(offsets)}")
    needed = math.prod(shape) * _item_bytes(storage)
    if offsets[1] - offsets[0] != needed:
        raise ValueError(
            f"tensor {shown(name)} of shape {shown(shape)} takes {shown(needed)} bytes, "
            f"not {shown(offsets[1] - offsets[0])}"
        )
    return Span(tuple(shape), start + offsets[0], start + offsets[1])


def _whole(values: object, least: int) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and value >= least for value in values
    )


def _item_bytes(storage: str) -> int:
    return {"float32": 4, "float16": 2}[storage]


def split_weights(data: np.ndarray, layout: Layout) -> dict[str, np.ndarray]:
    """The arrays in the bytes ``data`` of a whole file, as float32; views of ``data`` where that is possible."""
    import numpy as np

    stored = np.dtype(layout.storage).newbyteorder("<")
    return {
        name: np.require(
            data[span.begin : span.end]
            .view(stored)
            .reshape(span.shape)
            .astype(np.float32, copy=False),
            requirements="A",
        )
        for name, span in layout.spans.items()
    }


def save_weights(tensors: Mapping[str, np.ndarray], path: Path, storage: str) -> None:
    """Write arrays to ``path``, cast to ``storage``.

    Raises:
        ValueError: an array that is not of floats, is empty, or has values that ``storage`` cannot hold.
    """
    import numpy as np
    from safetensors.numpy import save_file

    if not tensors:
        raise ValueError("there are no tensors to write")
    cast: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        if not np.issubdtype(tensor.dtype, np.floating) or not tensor.size:
            raise ValueError(
                f"tensor {shown(name)} is {tensor.dtype} of shape {tensor.shape}, not floats"
            )
        with np.errstate(over="ignore"):
            cast[name] = np.ascontiguousarray(tensor, dtype=storage)
        if not np.isfinite(cast[name]).all():
            raise ValueError(
                f"tensor {shown(name)} has values that {storage} cannot hold (infinite or not a number)"
            )
    save_file(cast, path)
