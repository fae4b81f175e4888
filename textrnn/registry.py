"""Open folders: a package in which every file is an entry, named by its file.

A family (cells, rules, tokenizers, tasks, engines) is a package. A module in it whose name does not
begin with an underscore is an entry; the one name in the module's ``__all__`` is what the family
hands out. To add an entry, add a file; from outside the package, call :meth:`Family.add`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Generic, TypeVar, cast

from textrnn.errors import UnknownNameError, UsageError

__all__ = ["Family"]

Entry = TypeVar("Entry")


class Family(Generic[Entry]):
    """The entries of one open folder, imported when asked for.

    Args:
        package: the folder's dotted name, for example ``"textrnn.nn.cells"``.
        folder: where its files are; usually ``Path(__file__).parent``.
        noun: what an entry is called in messages.

    >>> from textrnn.nn import cells
    >>> "lstm" in cells.FAMILY.names()
    True
    """

    def __init__(self, package: str, folder: Path, noun: str) -> None:
        self.package = package
        self.noun = noun
        self._folder = folder
        self._added: dict[str, Entry] = {}

    def names(self) -> tuple[str, ...]:
        """All names, sorted; imports nothing."""
        files = (path.stem for path in self._folder.glob("*.py"))
        return tuple(sorted({*(name for name in files if name[0] != "_"), *self._added}))

    def get(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises:
            UnknownNameError: no such entry; the message names the closest one.
        """
        if name in self._added:
            return self._added[name]
        if name not in self.names():
            raise UnknownNameError(self.noun, name, self.names())
        module = import_module(f"{self.package}.{name}")
        (public,) = module.__all__
        return cast(Entry, getattr(module, public))

    def add(self, name: str, entry: Entry) -> None:
        """Add an entry that lives outside the package.

        Raises:
            UsageError: the name is taken or is not an identifier.
        """
        if not name.isidentifier() or name[0] == "_":
            raise UsageError(
                f"{name!r} cannot name a {self.noun}: use letters, digits, underscores"
            )
        if name in self.names() and self._added.get(name) is not entry:
            raise UsageError(f"a {self.noun} {name!r} exists already: choose another name")
        self._added[name] = entry
