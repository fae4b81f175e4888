"""How far exported graphs are from the network they came from, measured on random inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from textrnn.errors import EngineError
from textrnn.tasks import StepGraph

__all__ = ["Parity", "measure_parity"]

Floats: TypeAlias = NDArray[Any]

ROWS, TIMES = 5, 12
EXACT = 1e-4  # of the greatest logit, or of 1 where that is smaller
DIVERGED = 0.1  # nats a token


@dataclass(frozen=True)
class Parity:
    """What was measured.

    Args:
        logits: the greatest difference of a logit or of a number in the state.
        divergence: mean Kullback-Leibler divergence, in nats, of the graph's distribution from the
            network's.
    """

    logits: float
    divergence: float


def measure_parity(graph: StepGraph, folder: Path, *, exact: bool) -> Parity:
    """Run the graphs in ``folder`` beside the network.

    Args:
        graph: the network.
        folder: with step.onnx, read.onnx and head.onnx.
        exact: refuse all but rounding; else refuse only what has clearly gone wrong.

    Raises:
        EngineError: the graphs do not say what the network says.
    """
    random = np.random.default_rng(0)
    ids = random.integers(0, _vocab_size(graph), (ROWS, TIMES))
    hidden, logits, states = _run_network(graph, ids)
    start = {f"state.{name}": part[0] for name, part in zip(graph.state, states, strict=True)}
    pairs: list[tuple[Any, Any]] = []

    lengths = np.array([1 + TIMES * row // ROWS for row in range(ROWS - 1)] + [TIMES])
    real = np.arange(TIMES)[:, None] < lengths
    read, *ends = _open(folder, "read").run(None, {"ids": ids, "lengths": lengths, **start})
    pairs.append((read[real], hidden[real]))
    pairs += [(a, b[lengths, np.arange(ROWS)]) for a, b in zip(ends, states, strict=True)]

    targets = random.integers(0, logits.shape[2], real.sum())
    inputs = {"hidden": hidden[real], "targets": targets}
    scores, log_probs = _open(folder, "head").run(None, inputs)
    wanted = _log_softmax(logits[real])[np.arange(len(targets)), targets]
    pairs += [(scores, logits[real]), (log_probs, wanted)]

    step, state, stepped = _open(folder, "step"), start, []
    for column in ids.T:
        out, *after = step.run(None, {"ids": column, **state})
        state = dict(zip(start, after, strict=True))
        stepped.append(out)
    pairs.append((np.stack(stepped), logits))
    pairs += [(a, b[-1]) for a, b in zip(after, states, strict=True)]

    difference = max(float(np.abs(a - b).max()) for a, b in pairs)
    ours, theirs = _log_softmax(logits), _log_softmax(np.stack(stepped))
    divergence = float((np.exp(ours) * (ours - theirs)).sum(-1).mean())
    allowed = EXACT * max(1.0, float(np.abs(logits).max()))
    if (exact and not difference <= allowed) or not divergence <= DIVERGED:
        raise EngineError(
            f"the exported graphs do not say what the network says: they differ by {difference:.3g}"
            f" in a logit, by {divergence:.3g} nats a token; nothing has been written"
        )
    return Parity(difference, divergence)


def _open(folder: Path, name: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    path = folder / f"{name}.onnx"
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _vocab_size(graph: StepGraph) -> int:
    hidden, *_ = _step(graph, torch.zeros(1, dtype=torch.long), list(graph.state.values()))
    with torch.inference_mode():
        return int(graph.head(hidden).shape[1])


def _step(graph: StepGraph, ids: Tensor, state: list[Tensor]) -> list[Tensor]:
    with torch.inference_mode():
        return list(graph.step(ids, state))


def _run_network(graph: StepGraph, ids: Floats) -> tuple[Floats, Floats, list[Floats]]:
    """Hidden states (T, B, H), logits (T, B, V), and each part of the state (T + 1, B, H)."""
    state = [part.repeat(len(ids), 1) for part in graph.state.values()]
    rows: list[Tensor] = []
    states = [[part] for part in state]
    for column in torch.from_numpy(ids).unbind(1):
        hidden, *state = _step(graph, column, state)
        rows.append(hidden)
        for kept, part in zip(states, state, strict=True):
            kept.append(part)
    with torch.inference_mode():
        logits = graph.head(torch.stack(rows).flatten(0, 1)).unflatten(0, (-1, len(ids)))
    return (
        torch.stack(rows).numpy(),
        logits.numpy(),
        [torch.stack(kept).detach().numpy() for kept in states],
    )


def _log_softmax(logits: Floats) -> Floats:
    values: Floats = torch.log_softmax(torch.from_numpy(logits).double(), -1).numpy()
    return values
