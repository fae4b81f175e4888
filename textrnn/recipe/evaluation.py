"""The scores of a model folder on a text."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from textrnn.config import DataSettings
from textrnn.data import (
    IGNORE,
    Corpus,
    LocalText,
    TextSource,
    TokenStreams,
    open_source,
    prepare_corpus,
)
from textrnn.data.sources import is_table
from textrnn.engines import Engine, open_engine
from textrnn.errors import DataError, UsageError
from textrnn.metrics import TextScore, bits_of
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.tasks import Scores
from textrnn.tasks.language_modeling import scores_of

__all__ = ["evaluate", "find_text", "trained_documents"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
ROWS = 32
DEFAULT_COLUMN = "text"
AT_ONCE = 128
"""Tokens of every stream that are read at once."""


def evaluate(
    model: str | Path,
    *,
    data: str | Path,
    split: str | None = None,
    column: str = "text",
    engine: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> Scores:
    """A language model's scores on a text, the state carried along it.

    The text is cut into 32 streams that are read side by side, each from the start of a text;
    every token but the first is predicted once.

    Args:
        model: a shipped name, a folder or a hub id.
        data: a file, a folder of files, or a hub id.
        split: of a hub set; or a file's name in the folder.
        column: the text's column where the data is a table.
        engine: what runs the model; ``"auto"`` takes the 8-bit graphs where the folder has them,
            ``"torch"`` gives the figures in float32.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
        threads: processor threads; None leaves it to the engine.

    Returns:
        ``loss``, ``perplexity``, ``word_perplexity``, ``bits_per_byte``, ``tokens``, ``words``,
        ``bytes``.

    Raises:
        ModelFolderError: the model is of another task, or damaged.
        DataError: the text is missing, empty or not UTF-8.
    """
    folder = open_model_folder(find_model(model), task="language_modeling")
    source = find_text(data, split, column)
    opened = open_engine(folder, engine=engine, device=device, threads=threads)
    with tempfile.TemporaryDirectory(prefix="textrnn-evaluate-") as cache:
        corpus = prepare_corpus(
            source, folder.tokenizer(), Path(cache), documents=trained_documents(folder)
        )
        return score_corpus(cast(Engine, opened), corpus)


def score_corpus(engine: Engine, corpus: Corpus, rows: int = ROWS) -> Scores:
    """The scores of an engine on a corpus; see :func:`evaluate`."""
    streams = TokenStreams(corpus.ids(), min(rows, corpus.tokens - 1), AT_ONCE, whole=True)
    running = np.arange(streams.rows)
    state, bits = None, 0.0
    for index in range(len(streams)):
        window = streams.window(index)
        targets = window.targets.numpy()
        lengths = (targets != IGNORE).sum(1)
        on = np.flatnonzero(lengths[running])
        if len(on) < len(running):
            state, running = None if state is None else engine.reorder(state, on), running[on]
        ids = np.concatenate([window.ids.numpy()[:, :1], targets.clip(0)], 1)[running]
        log_probs, state = engine.score(ids, lengths[running] + 1, state)
        bits += bits_of(log_probs)
    return scores_of(TextScore(bits, corpus.tokens - 1, corpus.words, corpus.bytes))


def find_text(data: str | Path, split: str | None, column: str) -> TextSource:
    """The text that a command line's ``--data`` and ``--split`` name.

    A hub set's split is ``test`` where none is named.

    Raises:
        UsageError: a single file has no splits, and one that is no table no columns.
        DataError: there is nothing of that name, or it is neither a file nor a folder.
    """
    path = Path(data).expanduser()
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"{path} is neither a file nor a folder: write the text to a file first")
    if not path.exists() and not _HUB_ID.fullmatch(str(data)):
        raise DataError(f"{data}: there is no such file or folder, and it is no hub id (ORG/NAME)")
    if path.is_file():
        if split is not None:
            raise UsageError(f"--split {split}: {path} is a single file, which has no splits")
        if column != DEFAULT_COLUMN and not is_table(path):
            raise UsageError(f"--column {column}: {path} is no table, so it has no columns")
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
