"""Put a finished folder in the place of an old one, so that a kill leaves one of the two.

A folder cannot be renamed over a folder that holds files. So the old one goes aside to a name that readers know,
the new one takes its place, and the old one is deleted. A kill between the two renames leaves nothing under the
name itself; whoever looks next calls :func:`recover`, which puts the old folder back.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from tempfile import mkdtemp

__all__ = ["new_sibling", "put_in_place", "recover", "sync_tree"]

STALE_SECONDS = 3600.0


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.textrnn-old")


def recover(path: Path) -> None:
    """Put back what a killed write left aside, where there is nothing under ``path`` itself."""
    if not os.path.lexists(path) and _aside(path).is_dir():
        _aside(path).rename(path)


def new_sibling(path: Path) -> Path:
    """A new empty folder beside ``path``; deletes those that killed writers left more than an hour ago."""
    prefix = f".{path.name}.textrnn-new-"
    for left in path.parent.glob(f"{_escaped(prefix)}*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(mkdtemp(prefix=prefix, dir=path.parent))
    folder.chmod(0o777 & ~_umask())
    return folder


def _escaped(name: str) -> str:
    from glob import escape

    return escape(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def put_in_place(new: Path, path: Path) -> None:
    """Rename the folder ``new`` to ``path``; what is there now is deleted once the new one is in its place."""
    aside = _aside(path)
    recover(path)
    shutil.rmtree(aside, ignore_errors=True)
    if path.exists():
        path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        recover(path)
        raise
    _sync(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Have the disk confirm every file of ``folder``, then its directories."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(place, name))
        _sync(Path(place))


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows cannot open a directory
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
