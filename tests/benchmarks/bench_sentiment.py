"""How many texts a second a classifier labels, against flair's and fastai's RNN classifiers.

    python tests/benchmarks/bench_sentiment.py MODEL TEXTS [--flair PYTHON] [--fastai PYTHON]
        [--rounds N] [--json]

MODEL is a classifier of textrnn (``textrnn train sentiment_sst2`` makes one), TEXTS a file of a
label and a text a line, such as SST-2's ``stsa.binary.dev``. PYTHON is that of an environment with
the other tool:

    python -m venv OTHER && OTHER/bin/pip install torch==2.13.0 flair==0.15.1 fastai
    OTHER/bin/pip uninstall torchvision        (where it was built for another torch than this one)

A tool that is not given is left out. The other tools have random weights of the same sizes: their
time does not depend on what they have learnt. All label the same texts in batches of 32, on one
thread each, from text to label, in turns; a figure is made of the least processor time of the
rounds. ``one`` is a text alone, in milliseconds.

flair cuts a text into words by itself, as its user would have it, and once more is given words
between spaces (``words``). Of fastai the network alone is timed, which flatters it: its tokenizer
and its data loaders take more time than that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import textrnn
from textrnn.models import SentimentClassifier

WORKER = Path(__file__).with_name("sentiment_worker.py")
BATCH = 32
SINGLE = 64


class Other:
    """Another tool in a process of its own, which sleeps while it is not asked."""

    def __init__(self, kind: str, python: str, sizes: Path) -> None:
        self._process = subprocess.Popen(
            [python, WORKER, kind, sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.about = self._answer()["about"]

    def seconds(self) -> float:
        """The processor seconds of all texts."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise SystemExit("the other tool ended: what it says stands above")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--flair", metavar="PYTHON")
    parser.add_argument("--fastai", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    lines = given.texts.read_text(encoding="utf-8").splitlines()
    texts = [line.split(maxsplit=1)[1] for line in lines if line.strip()]
    asked = {"flair": given.flair, "words": given.flair, "fastai": given.fastai}
    figures = measure(given.model, texts, {k: v for k, v in asked.items() if v}, given.rounds)
    if given.json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        shown = value if isinstance(value, str) else f"{value:10,.2f}"
        sys.stdout.write(f"{name:<28} {shown}\n")
    for name, python in (("flair", given.flair), ("fastai", given.fastai)):
        if python is None:
            sys.stdout.write(f"{name} was not given, so it is not compared: --{name} PYTHON\n")


def measure(
    model: str, texts: list[str], pythons: dict[str, str], rounds: int
) -> dict[str, str | float]:
    """Texts a second of each, and the ratios."""
    classifier = textrnn.load(model, threads=1)
    if not isinstance(classifier, SentimentClassifier):
        raise SystemExit(f"{model} is no classifier")
    encoder = classifier.readers[0].folder.network["encoder"]
    sizes = {
        "words": sorted({word for text in texts for word in text.split()}),
        "embedding": encoder["embedding_size"],
        "hidden": encoder["hidden_size"],
        "layers": encoder["layers"],
        "bidirectional": encoder["bidirectional"],
        "texts": texts,
    }
    classifier.classify(texts, batch_size=BATCH)
    least: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sizes.json"
        file.write_text(json.dumps(sizes), encoding="utf-8")
        others = {name: Other(name, python, file) for name, python in pythons.items()}
        for _ in range(rounds):
            begin = time.process_time()
            classifier.classify(texts, batch_size=BATCH)
            times = {"textrnn": time.process_time() - begin}
            begin = time.process_time()
            for text in texts[:SINGLE]:
                classifier.classify(text)
            times["one"] = (time.process_time() - begin) / len(texts[:SINGLE])
            times |= {name: other.seconds() for name, other in others.items()}
            least = {
                name: min(seconds, least.get(name, seconds)) for name, seconds in times.items()
            }
        for other in others.values():
            other.close()
    both = "bidirectional " if encoder["bidirectional"] else ""
    figures: dict[str, str | float] = {
        "encoder": f"{encoder['layers']} x {both}{encoder['cell']} of {encoder['hidden_size']}",
        "texts": float(len(texts)),
        "words a text": sum(len(text.split()) for text in texts) / len(texts),
        "textrnn, texts/s": len(texts) / least["textrnn"],
        "textrnn, one (ms)": 1e3 * least["one"],
    }
    for name, other in others.items():
        figures[f"{name} is"] = other.about
        figures[f"{name}, texts/s"] = len(texts) / least[name]
        figures[f"ratio to {name}"] = least[name] / least["textrnn"]
    return figures


if __name__ == "__main__":
    main()
