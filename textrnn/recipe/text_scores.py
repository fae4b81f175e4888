"""The scores of a language model's folder on a text."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from itertools import islice
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
from textrnn.data.records import is_table
from textrnn.engines import Engine
from textrnn.errors import DataError, UsageError
from textrnn.metrics import Comparison, TextScore, bits_of, paired_bootstrap
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.models import LanguageModel
from textrnn.models.together import open_together
from textrnn.recipe.changing_scores import score_changing
from textrnn.recipe.tasks._base import Asked
from textrnn.tasks import Scores
from textrnn.tasks.language_modeling import scores_of

__all__ = ["compare_on_text", "documents_for", "find_text", "local_or_hub", "score_text"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
ROWS = 32
DEFAULT_COLUMN = "text"
AT_ONCE = 128
"""Tokens of every stream that are read at once."""
LINES_AT_ONCE = 256


def score_text(folder: ModelFolder, asked: Asked) -> Scores:
    """A language model's scores on a text, the state carried along it.

    The text is cut into 32 streams that are read side by side, each from the start of a text;
    every token but the first is predicted once. With a cache or dynamic evaluation it is one
    stream; see :func:`~textrnn.recipe.changing_scores.score_changing`.

    ``unknown`` counts the tokens that the vocabulary lacks: to foretell UNK for all of them is
    easy, so where there are many the figures are too good, and none to compare.
    """
    source = find_text(asked)
    others = [open_model_folder(find_model(name)) for name in asked.ensemble]
    name = "torch" if asked.engine == "auto" and asked.dynamic is not None else asked.engine
    engine = open_together(
        [folder, *others], engine=name, device=asked.device, threads=asked.threads
    )
    with tempfile.TemporaryDirectory(prefix="textrnn-evaluate-") as cache:
        corpus = _encoded(source, folder, Path(cache))
        unknown = {"unknown": float(corpus.unknown)}
        if asked.cache is None and asked.dynamic is None:
            return {**score_corpus(engine, corpus), **unknown}
        statistics = None
        if asked.statistics is not None:
            statistics = _encoded(find_text(Asked(asked.statistics)), folder, Path(cache))
        scores = score_changing(
            engine, corpus, cache=asked.cache, learning=asked.dynamic, statistics=statistics
        )
        return {**scores, **unknown}


def _encoded(source: TextSource, folder: ModelFolder, cache: Path) -> Corpus:
    return prepare_corpus(
        source,
        folder.tokenizer(),
        cache,
        documents=documents_for(folder, source),
        backward=folder.direction == "backward",
    )


def score_corpus(engine: Engine, corpus: Corpus, rows: int = ROWS) -> Scores:
    """The scores of an engine on a corpus; see :func:`score_text`."""
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


def compare_on_text(first: ModelFolder, second: ModelFolder, asked: Asked) -> Comparison:
    """Bits per byte of two models over the same lines, both anew on each.

    Raises:
        DataError: the data has no line with text.
    """
    source = find_text(asked)
    lines = [line for document in source.documents("line") for line in document if line.strip()]
    if not lines:
        raise DataError(f"{asked.data} has no line with text: there is nothing to compare on")
    before, after = (list(_bits(folder, asked, lines)) for folder in (first, second))
    return paired_bootstrap(before, after, [len(line.encode()) for line in lines])


def _bits(folder: ModelFolder, asked: Asked, lines: list[str]) -> Iterator[float]:
    model = LanguageModel.open(
        folder, engine=asked.engine, device=asked.device, threads=asked.threads
    )
    rest = iter(lines)
    while chunk := list(islice(rest, LINES_AT_ONCE)):
        yield from (score.bits for score in model.score(chunk))


def find_text(asked: Asked) -> TextSource:
    """The text that a command line's ``--data`` and ``--split`` name.

    A hub set's split is ``test`` where none is named.

    Raises:
        UsageError: a single file has no splits, and one that is no table no columns.
        DataError: there is nothing of that name, or it is neither a file nor a folder.
    """
    split, column = asked.split, asked.column or DEFAULT_COLUMN
    path = local_or_hub(asked.data)
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
    settings = DataSettings(path=str(asked.data), test=split, column=column)
    return cast(TextSource, open_source(settings, "test"))


def local_or_hub(data: str | Path) -> Path:
    """What ``--data`` names, as a path; where nothing is there, it may be a hub id.

    Raises:
        DataError: there is nothing of that name, or it is neither a file nor a folder.
    """
    path = Path(data).expanduser()
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"{path} is neither a file nor a folder: write the text to a file first")
    if not path.exists() and not _HUB_ID.fullmatch(str(data)):
        raise DataError(f"{data}: there is no such file or folder, and it is no hub id (ORG/NAME)")
    return path


def documents_for(folder: ModelFolder, source: TextSource) -> Any:
    """Where a source's documents end for a model: as its training text's; a table's with a row."""
    trained = folder.config.get("documents", "file")
    if not isinstance(source, LocalText):
        return trained
    return "file" if trained == "row" or any(map(is_table, source.paths)) else trained
