"""Tasks, an open folder: a file is a network with its batches, its loss and its evaluation."""

from __future__ import annotations

from pathlib import Path

from textrnn.registry import Family
from textrnn.tasks._base import (
    Batch,
    Loss,
    Scores,
    Task,
    network_from_folder,
    state_tensors,
)
from textrnn.tasks._graphs import Argument, Function, Graph, Reading
from textrnn.tasks._marks import LSTM, REVERSED

__all__ = [
    "FAMILY",
    "LSTM",
    "REVERSED",
    "Argument",
    "Batch",
    "Function",
    "Graph",
    "Loss",
    "Reading",
    "Scores",
    "Task",
    "network_from_folder",
    "state_tensors",
]

FAMILY: Family[type[Task]] = Family(__name__, Path(__file__).parent, "task")
