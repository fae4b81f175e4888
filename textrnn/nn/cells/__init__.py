"""Recurrent cells, an open folder: a file is a cell, and its file name is its name in a recipe."""

from __future__ import annotations

from pathlib import Path

from textrnn.nn.cells._base import Cell, CellState
from textrnn.nn.cells._gated import GatedCell
from textrnn.registry import Family

__all__ = ["FAMILY", "Cell", "CellState", "GatedCell"]

FAMILY: Family[type[Cell]] = Family(__name__, Path(__file__).parent, "cell")
