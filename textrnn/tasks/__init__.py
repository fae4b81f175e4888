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
from textrnn.tasks._graphs import REVERSED, Argument, Function, Graph, Reading, reversed_in_time

__all__ = [
    "FAMILY",
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
    "reversed_in_time",
    "state_tensors",
]

FAMILY: Family[type[Task]] = Family(__name__, Path(__file__).parent, "task")
