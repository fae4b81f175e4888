"""model.safetensors: the layout is checked against the real size before anything is allocated.

The format is eight bytes of header length, a JSON header ``{name: {dtype, shape, data_offsets}}``,
then the arrays one after the other (https://huggingface.co/docs/safetensors).
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

__all__ = ["Layout", "Span", "encode_weights", "read_layout", "split_weights"]

MAX_HEADER_BYTES = 1 << 20
MAX_DIMENSIONS = 8
METADATA = "__metadata__"
ITEM_BYTES = {"float32": 4, "float16": 2}


@dataclass(frozen=True)
class Span:
    """Where one array lies: its shape, its first byte in the file, and the byte after its last."""

    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Layout:
    """The arrays of one file, all of the same storage (``"float32"`` or ``"float16"``)."""

    storage: str
    spans: Mapping[str, Span]


def read_layout(path: Path, storage: str) -> Layout:
    """Read and check the header of the file at ``path``.

    Raises:
        ValueError: what is wrong with it, in a few words.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start = 8 + length
        if start > size:
            raise ValueError(f"it has {size} bytes, too few for its header of {length}")
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"its header has {length} bytes, more than {MAX_HEADER_BYTES}")
        header = parse_object(file.read(length))
    header.pop(METADATA, None)
    spans = {name: _span(name, entry, storage, start) for name, entry in header.items()}
    reached = start
    for name, span in sorted(spans.items(), key=lambda item: item[1].begin):
        if span.begin != reached:
            raise ValueError(f"tensor {shown(name)} begins at byte {span.begin}, not {reached}")
        reached = span.end
    if not spans or reached != size:
        raise ValueError(f"its {len(spans)} tensors end at byte {reached}, the file at {size}")
    return Layout(storage, spans)


def _span(name: str, entry: Any, storage: str, start: int) -> Span:
    tensor = f"tensor {shown(name)}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{tensor} needs exactly dtype, shape and data_offsets")
    if entry["dtype"] != STORAGES[storage]:
        raise ValueError(f"{tensor} is stored as {shown(entry['dtype'])}, not as {storage}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_whole(shape, at_least=1) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"{tensor} has the shape {shown(shape)}")
    if not _are_whole(offsets, at_least=0) or len(offsets) != 2:
        raise ValueError(f"{tensor} has the data_offsets {shown(offsets)}")
    needed, given = math.prod(shape) * ITEM_BYTES[storage], offsets[1] - offsets[0]
    if given != needed:
        raise ValueError(f"{tensor} of shape {shown(shape)} takes {needed} bytes, not {given}")
    return Span(tuple(shape), start + offsets[0], start + offsets[1])


def _are_whole(values: object, *, at_least: int) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= at_least for n in values)


def split_weights(data: np.ndarray, layout: Layout) -> dict[str, np.ndarray]:
    """The float32 arrays in ``data``, the bytes of a whole file; float32 ones are views of it."""
    import numpy as np

    stored = np.dtype(layout.storage).newbyteorder("<")
    tensors = {}
    for name, span in layout.spans.items():
        tensor = data[span.begin : span.end].view(stored).reshape(span.shape)
        tensors[name] = np.require(tensor, np.float32, "A")
    return tensors


def encode_weights(tensors: Mapping[str, np.ndarray], storage: str) -> bytes:
    """The bytes of a safetensors file that holds ``tensors``, cast to ``storage``.

    Raises:
        ValueError: an array that is not of floats, is empty, or has values beyond ``storage``.
    """
    import numpy as np
    from safetensors.numpy import save

    if not tensors or METADATA in tensors:
        raise ValueError(f"there must be tensors, and none of them called {METADATA!r}")
    cast: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        if not np.issubdtype(tensor.dtype, np.floating) or not tensor.size:
            raise ValueError(f"tensor {shown(name)} of {tensor.size} {tensor.dtype} is not floats")
        with np.errstate(over="ignore"):
            cast[name] = np.asarray(tensor, dtype=storage, order="C")
        if not np.isfinite(cast[name]).all():
            raise ValueError(f"tensor {shown(name)} has values that are not finite in {storage}")
    return save(cast)
