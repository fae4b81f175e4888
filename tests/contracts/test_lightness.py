"""What must be quick loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from textrnn.cli.main import COMMANDS

FRAMEWORKS = {"torch", "datasets", "onnxruntime", "onnx", "accelerate", "sklearn", "matplotlib"}
ALL = FRAMEWORKS | {"numpy", "pydantic", "sentencepiece", "rich", "huggingface_hub", "yaml"}


def loaded_after(statement: str) -> set[str]:
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import textrnn; dir(textrnn)",
        "from textrnn.cli.main import app; app(['--help'])",
        "from textrnn.cli.main import app; app(['--version'])",
    ],
)
def test_the_package_and_its_help_load_nothing_heavy(statement: str) -> None:
    assert loaded_after(statement) & ALL == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_loads_no_framework(command: str) -> None:
    statement = f"from textrnn.cli.main import app; app(['{command}', '--help'])"
    assert loaded_after(statement) & FRAMEWORKS == set()
