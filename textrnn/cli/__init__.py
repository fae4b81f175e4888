"""The command line: one file a command, each a thin Typer function over a plain one."""

from __future__ import annotations

__all__: list[str] = []
