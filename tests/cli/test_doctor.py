"""``textrnn doctor`` as it is typed, on machines that are ill in several ways."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from textrnn.cli import _machine
from textrnn.cli._machine import EXTRAS, REQUIRED, Finding, devices, packages, processor
from textrnn.model_folder import hub

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_it_looks_for_what_the_project_requires() -> None:
    assert sorted(REQUIRED) == sorted(PROJECT["dependencies"])
    for_users = {
        extra: tuple(wanted)
        for extra, wanted in PROJECT["optional-dependencies"].items()
        if extra not in ("dev", "docs")
    }
    assert for_users == EXTRAS


def test_doctor(run: Any) -> None:
    done = run("doctor")
    assert done.code == 0
    words = [line.split() for line in done.lines]
    assert words[0][:3] == ["ok", "textrnn", PROJECT.get("version", "0.1.0")]
    names = {line[1] for line in words}
    assert {"python", "torch", "cpu", "mps"} <= names
    assert any(name.startswith("cuda") for name in names)
    assert done.err


@pytest.mark.parametrize("kind", ["ImportError", "OSError"])
def test_a_package_that_does_not_load_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "onnxruntime.py").write_text(f"raise {kind}('no libgomp.so.1')")
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = (finding for finding in packages() if finding.name == "onnxruntime")
    assert (found.state, found.fix) == ("broken", "pip install 'onnxruntime>=1.24'")
    assert found.value.endswith("does not load: no libgomp.so.1")


def test_doctor_as_json(run: Any) -> None:
    findings = run("doctor", "--json", "--quiet").records
    assert {tuple(finding) for finding in findings} == {("name", "value", "state", "fix")}
    (torch,) = (finding for finding in findings if finding["name"] == "torch")
    assert torch == {
        "name": "torch",
        "value": metadata.version("torch"),
        "state": "ok",
        "fix": "",
    }


def test_what_is_missing_or_old(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"numpy": "1.26.4", "torch": "2.13.0+cu130", "rich": "14rc1", "typer": "unknown"}

    def version(name: str) -> str:
        if name in ("sentencepiece", "matplotlib"):
            raise metadata.PackageNotFoundError(name)
        return found.get(name, "99")

    monkeypatch.setattr(metadata, "version", version)
    by_name = {finding.name: finding for finding in packages()}
    assert by_name["sentencepiece"] == Finding(
        "sentencepiece", "", "missing", "pip install 'sentencepiece>=0.2.2'"
    )
    assert by_name["matplotlib"] == Finding(
        "matplotlib", "", "absent", "pip install 'textrnn[plot]'"
    )
    assert by_name["numpy"] == Finding(
        "numpy", "1.26.4", "old", "pip install 'numpy>=2.1' --upgrade"
    )
    assert by_name["typer"].state == "old"
    assert {by_name[name].state for name in ("torch", "rich", "datasets")} == {"ok"}
    done = run("doctor")
    assert done.code == 0
    assert "missing  sentencepiece" in done.out
    assert "-> pip install 'sentencepiece>=0.2.2'" in done.out
    assert "3 of " in done.err


def test_all_is_well(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textrnn.cli.doctor.packages", lambda: iter(()))
    monkeypatch.setattr("textrnn.cli.doctor.devices", lambda: iter(()))
    monkeypatch.setattr(hub, "SHIPPED", Path("nowhere"))
    assert "textrnn: all is well" in run("doctor").err


CPUINFO = """\
processor : 0
model name	: Fast 9000
flags		: fpu avx2 avx512f avx512_bf16

processor : 1
model name	: Fast 9000
"""


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (CPUINFO, "Fast 9000, 3 cores, avx2 avx512f avx512_bf16"),
        ("Features : fp asimd bf16 sve\n", "arm64, 3 cores, asimd bf16 sve"),
        ("", "arm64, 3 cores"),
        (None, "arm64, 3 cores"),
    ],
)
def test_processors(
    tmp_path: Path, cpuinfo: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert processor(tmp_path / "cpuinfo") == Finding("cpu", expected)


def test_cores_where_a_process_cannot_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert " 8 cores" in processor().value
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert " 1 cores" in processor().value


def fake_torch(gpus: int = 0, mps: bool = False) -> Any:
    about = SimpleNamespace(name="Big GPU", total_memory=80 * 2**30)
    cuda = SimpleNamespace(
        is_available=lambda: gpus > 0,
        device_count=lambda: gpus,
        get_device_properties=lambda index: about,
        is_bf16_supported=lambda: True,
    )
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps))
    return SimpleNamespace(cuda=cuda, backends=backends, __version__="2.13.0+cpu")


@pytest.mark.parametrize(
    ("torch", "driver", "expected"),
    [
        (fake_torch(), False, [Finding("cuda", "", "absent"), Finding("mps", "", "absent")]),
        (
            fake_torch(gpus=2),
            True,
            [
                Finding("cuda:0", "Big GPU, 80 GiB, bf16"),
                Finding("cuda:1", "Big GPU, 80 GiB, bf16"),
                Finding("mps", "", "absent"),
            ],
        ),
        (
            fake_torch(mps=True),
            True,
            [
                Finding(
                    "cuda",
                    "a driver is here, but torch 2.13.0+cpu cannot use it",
                    "missing",
                    "a CUDA build of torch: https://pytorch.org/get-started/locally",
                ),
                Finding("mps", "available"),
            ],
        ),
        (
            None,
            False,
            [
                Finding(
                    "cuda",
                    "torch cannot be loaded: import of torch halted; None in sys.modules",
                    "broken",
                    "pip install torch",
                )
            ],
        ),
    ],
)
def test_devices(
    torch: Any, driver: bool, expected: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(_machine.shutil, "which", lambda name: "/bin/x" if driver else None)
    assert list(devices()) == expected


def test_shipped_models_are_verified(
    run: Any, tmp_path: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SHIPPED", tmp_path)
    for name in ("good", "bad"):
        shutil.copytree(toy_model, tmp_path / name)
    (tmp_path / "bad" / "README.md").write_text("")
    done = run("doctor")
    assert done.code == 0
    assert "language_modeling, 0.1 MB, every hash is right" in done.out
    assert "broken" in done.out
    assert "README.md: has 0 bytes" in done.out
    assert "-> pip install --force-reinstall textrnn" in done.out
    assert "1 of " in done.err
