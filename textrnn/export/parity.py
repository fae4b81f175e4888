"""How far exported graphs are from the network they came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from textrnn.errors import EngineError
from textrnn.tasks import Graph

__all__ = ["Parity", "measure_parity"]

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = dict[str, Array]

Run: TypeAlias = Callable[[list[Array]], list[Array]]

STEPS = 12
EXACT = 1e-4  # of the greatest number, or of 1 where that is smaller
DIVERGED = 0.1  # nats a token


@dataclass(frozen=True)
class Parity:
    """What was measured.

    Args:
        logits: the greatest difference of a logit, or of a number in the state or the memory.
        divergence: mean Kullback-Leibler divergence, in nats, of the graph's distribution from the
            network's.
    """

    logits: float
    divergence: float


def measure_parity(graphs: Mapping[str, Graph], folder: Path, *, exact: bool) -> Parity:
    """Run the graphs in ``folder`` beside the network, on the examples of their functions.

    What a graph gives is what those after it take under the same name, and a step goes on a few
    times. Each number is compared with the network's for the same inputs. The divergence is that
    of graphs which go on from their own results, so that errors add up as they do in use.

    Args:
        graphs: by name, in order.
        folder: with ``NAME.onnx`` for each.
        exact: refuse all but rounding; else refuse only what has clearly gone wrong.

    Raises:
        EngineError: the graphs do not say what the network says.
    """
    files = {name: _of_file(folder / f"{name}.onnx", graph) for name, graph in graphs.items()}
    ours = _play(graphs, {name: _of_network(graph) for name, graph in graphs.items()})
    theirs = _play(graphs, files)
    difference, greatest = 0.0, 1.0
    for turn in ours:
        for wanted, found in zip(turn.outputs.values(), files[turn.name](turn.inputs), strict=True):
            difference = max(difference, float(np.abs(found - wanted).max()))
            greatest = max(greatest, float(np.abs(wanted).max()))
    logits = [
        (wanted.outputs["logits"], found.outputs["logits"])
        for wanted, found in zip(ours, theirs, strict=True)
        if "logits" in wanted.outputs
    ]
    divergence = float(np.mean([_divergence(*pair) for pair in logits]))
    if (exact and not difference <= EXACT * greatest) or not divergence <= DIVERGED:
        raise EngineError(
            f"the exported graphs do not say what the network says: they differ by {difference:.3g}"
            f" in a logit, by {divergence:.3g} nats a token; nothing has been written"
        )
    return Parity(difference, divergence)


class _Turn(NamedTuple):
    """One run of one graph."""

    name: str
    inputs: list[Array]
    outputs: Arrays


def _play(graphs: Mapping[str, Graph], runs: Mapping[str, Run]) -> list[_Turn]:
    """The runs of all graphs, one after the other; ids are drawn alike whoever plays."""
    random, turns, known = np.random.default_rng(0), [], Arrays()
    for name, graph in graphs.items():
        function = graph.function
        inputs = {
            key: known.get(key, argument.example.numpy())
            for key, argument in function.inputs.items()
        }
        steps = STEPS if function.carried and graph.reading is None else 1
        for _ in range(steps):
            taken = list(inputs.values())
            found = runs[name](taken)
            outputs = dict(zip(graph.outputs or function.outputs, found, strict=True))
            turns.append(_Turn(name, taken, outputs))
            if steps > 1:
                inputs |= {begin: outputs[end] for begin, end in function.carried.items()}
                inputs["ids"] = random.integers(0, outputs["logits"].shape[1], len(inputs["ids"]))
        known |= {key.replace("first.", "state."): array for key, array in outputs.items()}
    return turns


def _of_network(graph: Graph) -> Run:
    names = graph.function.outputs
    kept = [names.index(name) for name in graph.outputs or names]

    def run(inputs: list[Array]) -> list[Array]:
        with torch.inference_mode():
            outputs = graph.function.module(*map(torch.from_numpy, inputs))
        return [outputs[place].numpy() for place in kept]

    return run


def _of_file(path: Path, graph: Graph) -> Run:
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise EngineError(f"checking graphs needs onnxruntime, which fails: {error}") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own have no common class
        raise _no_graph(path, error) from error

    def run(inputs: list[Array]) -> list[Array]:
        named = dict(zip(graph.function.inputs, inputs, strict=True))
        try:
            outputs: list[Array] = session.run(None, named)
        except Exception as error:
            raise _no_graph(path, error) from error
        return outputs

    return run


def _no_graph(path: Path, error: Exception) -> EngineError:
    reason = str(error).strip().split("\n")[0]
    return EngineError(
        f"ONNX Runtime cannot run the exported {path.name} ({reason}); nothing has been written"
    )


def _divergence(ours: Array, theirs: Array) -> float:
    wanted, found = (torch.from_numpy(x).double().log_softmax(-1).numpy() for x in (ours, theirs))
    return float((np.exp(wanted) * (wanted - found)).sum(-1).mean())
