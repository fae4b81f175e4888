"""The scores of a model folder on a text."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

from textrnn.config import DataSettings
from textrnn.data import LocalText, TextSource, open_source, prepare_corpus
from textrnn.errors import UsageError
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.tasks import Scores, network_from_folder
from textrnn.tasks.language_modeling import evaluate_corpus

__all__ = ["evaluate", "find_text", "trained_documents"]

ROWS = 32


def evaluate(
    model: str | Path,
    *,
    data: str | Path,
    split: str | None = None,
    column: str = "text",
    rows: int = ROWS,
) -> Scores:
    """A language model's scores on a text, in float32, state carried along.

    Args:
        model: a shipped name, a folder or a hub id.
        data: a file, a folder of files, or a hub id.
        split: of a hub set; or a file's name in the folder.
        column: the text's column where the data is a table.
        rows: streams that the text is cut into, read side by side.

    Returns:
        ``loss``, ``perplexity``, ``word_perplexity``, ``bits_per_byte``, ``tokens``, ``words``,
        ``bytes``.

    Raises:
        ModelFolderError: the model is of another task, or damaged.
        DataError: the text is missing, empty or not UTF-8.
    """
    folder = open_model_folder(find_model(model), task="language_modeling")
    source = find_text(data, split, column)
    network: Any = network_from_folder(folder)
    with tempfile.TemporaryDirectory(prefix="textrnn-evaluate-") as cache:
        corpus = prepare_corpus(
            source, folder.tokenizer(), Path(cache), documents=trained_documents(folder)
        )
        return evaluate_corpus(network, corpus, rows)


def find_text(data: str | Path, split: str | None, column: str) -> TextSource:
    """The text that a command line's ``--data`` and ``--split`` name.

    Raises:
        UsageError: a single file has no splits; a hub set needs one.
    """
    path = Path(data).expanduser()
    if path.is_file():
        if split is not None:
            raise UsageError(f"--split {split}: {path} is a single file, which has no splits")
        return LocalText((path,), column)
    if not path.exists() and split is None:
        split = "test"
    if path.is_dir() and split is None:
        return cast(TextSource, open_source(DataSettings(train=str(path), column=column), "train"))
    settings = DataSettings(path=str(data), test=split, column=column)
    return cast(TextSource, open_source(settings, "test"))


def trained_documents(folder: ModelFolder) -> Any:
    """Where the model's training text was cut into documents."""
    return folder.config.get("documents", "file")
