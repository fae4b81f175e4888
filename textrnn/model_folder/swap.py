"""Put a finished folder in the place of an old one, so that a kill leaves one of the two.

A folder cannot be renamed over a folder that holds files. So the old one goes aside to a name that
readers know, the new one takes its place, and the old one is deleted. A kill between the two
renames leaves nothing under the name itself; whoever looks next calls :func:`recover`, which puts
the old folder back.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from itertools import count
from pathlib import Path

__all__ = ["put_in_place", "recover", "temporary_sibling"]

STALE_SECONDS = 3600.0
ATTEMPTS = 3


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.textrnn-old")


def recover(path: Path) -> None:
    """Put back what a killed write left aside, where nothing is at ``path`` itself.

    Raises:
        OSError: it cannot be put back.
    """
    aside = _aside(path) if path.name else path
    if os.path.lexists(path) or not os.path.isdir(aside):
        return
    try:
        aside.rename(path)
    except OSError:
        if not os.path.lexists(path):  # else a writer has just finished
            raise


@contextmanager
def temporary_sibling(path: Path) -> Iterator[Path]:
    """A new folder beside ``path``, deleted at the end unless it has been renamed.

    Deletes those that killed writers left more than an hour ago, too.
    """
    prefix = f".{path.name}.textrnn-new-"
    for left in path.parent.glob(f"{escape(prefix)}*"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    folder = path.with_name(f"{prefix}{os.urandom(6).hex()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(new: Path, path: Path) -> None:
    """Flush ``new`` to the disk and rename it to ``path``; what was there is deleted after that."""
    _sync_tree(new)
    aside = _aside(path)
    for attempt in count(1):
        try:
            if path.exists():
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)
            new.rename(path)
            break
        except OSError:  # a reader may have put the old one back in between
            if attempt == ATTEMPTS:
                raise
        finally:
            recover(path)
    _sync(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(place, name))
        _sync(Path(place))


def _sync(path: Path) -> None:
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):  # Windows cannot open a directory
        return
    # Windows flushes only what is open for writing; a directory cannot be.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
