"""Runs in processes of their own: killed at any moment, and several side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from textrnn.model_folder import open_model_folder

RECIPE = """\
task: language_modeling
tokenizer: {{kind: char}}
data: {{path: {folder}, train: train.txt, valid: valid.txt, documents: line}}
encoder: {{cell: lstm, embedding_size: 8, hidden_size: 12, layers: 2, dropout: {dropout}}}
training:
  steps: {steps}
  batch_size: 8
  bptt: 16
  evaluate_every: 9
  checkpoint_minutes: 0
  optimizer: {{learning_rate: 1e-2}}
"""

KILLED = """
import json, os, random, signal, sys, time
from pathlib import Path
import matplotlib.figure, torch, textrnn.recipe  # imported once; each run is a fork

recipe, folder, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
seed = random.SystemRandom().randrange(2**32)
draw = random.Random(seed)

def begin(output):
    process = os.fork()
    if process == 0:
        code = 1
        try:
            resume = (output / "recipe.yaml").exists()
            textrnn.recipe.train(recipe, output=output, resume=resume, device="cpu")
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(code)
    return process

started = time.monotonic()
assert os.waitpid(begin(folder / "whole"), 0)[1] == 0
whole = time.monotonic() - started
moments = []
for attempt in range(kills + 1):
    process = begin(folder / "killed")
    if attempt < kills:
        moments.append(draw.uniform(0.0, 0.7 * whole))
        time.sleep(moments[-1])
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    if status != signal.SIGKILL:
        break
print(json.dumps({"seed": seed, "whole": whole, "moments": moments, "status": status}))
"""


def write_recipe(toy_folder: Path, path: Path, *, steps: int, dropout: float) -> Path:
    path.write_text(RECIPE.format(folder=toy_folder, steps=steps, dropout=dropout))
    return path


def steps_of(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, but for the times in them."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in line if name != "seconds"} for line in found]


def digest(run: Path) -> str:
    return sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_a_killed_run_goes_on_to_the_same_bits(toy_folder: Path, tmp_path: Path) -> None:
    """``kill -9`` at random moments, in a write of a checkpoint or of the model folder too."""
    recipe = write_recipe(toy_folder, tmp_path / "r.yaml", steps=30, dropout=0.2)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(recipe), str(tmp_path), "5"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["status"] == 0, (told, done.stderr)
    assert told["moments"]
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole"), told
    assert steps_of(tmp_path / "killed") == steps_of(tmp_path / "whole"), told
    open_model_folder(tmp_path / "killed" / "model").verify()


def test_a_run_that_is_interrupted_goes_on(toy_folder: Path, tmp_path: Path) -> None:
    """SIGINT to ``textrnn train``: exit 130, a checkpoint, and ``--resume`` goes on from it."""
    recipe = write_recipe(toy_folder, tmp_path / "r.yaml", steps=100_000, dropout=0.0)
    run = tmp_path / "run"
    command = [sys.executable, "-m", "textrnn", "train", str(recipe), "--output", str(run)]
    with subprocess.Popen(
        [*command, "--json", "--device", "cpu", "training.checkpoint_minutes=60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"step": 5' in line:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr is not None
        assert "--resume" in process.stderr.read()
    assert process.returncode == 130
    (kept,) = (run / "checkpoints").iterdir()
    reached = json.loads((kept / "progress.json").read_text())["step"]
    assert reached >= 5
    assert not (run / "model").exists()


@pytest.fixture(scope="module")
def side_by_side(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same recipe by one process and by two; a cluster of the head has targets in few steps."""
    folder = tmp_path_factory.mktemp("processes")
    recipe = write_recipe(toy_folder, folder / "r.yaml", steps=20, dropout=0.0)
    text = folder / "train.txt"
    text.write_text((toy_folder / "train.txt").read_text() + "the zzz sang.\n")
    adaptive = [f"data.train={text}", "head.tied=false", "head.cutoffs=[20]"]  # from z on
    train = ["-m", "textrnn", "train", str(recipe), *adaptive, "--device", "cpu", "--quiet"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for start, output in (([], "one"), (torchrun, "two")):
        done = subprocess.run(
            [sys.executable, *start, *train, "--output", str(folder / output)],
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_train_what_one_does(side_by_side: Path) -> None:
    """In float32, where sums in another order differ by some 1e-6, and Adam enlarges that."""
    one, two = (
        open_model_folder(side_by_side / name / "model").tensors() for name in ("one", "two")
    )
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert abs(value - two[name]).max() < 1e-4, name
        assert abs(value - two[name]).mean() < 1e-6, name


def test_two_processes_report_what_one_does(side_by_side: Path) -> None:
    one, two = (steps_of(side_by_side / name) for name in ("one", "two"))
    assert [line["step"] for line in one] == [line["step"] for line in two]
    for left, right in zip(one, two, strict=True):
        assert left.keys() == right.keys()
        assert left.get("tokens") == right.get("tokens")
        if "loss" in left:
            assert left["loss"] == pytest.approx(right["loss"], abs=1e-4)
            assert left["gradient_norm"] == pytest.approx(right["gradient_norm"], rel=1e-2)
        if "valid" in left:
            assert left["valid"] == pytest.approx(right["valid"], rel=1e-4)
    (checkpoint,) = (side_by_side / "two" / "checkpoints").iterdir()
    ranks = sorted(path.name for path in checkpoint.glob("rank-*"))
    assert ranks == ["rank-0.safetensors", "rank-1.safetensors"]
