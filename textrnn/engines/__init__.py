"""Engines: a model folder made ready to run, numpy in and numpy out.

An engine answers ``start``, ``step``, ``reorder`` and ``score``: :class:`Engine` for a language
model, :class:`TranslationEngine` for a translator, both a :class:`StepEngine`, which is all that
the loop and the beam search need; :class:`ClassificationEngine` answers ``classify``. Each file
here is one; the one named ``torch`` runs the training wing's networks, and is the only place of the
inference wing that imports torch.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from textrnn.engines._base import (
    AnyEngine,
    ClassificationEngine,
    DeviceEngine,
    Engine,
    EngineEntry,
    Floats,
    HeldLogits,
    Ids,
    State,
    StepEngine,
    TranslationEngine,
    check_device,
    check_threads,
)
from textrnn.engines._cache import Cache, Memory
from textrnn.engines._cached import CachedEngine
from textrnn.engines._ensemble import EnsembleEngine, StepEnsemble
from textrnn.engines._learning import Learner, Learning, LearningEngine, Reading, as_learning
from textrnn.engines._mixing import log_mean
from textrnn.errors import EngineError, UnknownNameError
from textrnn.registry import Family

if TYPE_CHECKING:
    from textrnn.model_folder import ModelFolder

__all__ = [
    "AUTO",
    "FAMILY",
    "AnyEngine",
    "Cache",
    "CachedEngine",
    "ClassificationEngine",
    "DeviceEngine",
    "Engine",
    "EngineEntry",
    "EnsembleEngine",
    "Floats",
    "HeldLogits",
    "Ids",
    "Learner",
    "Learning",
    "LearningEngine",
    "Memory",
    "Reading",
    "State",
    "StepEngine",
    "StepEnsemble",
    "TranslationEngine",
    "as_learning",
    "check_device",
    "check_threads",
    "log_mean",
    "open_engine",
]

FAMILY: Family[EngineEntry] = Family(__name__, Path(__file__).parent, "engine")

_LOG = logging.getLogger("textrnn")

AUTO = ("onnx", "torch")
"""What ``engine="auto"`` tries, in this order: the first that is installed and does not refuse the
folder."""


def open_engine(
    folder: ModelFolder, *, engine: str = "auto", device: str = "auto", threads: int | None = None
) -> AnyEngine:
    """Make a model folder ready to run: the engine that fits its task.

    Args:
        folder: the model.
        engine: a name of this family, or ``auto``; where that has to do without the fast one, the
            logger ``textrnn`` says why.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        threads: processor threads; None leaves it to the engine.

    Raises:
        UsageError: an unknown engine or device, or a number of threads that is not allowed.
        EngineError: the engine cannot run this model here.
    """
    check_device(device)
    check_threads(threads)
    known = ("auto", *FAMILY.names())
    if engine not in known:
        raise UnknownNameError("engine", engine, known)
    refusals: dict[str, str] = {}
    for name in AUTO if engine == "auto" else (engine,):
        if name not in known:
            continue
        entry = FAMILY.get(name)
        refusal = entry.refusal(folder, device)
        if refusal is None:
            if "onnx" in refusals and device in ("auto", "cpu"):
                _LOG.info("%s runs this model, not onnx: %s", name, refusals["onnx"])
            return entry.open(folder, device=device, threads=threads)
        refusals[name] = refusal
    reasons = "; ".join(f"{name}: {refusal}" for name, refusal in refusals.items())
    where = "here" if device == "auto" else f"on device {device!r}"
    raise EngineError(f"{folder.path} cannot run {where} ({reasons})")
