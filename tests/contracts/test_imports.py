"""Imports point strictly down, and the two wings meet at the model folder alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import textrnn

PACKAGE = Path(textrnn.__file__).parent

# Lowest first; the parts of one row do not know each other.
LAYERS: list[set[str]] = [
    {"errors"},
    {"registry"},
    {"metrics", "pretrained", "tokenizers"},
    {"config", "model_folder"},
    {"data"},
    {"nn"},
    {"tasks"},
    {"engines", "inspection", "training"},
    {"export", "generation"},
    {"models"},
    {"recipe"},
    {"api", "harness"},
    {"cli"},
    {"__main__"},
]
TRAINING = {"data", "nn", "tasks", "inspection", "training", "export"}
INFERENCE = {"engines", "generation", "models"}
HEAVY = {"torch", "accelerate", "datasets", "pydantic", "onnxruntime"}
BRIDGES = {  # the files of the inference wing that may know the training wing
    "engines.torch",
    "engines._torch_classification",
    "engines._torch_device",
    "engines._torch_learning",
    "engines._torch_tools",
    "engines._torch_translation",
}


def modules() -> dict[str, Path]:
    """Every module's dotted name under textrnn, ``""`` being the package itself."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        .removesuffix("__init__")
        .removesuffix("."): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """What a file imports, in functions and for type checkers too, by full dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(name: str) -> str:
    return name.split(".")[0]


def own_imports(name: str) -> set[str]:
    """The parts of textrnn that a module imports, its own part aside."""
    found = {
        target.removeprefix("textrnn.")
        for target in imports(MODULES[name])
        if target.startswith("textrnn.")
    }
    return {part(target) for target in found} - {part(name), "__version__"}


def rank(name: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize("name", [name for name in MODULES if name])
def test_imports_point_strictly_down(name: str) -> None:
    allowed = {other for layer in LAYERS[: rank(part(name))] for other in layer}
    if part(name) in TRAINING:
        allowed -= INFERENCE
    if part(name) in INFERENCE and name not in BRIDGES:
        allowed -= TRAINING
    assert own_imports(name) <= allowed


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) in INFERENCE])
def test_the_inference_wing_needs_no_torch(name: str) -> None:
    permitted = {"engines._onnx_sessions": {"onnxruntime"}} | {key: {"torch"} for key in BRIDGES}
    found = {part(target) for target in imports(MODULES[name])} & HEAVY
    assert found <= permitted.get(name, set())


@pytest.mark.parametrize("name", ["", *MODULES])
def test_nothing_imports_the_private_click_of_typer(name: str) -> None:
    assert not {t for t in imports(MODULES[name]) if part(t) == "click" or "._click" in t}


ONE_SYSTEM = {"fcntl", "grp", "msvcrt", "pwd", "resource", "termios", "tty", "winreg"}


@pytest.mark.parametrize("name", MODULES)
def test_no_module_needs_a_system_when_it_is_imported(name: str) -> None:
    """Windows has no ``resource``, for one; a function may try it."""
    body = ast.parse(MODULES[name].read_text(encoding="utf-8")).body
    at_once = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    assert not at_once & ONE_SYSTEM
