"""Running the command line in this process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from textrnn.cli.main import app


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines if line]


class Input(io.TextIOWrapper):
    """A stdin with some bytes in it, or a terminal where nobody types."""

    def __init__(self, data: bytes | None) -> None:
        super().__init__(io.BytesIO(data or b""), encoding="utf-8")
        self._terminal = data is None

    def isatty(self) -> bool:
        return self._terminal


Run = Callable[..., Done]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes | None], None]:
    """Pipes something into this process; None is a terminal."""

    def pipe(data: str | bytes | None) -> None:
        given = data.encode() if isinstance(data, str) else data
        monkeypatch.setattr("sys.stdin", Input(given))

    return pipe


@pytest.fixture
def run(stdin: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``textrnn`` with these words; stdin is a terminal unless something is piped in."""

    def run_command(*words: object, piped: str | bytes | None = None) -> Done:
        stdin(piped)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            app([str(word) for word in words], prog_name="textrnn")
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Done(end.value.code, out, err)

    return run_command
