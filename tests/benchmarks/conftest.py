"""Workers run in other tools' environments and import what is not here: they hold no tests."""

from __future__ import annotations

collect_ignore_glob = ["*_worker.py"]
