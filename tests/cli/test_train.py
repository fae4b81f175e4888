"""``textrnn train``, option by option, on the toy recipe."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import textrnn
from textrnn.cli._progress import telling
from textrnn.training import make_accelerator
from textrnn.training.checkpoint import latest_checkpoint
from textrnn.training.events import StepDone

SHORT = ("training.steps=6", "training.evaluate_every=3")


def test_a_run_ends_with_a_model(run: Callable, toy_folder: Path, tmp_path: Path) -> None:
    done = run("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "run")
    assert (done.code, done.out) == (0, f"{tmp_path}/run/model\n")
    assert textrnn.load(done.out.strip()).generate("a", max_new_tokens=3).token_ids
    assert (tmp_path / "run" / "metrics.jsonl").exists()
    assert (tmp_path / "run" / "loss.png").exists()
    for part in (
        " parameters, ",
        "step 3 (epoch",
        "bits per byte",
        "best so far",
        "finished after 6",
    ):
        assert part in done.err
    quiet = run("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "again", "-q")
    assert quiet.err == ""
    assert (tmp_path / "again" / "model" / "model.safetensors").read_bytes() == (
        tmp_path / "run" / "model" / "model.safetensors"
    ).read_bytes()


def test_json_has_every_event(run: Callable, toy_folder: Path, tmp_path: Path) -> None:
    done = run("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "run", "--json", "-q")
    events = [record.get("event") for record in done.records]
    assert events[0] == "Started"
    assert events.count("StepDone") == 6
    assert done.records[-1] == {"model": str(tmp_path / "run" / "model")}
    assert done.err == ""


def test_settings(run: Callable, toy_folder: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    words = ("--seed", "9", "--threads", "1", "--device", "cpu", "encoder.cell=gru")
    done = run("train", toy_folder / "recipe.yaml", *SHORT, *words, "-o", tmp_path / "run", "-q")
    torch.set_num_threads(threads)
    assert done.code == 0
    recipe = (tmp_path / "run" / "recipe.yaml").read_text()
    assert all(part in recipe for part in ("seed: 9", "threads: 1", "cell: gru"))


def test_a_dry_run_leaves_nothing(
    run: Callable, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", toy_folder / "recipe.yaml", "--dry-run")
    lines = run(*words).lines
    assert [line.split("  ")[0] for line in lines][-3:] == ["seconds", "peak", "loss"]
    assert lines[-2].endswith(" MiB")
    assert run(*words, "--json").records[0]["steps"] == 60
    assert list(tmp_path.iterdir()) == []


def test_a_learning_rate_is_found(run: Callable, toy_folder: Path, tmp_path: Path) -> None:
    words = ("train", toy_folder / "recipe.yaml", "--find-learning-rate")
    assert re.fullmatch(r"learning rate  [0-9.e-]+", run(*words).lines[-1])
    picture = tmp_path / "rates.png"
    (record,) = run(*words, "--json", "--output", picture).records
    assert len(record["rates"]) == len(record["losses"])
    assert record["suggestion"] in record["rates"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_interruption_keeps_a_checkpoint(
    run: Callable, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", toy_folder / "recipe.yaml", *SHORT, "-o")
    assert run(*words, tmp_path / "whole", "-q").code == 0

    def interrupted(stream: Any, **options: Any) -> Any:
        with telling(stream, **options) as listen:

            def interrupt(event: Any) -> None:
                listen(event)
                if isinstance(event, StepDone) and event.step == 4:
                    signal.raise_signal(signal.SIGINT)

            yield interrupt

    with monkeypatch.context() as patch:
        patch.setattr("textrnn.cli._progress.telling", contextmanager(interrupted))
        done = run(*words, tmp_path / "run")
    assert (done.code, done.out) == (130, "")
    assert "--resume" in done.err
    assert done.err.splitlines()[-1] == "textrnn: error: interrupted"
    assert not (tmp_path / "run" / "model").exists()
    done = run(*words, tmp_path / "run", "--resume")
    assert done.code == 0
    assert "going on from step" in done.err
    weights = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "run")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--output is missing"),
        (["--dry-run", "--resume"], "--resume does not apply to --dry-run"),
        (["--find-learning-rate", "--resume"], "--resume does not apply to --find-learning-rate"),
        (["--find-learning-rate", "--dry-run"], "does not apply to --find-learning-rate"),
        (["--find-learning-rate", "-o", "RUN"], "name a file ending in .png"),
        (["training.epoch=3", "-o", "RUN"], "unknown key training.epoch; did you mean 'epochs'"),
        (["training.steps=no", "-o", "RUN"], "training.steps"),
        (["encoder.cell=lsmt", "-o", "RUN"], "no cell 'lsmt'.*did you mean 'lstm'"),
        (["training.steps", "-o", "RUN"], "write key.path=value"),
        (["--resume", "-o", "RUN"], "nothing to resume"),
        (["-o", "FULL"], "FULL is not empty"),
        (["--device", "gpu", "-o", "RUN"], "gpu"),
    ],
)
def test_wrong_usage(
    run: Callable,
    toy_folder: Path,
    tmp_path: Path,
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FULL").mkdir()
    (tmp_path / "FULL" / "file").touch()
    done = run("train", toy_folder / "recipe.yaml", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert re.search(message, done.err), done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the training text is empty"),
        (b"the c", "too few for one window"),
        (b"caf\xe9\n" * 99, "not UTF-8"),
    ],
)
def test_a_corpus_that_cannot_be_used(
    run: Callable, toy_folder: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "train.txt").write_bytes(content)
    words = (f"data.path={tmp_path}", "data.valid=null", "-o", tmp_path / "run")
    done = run("train", toy_folder / "recipe.yaml", *words)
    assert (done.code, done.out) == (1, ""), done.err
    assert message in done.err.splitlines()[-1]


def test_a_recipe_that_is_not_there(run: Callable, tmp_path: Path) -> None:
    done = run("train", "lm_story", "-o", tmp_path / "run")
    assert (done.code, "did you mean 'lm_stories'?" in done.err) == (2, True)


def test_a_loss_that_is_no_number(run: Callable, toy_folder: Path, tmp_path: Path) -> None:
    words = ("training.optimizer.learning_rate=1e30", "training.clip_norm=null")
    done = run("train", toy_folder / "recipe.yaml", *words, "-o", tmp_path / "run")
    assert (done.code, done.out) == (1, "")
    assert "step" in done.err.splitlines()[-1]


def test_a_run_that_could_not_begin_can_be_begun_anew(
    run: Callable, toy_folder: Path, tmp_path: Path
) -> None:
    words = ("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "run", "-q")
    assert run(*words, "data.valid=nothing.txt").code == 1
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run").mkdir()
    assert run(*words, "training.bptt=60000").code == 1
    assert run(*words).code == 0


def test_looking_takes_the_device_and_minds_the_output(
    run: Callable, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def make(precision: str, device: str = "auto") -> Any:
        asked.append(device)
        return make_accelerator(precision, device)

    monkeypatch.setattr("textrnn.recipe.estimate.make_accelerator", make)
    monkeypatch.setattr("textrnn.recipe.learning_rate.make_accelerator", make)
    words = ("train", toy_folder / "recipe.yaml", "--device", "cpu")
    assert run(*words, "--dry-run", "-o", tmp_path / "run").code == 0
    assert run(*words, "--find-learning-rate").code == 0
    assert (asked, list(tmp_path.iterdir())) == (["cpu", "cpu"], [])
    (tmp_path / "file").touch()
    done = run(*words, "--dry-run", "-o", tmp_path)
    assert (done.code, f"output {tmp_path} is not empty" in done.err) == (2, True)


def test_a_full_disk_while_the_text_is_encoded(
    run: Callable, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("textrnn.data.corpus._encode", full)
    done = run("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "run")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert re.search(r"cannot write .*\.ids: No space left on device", done.err)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_where_memory_is_not_told(
    run: Callable, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which has no module ``resource``."""
    monkeypatch.setitem(sys.modules, "resource", None)
    done = run("train", toy_folder / "recipe.yaml", "--dry-run", "--json")
    assert (done.code, done.records[0]["peak_bytes"]) == (0, 0)


def test_a_checkpoint_of_the_same_step_never_leaves_none(
    run: Callable, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step is saved twice: a kill between deleting and renaming must not lose the run."""
    folder, there = tmp_path / "run" / "checkpoints", []
    replace = Path.replace

    def watched(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            there.append(latest_checkpoint(folder))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", watched)
    words = ("train", toy_folder / "recipe.yaml", *SHORT, "training.checkpoint_minutes=0")
    assert run(*words, "-o", tmp_path / "run", "-q").code == 0
    assert len(there) == 7
    assert all(there[1:])
    assert run(*words, "-o", tmp_path / "run", "-q", "--resume").code == 0


def test_metrics_say_everything_once(run: Callable, toy_folder: Path, tmp_path: Path) -> None:
    words = ("train", toy_folder / "recipe.yaml", "training.steps=6", "-o", tmp_path / "run", "-q")
    assert run(*words).code == 0
    before = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert run(*words, "--resume").code == 0
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == before
    assert before.count("finished") == before.count("valid") == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_too_large_a_model(
    run: Callable,
    toy_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def too_large(*_: Any) -> None:
        raise error

    monkeypatch.setattr("textrnn.recipe.tasks.language_modeling._network", too_large)
    done = run("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "run")
    assert (done.code, done.out) == (1, "")
    told = "textrnn: error: out of memory: take a smaller model, batch or window\n"
    assert (done.err, list(tmp_path.iterdir())) == (told, [])


def test_an_interruption_of_the_last_evaluation(
    run: Callable, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", toy_folder / "recipe.yaml", *SHORT, "-o", tmp_path / "run")

    def interrupted(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("textrnn.recipe.tasks.language_modeling.evaluate_corpus", interrupted)
        done = run(*words)
    assert (done.code, done.out) == (130, "")
    assert not (tmp_path / "run" / "model").exists()
    assert run(*words, "--resume").code == 0


@pytest.mark.parametrize(
    ("there", "device", "cpu"), [(0, "auto", 1), (1, "auto", 0), (1, "cpu", 1)]
)
def test_processes_without_a_gpu_are_joined(
    monkeypatch: pytest.MonkeyPatch, there: int, device: str, cpu: int
) -> None:
    """Accelerate joins the processes of torchrun on a CPU only where it is told to use the CPU."""
    asked: list[bool] = []
    monkeypatch.setattr("torch.accelerator.is_available", lambda: bool(there))
    monkeypatch.setattr(
        "textrnn.training.processes.Accelerator", lambda cpu, mixed_precision: asked.append(cpu)
    )
    make_accelerator("float32", device)
    assert asked == [bool(cpu)]
