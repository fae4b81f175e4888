"""``__all__`` is true (ruff sorts it), and no part imports what is private to another one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import textrnn
from textrnn.registry import Family

PACKAGE = Path(textrnn.__file__).parent
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def part(name: str) -> str:
    """``textrnn.nn.cells.lstm`` is of the part ``textrnn.nn``."""
    return ".".join(name.split(".")[:2])


def imported_names(name: str) -> Iterator[tuple[str, str]]:
    """(module, name) for each name that a file takes from another part of textrnn."""
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            module = node.module
            if module.startswith("textrnn") and part(module) != part(name):
                yield from ((module, alias.name) for alias in node.names)


@pytest.mark.parametrize("name", FILES)
def test_all_names_what_exists(name: str) -> None:
    module = import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [public for public in module.__all__ if not hasattr(module, public)] == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_private_is_imported_from_another_part(name: str) -> None:
    imported = [f"{module}.{name}" for module, name in imported_names(name)]
    assert [path for path in imported if "._" in path.removesuffix(".__version__")] == []


@pytest.mark.parametrize("name", [name for name in FILES if name.count(".") == 1])
def test_an_entry_of_an_open_folder_has_one_name(name: str) -> None:
    for family in [v for v in vars(import_module(name)).values() if isinstance(v, Family)]:
        for entry in family.names():
            assert len(import_module(f"{family.package}.{entry}").__all__) == 1


def test_every_public_name_of_the_package_is_listed_by_dir() -> None:
    assert set(textrnn.__all__) <= set(dir(textrnn))
