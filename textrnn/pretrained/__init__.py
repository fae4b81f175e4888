"""The models that ship: one model folder for each, found by its name."""

from __future__ import annotations

__all__: list[str] = []
