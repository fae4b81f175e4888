"""The model folder: what the training wing writes and the inference wing reads.

    find_model           a shipped name, a folder or a hub id -> a folder (hub.py)
    write_model_folder   parameters, tokenizer, card -> a folder, whole or not (writing.py, swap.py)
    open_model_folder    a folder -> a ModelFolder that has passed every check (reading.py), of
                         config.json (config.py, strict_json.py) and model.safetensors (weights.py)
    ModelFolder          settings, tensors, tokenizer, card, files (folder.py)

Nothing here runs code from a folder, and nothing is allocated by a size that a folder claims.
"""

from __future__ import annotations

from textrnn.model_folder.folder import ModelFolder
from textrnn.model_folder.hub import find_model, shipped_models
from textrnn.model_folder.reading import open_model_folder
from textrnn.model_folder.weights import encode_weights
from textrnn.model_folder.writing import FolderContents, write_model_folder

__all__ = [
    "FolderContents",
    "ModelFolder",
    "encode_weights",
    "find_model",
    "open_model_folder",
    "shipped_models",
    "write_model_folder",
]
