"""How fast a translator decodes and trains, against JoeyNMT 2.3 with the same weights and data.

    python tests/benchmarks/bench_joeynmt.py MODEL DATA --joeynmt PYTHON [--sentences N] [--alone N]
        [--beam-size K] [--thresholds X ...] [--steps N] [--rounds N] [--json]

MODEL is a translator of textrnn that JoeyNMT has as well: a bidirectional GRU, a GRU that decodes,
additive or general attention, input feeding, one width, one table (``textrnn train
translate_multi30k_en_de`` makes one). DATA is the folder of its text: ``train.en``, ``train.de``,
and the test set that its recipe names. PYTHON is that of an environment with JoeyNMT and what it
needs to run today:

    python -m venv JOEY && JOEY/bin/pip install torch==2.13.0 importlib_metadata \\
        sentencepiece==0.1.99 joeynmt==2.3.0

(its list of requirements is older than protobuf 7; ``--no-deps`` for JoeyNMT itself helps).

JoeyNMT is given textrnn's own float32 weights and tokenizer (and the biases of three layers that it
goes without), so both make the same translations but for rounding: BLEU stands beside the speed.
Both run on one thread each, in turn, in one run; seconds are the processes' own, the least of the
rounds, from text to text. Training is each tool's own: textrnn's loop with the model's recipe, and
JoeyNMT's with 64 pairs a batch, Adam and label smoothing 0.1, both from new weights.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.numpy import load_file

from textrnn.metrics import score_translations
from textrnn.model_folder import ModelFolder, find_model, open_model_folder
from textrnn.models import Translator
from textrnn.recipe import export, load_recipe
from textrnn.recipe.assembly import assemble
from textrnn.training import StepDone, Trainer, make_accelerator

BEGIN = " "
"""textrnn's tokenizer puts it before a text, and JoeyNMT's does not."""
WORKER = Path(__file__).with_name("joeynmt_worker.py")


class Joey:
    """JoeyNMT in a process of its own, which sleeps while it is not asked."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._process = subprocess.Popen(
            [python, WORKER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "talk.txt").open("w"),
            text=True,
            encoding="utf-8",
        )
        self._talk = folder / "talk.txt"
        self.about = self._answer()

    def ask(self, **request: int) -> dict[str, Any]:
        """Its answer to a request."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("JoeyNMT failed:\n" + self._talk.read_text()[-2000:])
        answer: dict[str, Any] = json.loads(line)
        return answer


ATTENTION = {
    "additive": ("bahdanau", 0.0),
    "general": ("luong", 0.0),
    "scaled_general": ("luong", -0.5),
}
"""What JoeyNMT calls it, and the power of the width by which its keys are to be scaled."""


def unlike(folder: ModelFolder) -> str | None:
    """What JoeyNMT does not have, of a model."""
    network = folder.network
    encoder, decoder = network["encoder"], network["decoder"]
    wanted = {
        "a bidirectional GRU of one layer": (encoder["cell"], encoder["layers"])
        == ("gru", 1)
        == (decoder["cell"], decoder["layers"])
        and encoder["bidirectional"],
        "additive or general attention": decoder["attention"]["kind"] in ATTENTION,
        "input feeding and a bridge": decoder["input_feeding"] and decoder["bridge"],
        "one table": network["head"]["tied"] == "all",
        "one width": {decoder["output_size"] or decoder["hidden_size"], decoder["hidden_size"]}
        == {encoder["embedding_size"]}
        == {encoder["hidden_size"]},
        "a sentencepiece tokenizer": folder.config["tokenizer"] == "sentencepiece",
    }
    return next((what for what, found in wanted.items() if not found), None)


def prepare(place: Path, folder: ModelFolder, settings: dict[str, Any]) -> Path:
    """What JoeyNMT's process reads."""
    place.mkdir()
    tokenizer = "tokenizer.model"
    shutil.copy(folder.file(tokenizer), place)
    pieces = folder.tokenizer().pieces(range(4, folder.vocab_size))
    (place / "pieces.txt").write_text("".join(f"{piece}\n" for piece in raw_pieces(place, pieces)))
    weights = load_file(folder.file("model.safetensors"))
    np.savez(
        place / "weights.npz", **{name: part.astype(np.float32) for name, part in weights.items()}
    )
    width = int(folder.network["encoder"]["hidden_size"])
    attention, power = ATTENTION[folder.network["decoder"]["attention"]["kind"]]
    given = {"tokenizer": tokenizer, "width": width, "attention": attention, "scale": width**power}
    given |= {"languages": folder.config["languages"], "dropout": 0.2, **settings}
    (place / "settings.json").write_text(json.dumps(given))
    return place


def raw_pieces(place: Path, pieces: list[str]) -> list[str]:
    """The pieces as sentencepiece itself spells them."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(place / "tokenizer.model"))
    return [processor.id_to_piece(id) for id in range(4, 4 + len(pieces))]


def our_steps(folder: ModelFolder, data: Path, precision: str, cache: Path) -> Iterator[int]:
    """The target tokens of each step of a run of the model's own recipe."""
    text = yaml.safe_load(folder.file("training/recipe.yaml").read_text(encoding="utf-8"))
    text["data"].update(path=str(data.resolve()), test=None)
    text["tokenizer"] = {"path": str(folder.path.resolve())}
    path = cache / "recipe.yaml"
    path.write_text(yaml.safe_dump(text))
    limits = {"training.minutes": None, "training.steps": 10**6, "training.precision": precision}
    recipe = load_recipe(path, {**limits, "training.evaluate_every": 10**6})
    assembly = assemble(recipe, cache)
    trainer = Trainer(assembly.task, recipe.training, make_accelerator(precision))
    before = 0
    for event in trainer.run():
        if isinstance(event, StepDone):
            yield event.tokens - before
            before = event.tokens


def measure_training(given: Any, folder: ModelFolder, place: Path) -> dict[str, float]:
    """Target tokens a second of both."""
    for language in folder.config["languages"]:
        lines = (given.data / f"train.{language}").read_text(encoding="utf-8").splitlines()
        (place / f"train.{language}").write_text("".join(f"{BEGIN}{line}\n" for line in lines))
    named = {"train": str(place / "train"), "beam_size": 1, "length_penalty": 1.0}
    joey = Joey(given.joeynmt, prepare(place / "training", folder, named))
    runs = {name: our_steps(folder, given.data, name, place) for name in ("bf16", "float32")}
    for run in runs.values():
        next(run)
    joey.ask(train=1)
    rates: dict[str, list[float]] = {name: [] for name in (*runs, "JoeyNMT")}
    for _ in range(given.rounds):
        for name, run in runs.items():
            begin = time.process_time()
            tokens = sum(islice(run, given.steps))
            rates[name].append(tokens / (time.process_time() - begin))
        answer = joey.ask(train=given.steps)
        rates["JoeyNMT"].append(answer["tokens"] / answer["seconds"])
    joey.close()
    return {name: max(some) for name, some in rates.items()}


def measure_decoding(given: Any, folder: ModelFolder, place: Path) -> list[dict[str, Any]]:
    """A row a way to search: sentences a second in batches and alone, and BLEU."""
    recipe = yaml.safe_load(folder.file("training/recipe.yaml").read_text(encoding="utf-8"))
    test, languages = given.test or recipe["data"]["test"], folder.config["languages"]
    sources, references = (
        (given.data / f"{test}.{language}").read_text(encoding="utf-8").splitlines()
        for language in languages
    )
    sources, references = sources[: given.sentences], references[: given.sentences]
    settings = {"train": None, "beam_size": given.beam_size, "length_penalty": 1.0}
    settings |= {"sentences": [BEGIN + source for source in sources], "alone": given.alone}
    joey = Joey(given.joeynmt, prepare(place / "decoding", folder, settings))
    ways = {
        f"textrnn {precision}": open_as(folder, precision, place) for precision in given.weights
    }
    rows: dict[str, Any] = {}

    def note(name: str, count: int, seconds: float, texts: list[str]) -> None:
        row = rows.setdefault(name, {"together": math.inf, "alone": math.inf})
        which = "alone" if count == given.alone else "together"
        row[which] = min(row[which], seconds / count)
        if which == "together":
            row["texts"] = texts

    for _ in range(given.rounds):
        for size in (given.batch_size, 1):
            lines = sources if size > 1 else sources[: given.alone]
            answer = joey.ask(translate=size)
            note("JoeyNMT", len(lines), answer["seconds"], answer["texts"])
            for name, translator in ways.items():
                for threshold in given.thresholds:
                    options: Any = {"beam_size": given.beam_size, "beam_threshold": threshold}
                    options |= {"length_penalty": 1.0}
                    begin = time.process_time()
                    if size > 1:
                        done = translator.translate(lines, **options)
                    else:
                        done = [translator.translate(line, **options) for line in lines]
                    seconds = time.process_time() - begin
                    label = name if threshold == math.inf else f"{name}, threshold {threshold:g}"
                    note(label, len(lines), seconds, [one.text for one in done])
    joey.close()
    theirs = rows["JoeyNMT"]
    return [
        {
            "tool": name,
            "sentences/s": 1 / row["together"],
            "times": theirs["together"] / row["together"],
            "alone": 1 / row["alone"],
            "times alone": theirs["alone"] / row["alone"],
            "BLEU": score_translations(row["texts"], [references])["BLEU"].value,
            "same text": np.mean(
                [a == b for a, b in zip(row["texts"], theirs["texts"], strict=True)]
            ),
        }
        for name, row in rows.items()
    ]


def open_as(folder: ModelFolder, precision: str, place: Path) -> Translator:
    """The translator with graphs of a precision."""
    export(folder.path, precision=precision, output=place / precision)
    return Translator.open(open_model_folder(place / precision), engine="onnx", threads=1)


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--joeynmt", type=Path, help="the Python of JoeyNMT's environment")
    parser.add_argument("--test", help="the test set's name; the recipe's own")
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=64, help="JoeyNMT's")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--thresholds", type=float, nargs="*", default=[math.inf])
    parser.add_argument("--weights", nargs="*", default=["int8", "float32"])
    parser.add_argument("--steps", type=int, default=20, help="of training in a round; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.joeynmt is None or not given.joeynmt.exists():
        sys.stdout.write("skipped: give --joeynmt the Python of an environment with JoeyNMT\n")
        return
    if not given.data.is_dir():
        sys.stdout.write(f"skipped: there is no {given.data}\n")
        return
    folder = open_model_folder(find_model(given.model), task="translation")
    if lacking := unlike(folder):
        parser.error(f"JoeyNMT has no such model as {given.model}: it takes {lacking}")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-joeynmt-") as name:
        rows = measure_decoding(given, folder, Path(name)) if given.sentences else []
        rates = measure_training(given, folder, Path(name)) if given.steps else {}
    if given.json:
        sys.stdout.write(json.dumps({"decoding": rows, "training": rates}) + "\n")
        return
    for row in rows:
        sys.stdout.write(
            f"{row['tool']:<28} {row['sentences/s']:8.1f} sentences/s {row['times']:6.2f}x  alone "
            f"{row['alone']:7.1f} {row['times alone']:6.2f}x  BLEU {row['BLEU']:5.2f}  same text "
            f"{row['same text']:.0%}\n"
        )
    for tool, rate in rates.items():
        times = rate / rates["JoeyNMT"]
        sys.stdout.write(f"training, {tool:<18} {rate:8,.0f} target tokens/s {times:6.2f}x\n")


if __name__ == "__main__":
    main()
