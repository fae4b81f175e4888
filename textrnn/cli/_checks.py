"""Files that a command cannot write are refused before its work, not after it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from textrnn.errors import DataError, UsageError

__all__ = ["check_picture", "check_writable"]


def check_picture(path: Path | None, option: str = "--output", *others: str) -> None:
    """Refuse a picture whose name says that it is of another kind.

    Args:
        path: the file, if one was asked for.
        option: that named it.
        *others: endings that are allowed beside ``.png``.

    Raises:
        UsageError: another ending.
        DataError: a file cannot be written there.
    """
    endings = (".png", *others)
    if path is not None and path.suffix not in endings:
        raise UsageError(f"{option} {path}: name a file ending in {' or '.join(endings)}")
    check_writable(path)


def check_writable(path: Path | None) -> None:
    """Refuse a file that cannot be written.

    Raises:
        DataError: it is a folder, or its folder is missing or may not be written to.
    """
    if path is None:
        return
    folder = path.resolve().parent
    for number, wrong in (
        (errno.EISDIR, path.is_dir()),
        (errno.ENOENT, not folder.exists()),
        (errno.ENOTDIR, not folder.is_dir()),
        (errno.EACCES, not os.access(path if path.exists() else folder, os.W_OK)),
    ):
        if wrong:
            raise DataError(f"cannot write {path}: {os.strerror(number)}")
