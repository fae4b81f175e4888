"""The command line as a process of its own: pipes, interruptions, encodings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TEXTRNN = [sys.executable, "-m", "textrnn"]


def start(*words: object, **options: object) -> subprocess.Popen[bytes]:
    command = [*TEXTRNN, *map(str, words)]
    return subprocess.Popen(command, stdout=-1, stderr=-1, **options)  # type: ignore[call-overload]


def test_help_in_time() -> None:
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run([*TEXTRNN, "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - begin)
    assert b"generate" in done.stdout
    assert min(times) < 1.0  # 0.07 s on a quiet machine; the promise is 0.25 s


def test_a_pipe_that_closes(toy_model: Path) -> None:
    words = ("-m", toy_model, "-p", "a", "--max-new-tokens", "100000", "--stream")
    process = start("generate", *words, "--logit-bias", "3=-inf")
    assert process.stdout is not None
    process.stdout.read(5)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


def test_help_for_a_pipe_that_is_closed() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for words in (["--help"], ["--version"], []):
        done = subprocess.run([*TEXTRNN, *words], stdout=writer, stderr=-1, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
    os.close(writer)


def test_ctrl_c_keeps_the_text(toy_model: Path, tmp_path: Path) -> None:
    state, words = tmp_path / "state", ("-p", "the ", "--seed", "1", "--logit-bias", "3=-inf")
    endless = ("-m", toy_model, *words, "--max-new-tokens", "1000000000", "--stream")
    process = start("generate", *endless, "--save-state", state)
    assert process.stdout is not None
    begun = process.stdout.read(100)
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, b"textrnn: error: interrupted\n")
    assert begun.startswith(b"the ")
    more = start("generate", "-m", toy_model, "--state", state, "--max-new-tokens", "9")
    assert (more.communicate(timeout=60)[1], more.returncode) == (b"", 0)
    assert rest is not None


def test_ctrl_c_keeps_the_run(toy_folder: Path, tmp_path: Path) -> None:
    words = ("train", toy_folder / "recipe.yaml", "-o", tmp_path / "run", "--json")
    process = start(*words, "training.steps=1000000")
    assert process.stdout is not None
    for line in process.stdout:
        if b'"step": 20,' in line:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.splitlines()[-1] == b"textrnn: error: interrupted"
    assert list((tmp_path / "run" / "checkpoints").iterdir())
    assert not (tmp_path / "run" / "model").exists()


def test_a_line_is_translated_before_the_next_one_is_written(toy_translator: Path) -> None:
    process = start("translate", "-m", toy_translator, stdin=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    for line in (b"the cat ran\n", b"\n", b"the dog sat\r\n"):
        process.stdin.write(line)
        process.stdin.flush()
        assert bool(process.stdout.readline().strip()) == bool(line.strip())
    rest, told = process.communicate(b"the cat\n \x00\nthe dog", timeout=60)
    assert (process.returncode, told) == (0, b"")
    assert [bool(line) for line in rest.splitlines()] == [True, False, True]


def test_a_pipeline_in_an_odd_locale(toy_model: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    process = start("score", "-m", toy_model, "--json", stdin=-1, env=environment)
    out, told = process.communicate("der König\n".encode(), timeout=60)
    assert process.returncode == 0, told
    assert '"text": "der König"' in out.decode("utf-8")
    assert b"vocabulary lacks" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk(toy_model: Path) -> None:
    with open("/dev/full", "wb") as full:
        command = [*TEXTRNN, "score", "the cat", "-m", str(toy_model)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"textrnn: error: No space left on device\n")


def test_a_terminal(toy_model: Path) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    words = ("-m", toy_model, "-p", "the ", "--seed", "1", "--max-new-tokens", "20")
    command = [*TEXTRNN, "generate", *map(str, words)]
    with subprocess.Popen(command, stdout=follower, stdin=follower, stderr=follower) as process:
        assert process.wait(timeout=60) == 0
    os.close(follower)
    shown = os.read(leader, 10_000).replace(b"\r\n", b"\n").decode()
    os.close(leader)
    piped = subprocess.run(command, capture_output=True, text=True, stdin=-3, timeout=60)
    assert shown == piped.stdout
