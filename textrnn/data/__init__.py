"""Corpora and batches: from files and hub sets to windows of ids."""

from __future__ import annotations

from textrnn.data.corpus import Corpus, prepare_corpus
from textrnn.data.sources import HubText, LocalText, TextSource, open_source
from textrnn.data.streams import IGNORE, TokenStreams, Window

__all__ = [
    "IGNORE",
    "Corpus",
    "HubText",
    "LocalText",
    "TextSource",
    "TokenStreams",
    "Window",
    "open_source",
    "prepare_corpus",
]
