"""Corpora and batches: from files and hub sets to windows of ids, or to batches of pairs.

sources        text: files, folders, tables, hub sets
records        lines of text, records of jsonl and parquet
corpus         text as ids, mapped
streams        windows of ids, for truncated backpropagation through time
tables         cells of csv and tsv

pair_parts     sentence pairs: two aligned files, a table, a hub set
pair_sources   which of them a split is made of
pairs          sentence pairs as ids, mapped
mixing         several sets of them as one
buckets        batches of pairs of like lengths

labelled         labelled texts: tables, lines, a folder a class, hub sets
labelled_tables  two columns of a table
labels           the names of labels
label_corpus     labelled texts as ids
holding_out      which of them are held out
pseudo_labels    labels for texts that have none
label_batches    batches of them of like lengths

What makes tensors is loaded when it is first asked for: reading a table takes no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textrnn.data.corpus import Corpus, prepare_corpus
from textrnn.data.label_corpus import LabelledCorpus, prepare_labelled
from textrnn.data.labelled import LabelledSource, open_labelled
from textrnn.data.labels import Labels, find_labels
from textrnn.data.mixing import PairSelection, mix
from textrnn.data.pair_parts import AlignedFiles
from textrnn.data.pair_sources import PairSource, open_pairs
from textrnn.data.pairs import PairCorpus, Pairs, PairsFrom, prepare_pairs
from textrnn.data.sources import HubText, LocalText, TextSource, open_source

if TYPE_CHECKING:
    from textrnn.data.buckets import PairBatch, PairBatches
    from textrnn.data.label_batches import LabelledBatch, LabelledBatches
    from textrnn.data.streams import IGNORE, TokenStreams, Window

__all__ = [
    "IGNORE",
    "AlignedFiles",
    "Corpus",
    "HubText",
    "LabelledBatch",
    "LabelledBatches",
    "LabelledCorpus",
    "LabelledSource",
    "Labels",
    "LocalText",
    "PairBatch",
    "PairBatches",
    "PairCorpus",
    "PairSelection",
    "PairSource",
    "Pairs",
    "PairsFrom",
    "TextSource",
    "TokenStreams",
    "Window",
    "find_labels",
    "mix",
    "open_labelled",
    "open_pairs",
    "open_source",
    "prepare_corpus",
    "prepare_labelled",
    "prepare_pairs",
]

_HOMES = {
    "IGNORE": "streams",
    "LabelledBatch": "label_batches",
    "LabelledBatches": "label_batches",
    "PairBatch": "buckets",
    "PairBatches": "buckets",
    "TokenStreams": "streams",
    "Window": "streams",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
