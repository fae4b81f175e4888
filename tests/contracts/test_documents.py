"""What is written about the commands is what they do."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import textrnn
from textrnn.cli.main import COMMANDS
from textrnn.model_folder import shipped_models

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HELP = ROOT / "docs" / "help.md"


def readme_commands() -> list[str]:
    """The lines that begin with ``$ textrnn`` in the README's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    lines = re.sub(r"\\\n\s*", "", "\n".join(blocks)).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def test_the_help_pages_are_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "write_help.py"))["help_page"]()
    assert HELP.read_text(encoding="utf-8") == written, "run: python docs/write_help.py"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_of_commands_says_what_the_help_pages_say(command: str) -> None:
    page = HELP.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## textrnn {command}\n(.*?)^## ", page + "## ", re.M | re.S)
    assert COMMANDS[command] in " ".join(section.split())


def runs(command: str) -> bool:
    """Whether a command needs nothing but what ships."""
    return "textrnn " in command and not re.search(r"RUNS|--data|pip|train ", command)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "stories-en" not in shipped_models():
        pytest.skip("the model stories-en has not been added yet")
    return tmp_path_factory.mktemp("readme")


@pytest.mark.parametrize("command", [c for c in readme_commands() if runs(c)])
def test_the_commands_of_the_readme_run(command: str, workplace: Path) -> None:
    line = command.replace(".venv/bin/textrnn", "textrnn")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    words = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=workplace, env=os.environ | {"PATH": path}
    )
    assert (done.returncode, done.stdout != "") == (0, True), done.stderr


def test_the_python_of_the_readme_runs(workplace: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.splitlines()) >= 3) == (0, True), done.stderr


def test_the_readme_has_commands_that_run() -> None:
    assert sum(map(runs, readme_commands())) >= 10


def test_the_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, day = re.findall(r"^## (\S+) - (\S+)$", changelog, flags=re.MULTILINE)[0]
    assert version == textrnn.__version__
    assert date.fromisoformat(day) <= date.today()
