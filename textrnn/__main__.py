"""``python -m textrnn`` is the ``textrnn`` command."""

from __future__ import annotations

from textrnn.cli.main import app

__all__: list[str] = []

if __name__ == "__main__":
    app(prog_name="textrnn")
