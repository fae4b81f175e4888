"""Opening an exported graph with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from textrnn.errors import EngineError

__all__ = ["has_vnni", "onnx_runtime", "open_session", "value_of"]

_CPUINFO = Path("/proc/cpuinfo")
_FIRST_PROCESSOR = 8_192  # bytes; more than what is said of one


def onnx_runtime() -> Any:
    """ONNX Runtime's package.

    Raises:
        EngineError: it is not installed, or does not load.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise EngineError("it needs onnxruntime: pip install onnxruntime") from error
    except (ImportError, OSError) as error:
        raise EngineError(f"onnxruntime is installed but does not load: {error}") from error
    return onnxruntime


def has_vnni(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether the processor is known to have units for sums of 8-bit products (x86's VNNI)."""
    try:
        with cpuinfo.open("rb") as file:
            return b"vnni" in file.read(_FIRST_PROCESSOR)
    except OSError:  # another system than Linux
        return False


def open_session(
    graphs: Path,
    name: str,
    parameters_sha256: str,
    threads: int,
    *,
    keeps_memory: bool = False,
    many_shapes: bool = False,
) -> Any:
    """The session that runs ``NAME.onnx``.

    Args:
        graphs: the folder that ``textrnn export`` writes.
        name: of the graph.
        parameters_sha256: of the parameters that it must have been made from.
        threads: processor threads for every call.
        keeps_memory: it holds on to the most that it ever needed, for calls with arrays so large
            that asking the system for them anew takes a tenth of the time.
        many_shapes: its arrays have other shapes from call to call; what ONNX Runtime would
            remember of each, a kilobyte or so, would grow for as long as it runs.

    Raises:
        EngineError: the graph is damaged, or was made from other parameters.
    """
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = keeps_memory
    options.enable_mem_pattern = not many_shapes
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, quick products of 8-bit numbers saturate; with it, they are exact, and asking
    # for exact ones would make them slow.
    exact = "0" if has_vnni() else "1"
    options.add_session_config_entry("session.x64quantprecision", exact)
    path = graphs / f"{name}.onnx"
    try:
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have no common class
        reason = str(error).strip().split("\n")[0]
        raise EngineError(f"{path} cannot be run: {reason}") from error
    made_from = session.get_modelmeta().custom_metadata_map.get("parameters_sha256")
    if made_from != parameters_sha256:
        raise EngineError(f"{path} was made from other parameters: run textrnn export again")
    return session


def value_of(array: NDArray[Any]) -> Any:
    """An array as ONNX Runtime takes it to be bound; the numbers are not copied."""
    return onnx_runtime().OrtValue.ortvalue_from_numpy(array)
