"""What tests of several parts share: a little text, and a small model trained on it."""

from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # tests ask no network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small steps are quickest on one thread
os.environ.setdefault("MPLBACKEND", "Agg")

import itertools
import json
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

# No deadline: a first call imports, a machine is busy. The same examples each time, so that a run
# says something of the code alone; `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("search", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def seeds_that_nobody_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let them be the same each time (in this process)."""
    seeds = itertools.count(1)
    monkeypatch.setattr("secrets.randbits", lambda bits: next(seeds) % 2**bits)


RECIPE = """\
# A character model of a toy language, for tests.
task: language_modeling
tokenizer: {{kind: char}}
data: {{path: {folder}, train: train.txt, valid: valid.txt, documents: line}}
encoder: {{cell: lstm, embedding_size: 16, hidden_size: 32}}
training: {{steps: 60, batch_size: 8, bptt: 16, optimizer: {{learning_rate: 1e-2}}}}
"""


def toy_text(sentences: int, seed: int) -> str:
    """Sentences such as "the king sang.", one a line."""
    choose = random.Random(seed).choice
    words = (("the", "a"), ("cat", "dog", "king"), ("sat", "ran", "sang"))
    return "".join(" ".join(map(choose, words)) + ".\n" for _ in range(sentences))


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.txt, valid.txt and recipe.yaml."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "train.txt").write_text(toy_text(400, seed=1))
    (folder / "valid.txt").write_text(toy_text(40, seed=2))
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
    return folder


@pytest.fixture(scope="session")
def toy_run(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run of the recipe."""
    from textrnn.recipe import train

    run = tmp_path_factory.mktemp("runs") / "toy"
    train(toy_folder / "recipe.yaml", output=run)
    return run


@pytest.fixture(scope="session")
def toy_model(toy_run: Path) -> Path:
    """A character language model that has learnt a little; not to be changed."""
    return toy_run / "model"


PAIRS_RECIPE = """\
# A translator of a toy language, for tests: words change and their order is turned round.
task: translation
tokenizer: {{kind: sentencepiece, vocab_size: 32, byte_fallback: false, spaces: folded}}
data: {{path: {folder}, train: train, valid: valid, test: test, source: en, target: de}}
encoder: {{cell: gru, embedding_size: 32, hidden_size: 32, bidirectional: true}}
decoder: {{cell: gru, hidden_size: 48, attention: {{kind: general}}}}
training:
  steps: 250
  batch_tokens: 160
  optimizer: {{learning_rate: 1e-2}}
  evaluate_every: 125
"""
TOY_WORDS = {"the": "der", "cat": "Kater", "dog": "Hund", "sat": "sass", "ran": "lief"}


def make_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Sentence pairs such as ("the cat ran", "lief Kater der")."""
    random_ = random.Random(seed)
    sources = [random_.choices(list(TOY_WORDS), k=random_.randint(1, 5)) for _ in range(count)]
    return [
        (" ".join(words), " ".join(TOY_WORDS[word] for word in reversed(words)))
        for words in sources
    ]


def put_pairs(folder: Path, name: str, pairs: list[tuple[str, str]]) -> None:
    """Two files aligned by line, NAME.en and NAME.de."""
    for side, texts in zip(("en", "de"), zip(*pairs, strict=True), strict=True):
        (folder / f"{name}.{side}").write_text("".join(f"{text}\n" for text in texts))


@pytest.fixture(scope="session")
def toy_pairs() -> Callable[[int, int], list[tuple[str, str]]]:
    """Makes so many pairs of the toy language from a seed."""
    return make_pairs


@pytest.fixture(scope="session")
def write_pairs() -> Callable[[Path, str, list[tuple[str, str]]], None]:
    """Writes pairs to two files of a folder."""
    return put_pairs


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train, valid and test in .en and .de, and recipe.yaml."""
    folder = tmp_path_factory.mktemp("pairs")
    for seed, (name, count) in enumerate({"train": 600, "valid": 30, "test": 40}.items()):
        put_pairs(folder, name, make_pairs(count, seed))
    (folder / "recipe.yaml").write_text(PAIRS_RECIPE.format(folder=folder))
    return folder


@pytest.fixture(scope="session")
def toy_translator(pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator that has learnt the toy language; not to be changed."""
    from textrnn.recipe import train

    return train(pairs_folder / "recipe.yaml", output=tmp_path_factory.mktemp("runs") / "pairs")


CLASSIFIER_RECIPE = """\
# A classifier of a toy language, for tests.
task: classification
tokenizer: {{kind: word, vocab_size: 50, min_frequency: 1}}
data: {{path: {folder}, train: train.csv, valid: valid.csv, test: test.csv}}
encoder: {{cell: gru, embedding_size: 16, hidden_size: 16, bidirectional: true}}
head: {{window: 6}}
training: {{steps: 80, batch_size: 16, optimizer: {{learning_rate: 2e-2}}, evaluate_every: 40}}
"""


def put_labelled(path: Path, count: int, seed: int) -> None:
    """Texts such as "the film is not bad" with the labels neg and pos, as csv."""
    random_ = random.Random(seed)
    lines = ["text,label"]
    for _ in range(count):
        negated, word = random_.random() < 0.3, random_.choice(("good", "bad"))
        words = random_.choices(("the", "film", "it", "we", "saw"), k=random_.randint(1, 9))
        label = "pos" if (word == "good") != negated else "neg"
        lines.append(f"{' '.join(words)} is {'not ' if negated else ''}{word},{label}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def labelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv, valid.csv, test.csv and recipe.yaml."""
    folder = tmp_path_factory.mktemp("labelled")
    for seed, (name, count) in enumerate({"train": 400, "valid": 80, "test": 60}.items()):
        put_labelled(folder / f"{name}.csv", count, seed)
    (folder / "recipe.yaml").write_text(CLASSIFIER_RECIPE.format(folder=folder))
    return folder


@pytest.fixture(scope="session")
def toy_classifier(labelled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that has learnt the toy language; not to be changed."""
    from textrnn.recipe import train

    return train(labelled_folder / "recipe.yaml", output=tmp_path_factory.mktemp("runs") / "labels")


@pytest.fixture
def translator(toy_model: Path, tmp_path: Path) -> Path:
    """A folder that says it is a model for another task."""
    folder = tmp_path / "translator"
    shutil.copytree(toy_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task": "translation"}))
    return folder
