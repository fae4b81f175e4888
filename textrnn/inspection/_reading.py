"""A language model's network and a text as its ids."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from textrnn.errors import UsageError
from textrnn.model_folder import ModelFolder
from textrnn.tasks import network_from_folder
from textrnn.tasks.language_modeling import LanguageModelNetwork
from textrnn.tokenizers import BOS

__all__ = ["read_text"]


def read_text(folder: ModelFolder, text: str) -> tuple[LanguageModelNetwork, Tensor, list[str]]:
    """The network, the ids (1, T) with BOS before them, and the pieces, BOS left out.

    Raises:
        ModelFolderError: the folder is damaged.
        UsageError: the text has no token, or the model reads backward.
    """
    folder.need_forward()
    tokenizer = folder.tokenizer()
    ids = tokenizer.encode(text)
    if not ids:
        raise UsageError("the text is empty: give one of several words")
    network = cast(LanguageModelNetwork, network_from_folder(folder))
    return network, torch.tensor([[BOS, *ids]]), tokenizer.pieces(ids)
