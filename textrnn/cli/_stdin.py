"""Lines of stdin, answered without waiting for the next one to be written."""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice

__all__ = ["StdinLines", "StdinTexts", "in_lists"]

AT_ONCE = 1 << 16  # bytes, at most, of one reading
PAUSE = 0.02  # seconds without a new line after which those that are there are answered
FIRST = 64  # texts in a list, before it is known how long they take
WORK = 2.0  # seconds of it in a list, at most: what Ctrl-C loses


class StdinLines(Iterator[bytes]):
    """The lines of a file, a pipe or a terminal, their ends included.

    Args:
        descriptor: of what is read; nobody else reads from it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._begun: list[bytes] = []  # the parts of a line whose end has not come
        self._ended = False

    def __next__(self) -> bytes:
        """The next line; waits for it."""
        while not self._lines:
            if self._ended:
                raise StopIteration
            self._read()
        return self._lines.popleft()

    def waits(self) -> bool:
        """Whether the next line has not been written yet."""
        if self._lines or self._ended:
            return False
        try:
            ready, _, _ = select.select([self._descriptor], [], [], PAUSE)
        except OSError:  # Windows selects nothing but sockets
            return False
        return not ready

    def _read(self) -> None:
        data = os.read(self._descriptor, AT_ONCE)
        self._ended = not data
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._lines.append(b"".join([*self._begun, part, b"\n"]))
            self._begun.clear()
        if rest:
            self._begun.append(rest)
        if self._ended and self._begun:
            self._lines.append(b"".join(self._begun))


class StdinTexts(Iterator[str]):
    """Texts that are made of lines, one of each.

    Args:
        texts: what is made of them.
        lines: what it is made of.
    """

    def __init__(self, texts: Iterator[str], lines: StdinLines) -> None:
        self._texts = texts
        self.waits = lines.waits

    def __next__(self) -> str:
        """The next text; waits for its line."""
        return next(self._texts)


def in_lists(texts: Iterator[str], most: int) -> Iterator[list[str]]:
    """Texts in lists of so many at most, of fewer where the next one has not been written yet.

    Lists are as long as what is done with them lets them be, for what is done is to be seen.

    >>> list(in_lists(iter("abc"), 2))
    [['a', 'b'], ['c']]
    """
    size = min(FIRST, most)
    while some := list(islice(texts, 1)):
        if isinstance(texts, StdinTexts):
            while len(some) < size and not texts.waits() and (more := list(islice(texts, 1))):
                some += more
        else:
            some += islice(texts, size - 1)
        began = time.monotonic()
        yield some
        taken = time.monotonic() - began
        if taken > WORK:
            size = max(1, size // 2)
        elif taken < WORK / 2:
            size = min(2 * size, most)
