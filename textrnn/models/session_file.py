"""A session in a file: safetensors, so reading it runs nothing, and a digest of it all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from textrnn.engines import CachedEngine, Engine, State
from textrnn.errors import EngineError, GenerationError
from textrnn.generation import HISTORY

__all__ = ["Snapshot", "read_session", "write_session"]

FORMAT_VERSION = 1
_KEY = "textrnn_session"
_PREFIX = "state."
_OTHER_ENGINE = (
    "open the model with that engine, or save the session with this one (+cache: with a neural "
    "cache, by --cache N or with_cache)"
)
_OTHER_CACHE = (
    "give the model that cache, by --cache SIZE --cache-theta THETA --cache-lambda WEIGHT or "
    "with_cache"
)


@dataclass(frozen=True)
class Snapshot:
    """Where a text has come to.

    Args:
        prompt: what it began with.
        pending: tokens that the engine has not read yet; all of the prompt at first, then the last
            token.
        recent: the last tokens, pending ones included, as rules see them.
        seed: of the random stream.
        drawn: how many numbers have been taken from it.
        held: characters that may be the beginning of a stop text.
        ended: whether the model has ended the text.
        state: the engine's state before the pending tokens; None at the very beginning.
    """

    prompt: str
    pending: tuple[int, ...]
    recent: tuple[int, ...]
    seed: int
    drawn: int = 0
    held: str = ""
    ended: bool = False
    state: State | None = None


def write_session(
    path: str | PathLike[str], snapshot: Snapshot, engine: Engine, parameters_sha256: str
) -> None:
    """Write a snapshot to a temporary sibling and rename it.

    Raises:
        GenerationError: the file cannot be written.
    """
    from safetensors.numpy import save

    state = {} if snapshot.state is None else engine.state_arrays(snapshot.state)
    arrays = {_PREFIX + name: np.ascontiguousarray(array) for name, array in state.items()}
    for name in ("pending", "recent"):
        arrays[name] = np.array(getattr(snapshot, name), np.int64)
    fields = {
        name: getattr(snapshot, name) for name in ("prompt", "seed", "drawn", "held", "ended")
    }
    fields |= {"engine": engine.name, "parameters_sha256": parameters_sha256}
    fields |= {"cache": _cache(engine)}
    text = json.dumps({"format_version": FORMAT_VERSION, **fields}, sort_keys=True)
    data = save(arrays, {_KEY: f"{_digest(arrays, text)} {text}"})
    _write_whole(Path(path), data)


def read_session(path: str | PathLike[str], engine: Engine, parameters_sha256: str) -> Snapshot:
    """Read what :func:`write_session` wrote.

    Raises:
        GenerationError: the file is missing or damaged, or was saved with another model, engine or
            cache.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise GenerationError(f"{path} cannot be read as a saved session: {reason}") from error
    digest, _, text = metadata.get(_KEY, "").partition(" ")
    if digest != _digest(arrays, text):
        raise GenerationError(
            f"{path} is damaged, or no saved session: its digest is not that of its content"
        )
    try:
        fields = dict(json.loads(text))
    except (RecursionError, TypeError, ValueError) as error:
        raise GenerationError(f"{path} holds no session of this model: {error}") from error
    fields.setdefault("cache", _cache(engine))  # earlier versions did not say
    for name, wanted, hint in (
        ("format_version", FORMAT_VERSION, "use the version of textrnn that saved it"),
        ("parameters_sha256", parameters_sha256, "open the model that it was saved with"),
        ("engine", engine.name, _OTHER_ENGINE),
        ("cache", _cache(engine), _OTHER_CACHE),
    ):
        if fields.get(name) != wanted:
            found = fields.get(name)
            raise GenerationError(f"{path} was saved with {name} {found!r}, not {wanted!r}: {hint}")
    try:
        return _snapshot(fields, arrays, engine)
    except (EngineError, KeyError, TypeError, ValueError) as error:
        raise GenerationError(f"{path} holds no session of this model: {error}") from error


def _snapshot(
    fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], engine: Engine
) -> Snapshot:
    """The snapshot, every field checked: a digest tells of damage, not of bad intent."""
    ids = {}
    for name in ("pending", "recent"):
        array = arrays[name]
        if array.dtype != np.int64 or array.ndim != 1 or not array.size:
            raise ValueError(f"{name} is not a row of ids")
        if array.min() < 0 or array.max() >= engine.vocab_size:
            raise ValueError(f"{name} has ids outside the vocabulary")
        ids[name] = tuple(array.tolist())
    kinds = {"prompt": str, "seed": int, "drawn": int, "held": str, "ended": bool}
    for name, kind in kinds.items():
        if type(fields[name]) is not kind or (kind is int and fields[name] < 0):
            raise ValueError(f"{name} is {fields[name]!r}")
    state = {
        name.removeprefix(_PREFIX): a for name, a in arrays.items() if name.startswith(_PREFIX)
    }
    if state and len(ids["pending"]) != 1:
        raise ValueError(f"{len(ids['pending'])} tokens are pending beside a state")
    if any(array.shape[:1] != (1,) for array in state.values()):
        raise ValueError("the state is not that of one text")
    return Snapshot(
        pending=ids["pending"],
        recent=ids["recent"][-HISTORY:],
        state=engine.state_from_arrays(state) if state else None,
        **{name: fields[name] for name in kinds},
    )


def _cache(engine: Engine) -> dict[str, Any] | None:
    """What an engine remembers and how that counts, if it has a cache."""
    if not isinstance(engine, CachedEngine):
        return None
    cache = engine.cache
    return {"size": cache.size, "theta": float(cache.theta), "weight": float(cache.weight)}


def _digest(arrays: Mapping[str, NDArray[Any]], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name} {array.dtype.str} {array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _write_whole(path: Path, data: bytes) -> None:
    """Write all or nothing, where a link leads; into what is no plain file, such as a pipe."""
    path = path.resolve()
    sibling = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        with sibling.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, sibling)
        sibling.replace(path)
    except OSError as error:
        with suppress(OSError):
            sibling.unlink()
        raise GenerationError(f"{path} cannot be written: {error.strerror}") from error
