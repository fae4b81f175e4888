"""The graphs of a model folder: made when a training ends, and again when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from textrnn.errors import EngineError, ModelFolderError
from textrnn.export import Export, export_network
from textrnn.model_folder import (
    FolderContents,
    encode_weights,
    find_model,
    open_model_folder,
    write_model_folder,
)
from textrnn.model_folder.config import CONFIG
from textrnn.tasks import FAMILY, network_from_folder

if TYPE_CHECKING:
    import numpy as np

    from textrnn.model_folder import ModelFolder

__all__ = ["ExportReport", "export", "make_graphs"]

FILLED_IN = ("format_version", "textrnn_version", "files", "parameters_sha256")
WRITTEN_ANYWAY = ("model.safetensors", "README.md", "tokenizer.", "source/", "onnx/")


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Args:
        path: the model folder.
        precision: of the graphs' weights.
        bytes: of all files of the graphs.
        logit_difference: from the network, the greatest of a logit on random inputs.
        divergence: from the network, mean Kullback-Leibler divergence in nats a token.
    """

    path: Path
    precision: str
    bytes: int
    logit_difference: float
    divergence: float


def export(
    model: str | Path, *, precision: str = "int8", output: str | Path | None = None
) -> ExportReport:
    """Make the graphs of a model folder from its parameters, in place of those it has.

    Args:
        model: a shipped name, a model folder or a hub id.
        precision: of the weights, ``"int8"`` or ``"float32"``.
        output: the folder to write, which may hold an export of the same model; None writes the
            model's own anew, whole or not at all.

    Raises:
        UnknownNameError: no such model or precision.
        EngineError: the network cannot be exported, or its graphs do not say what it says.
        ModelFolderError: the folder is damaged (but for its graphs), the disk refuses the new one,
            or another model is in its place.
    """
    folder = open_model_folder(find_model(model), graphs=False)
    if output is not None:
        _refuse_another(Path(output), folder)
    network, tensors = network_from_folder(folder), folder.tensors()
    storage = folder.config["storage"]
    graphs = make_graphs(folder.task, network, tensors, storage=storage, precision=precision)
    separate = any(name.startswith("source/") for name in folder.files)
    contents = FolderContents(
        config={key: value for key, value in folder.config.items() if key not in FILLED_IN},
        tensors=tensors,
        tokenizer=folder.tokenizer(),
        card=folder.card(),
        extra={**_kept(folder), **graphs.files},
        source_tokenizer=folder.source_tokenizer() if separate else None,
    )
    written = write_model_folder(folder.path if output is None else output, contents)
    return ExportReport(
        path=written.path if output is None else Path(output),
        precision=graphs.precision,
        bytes=sum(map(len, graphs.files.values())),
        logit_difference=graphs.parity.logits,
        divergence=graphs.parity.divergence,
    )


def make_graphs(
    task: str,
    network: nn.Module,
    tensors: Mapping[str, np.ndarray],
    *,
    storage: str,
    precision: str = "int8",
) -> Export:
    """The graphs of a network whose parameters are to be stored as ``tensors``.

    Raises:
        UnknownNameError: no such precision.
        EngineError: the network cannot be exported, or its graphs do not say what it says, or there
            is no room for them.
    """
    sha256 = hashlib.sha256(encode_weights(tensors, storage)).hexdigest()
    try:
        return export_network(
            FAMILY.get(task), network, parameters_sha256=sha256, precision=precision
        )
    except OSError as error:
        raise EngineError(
            f"the graphs cannot be written to the temporary folder ({error.strerror})"
        ) from error


def _refuse_another(output: Path, folder: ModelFolder) -> None:
    """Leave a folder alone that holds parameters which are not those of the export."""
    if (output / CONFIG).exists():
        there = open_model_folder(output, graphs=False)
        if there.parameters_sha256 != folder.parameters_sha256:
            raise ModelFolderError(f"{output}: another model is there: choose another name")


def _kept(folder: ModelFolder) -> dict[str, bytes | Path]:
    """The files that are neither parameters, tokenizer, card nor graphs."""
    return {name: folder.file(name) for name in folder.files if not name.startswith(WRITTEN_ANYWAY)}
