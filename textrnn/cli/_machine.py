"""What this machine has: processor, GPUs, and the packages that textrnn stands on."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

__all__ = ["Finding", "devices", "packages", "processor"]

REQUIRED = (
    "accelerate>=1.12",
    "datasets>=4.4",
    "huggingface-hub>=1.31",
    "numpy>=2.1",
    "onnx>=1.20",
    "onnxruntime>=1.24",
    "onnxscript>=0.7.1",
    "pydantic>=2.12",
    "pyyaml>=6",
    "rich>=14",
    "sacrebleu>=2.6",
    "safetensors>=0.7",
    "scikit-learn>=1.8",
    "sentencepiece>=0.2.2",
    "torch>=2.13",
    "typer>=0.29",
)
LOADED = ("onnxruntime", "sentencepiece", "torch")
"""Those whose own libraries may be lacking others of the system."""
EXTRAS = {
    "plot": ("matplotlib>=3.9",),
    "explain": ("captum>=0.9",),
    "lm-eval": ("lm-eval>=0.4.13",),
}
CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve")
CUDA_WHEELS = "https://pytorch.org/get-started/locally"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        value: what was found; empty where there is nothing.
        state: ``"ok"``, ``"absent"`` (which is no fault), ``"missing"``, ``"old"`` or ``"broken"``.
        fix: what to do about it; empty where there is nothing to do.
    """

    name: str
    value: str
    state: str = "ok"
    fix: str = ""


def packages() -> Iterator[Finding]:
    """Each package that textrnn needs or can use, with its version."""
    for requirement in REQUIRED:
        yield _package(requirement, f"pip install '{requirement}'", "missing")
    for extra, requirements in EXTRAS.items():
        for requirement in requirements:
            yield _package(requirement, f"pip install 'textrnn[{extra}]'", "absent")


def _package(requirement: str, fix: str, without: str) -> Finding:
    name, floor = requirement.split(">=")
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "", without, fix)
    if _numbers(version) < _numbers(floor):
        return Finding(name, version, "old", f"{fix} --upgrade")
    try:
        if name in LOADED:
            import_module(name)
    except (ImportError, OSError) as error:
        return Finding(name, f"{version} does not load: {error}", "broken", fix)
    return Finding(name, version)


def _numbers(version: str) -> list[int]:
    """The leading numbers of a version.

    >>> _numbers("2.13.0+cpu"), _numbers("1.0rc1")
    ([2, 13, 0], [1, 0])
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return [int(part) for part in found[0].split(".")] if found else []


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Finding:
    """The CPU: its name, how many cores this process may use, and which vector units it has."""
    text = cpuinfo.read_text(errors="replace") if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    name = model[1] if model else platform.processor() or platform.machine()
    has = flags[1].split() if flags else []
    units = " ".join(flag for flag in CPU_FLAGS if flag in has)
    return Finding("cpu", f"{name}, {_cores()} cores" + (f", {units}" if units else ""))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices() -> Iterator[Finding]:
    """The GPUs that torch can use."""
    try:
        import torch
    except (ImportError, OSError) as error:
        why = str(error).split("\n")[0]
        yield Finding("cuda", f"torch cannot be loaded: {why}", "broken", "pip install torch")
        return
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            bf16 = ", bf16" if torch.cuda.is_bf16_supported() else ""
            memory = about.total_memory / 2**30
            yield Finding(f"cuda:{index}", f"{about.name}, {memory:.0f} GiB{bf16}")
    elif shutil.which("nvidia-smi"):
        value = f"a driver is here, but torch {torch.__version__} cannot use it"
        yield Finding("cuda", value, "missing", f"a CUDA build of torch: {CUDA_WHEELS}")
    else:
        yield Finding("cuda", "", "absent")
    mps = torch.backends.mps.is_available()
    yield Finding("mps", "available" if mps else "", "ok" if mps else "absent")
