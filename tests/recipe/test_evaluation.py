"""The scores of a model folder on a text."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from textrnn.data import LocalText, prepare_corpus
from textrnn.errors import DataError, ModelFolderError, UnknownNameError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import evaluate
from textrnn.tasks import network_from_folder


def test_it_gives_the_scores_that_the_folder_claims(toy_model: Path, toy_folder: Path) -> None:
    claimed = json.loads((toy_model / "training" / "scores.json").read_text())["valid"]
    text = toy_folder / "valid.txt"
    claimed["unknown"] = 0
    exact = evaluate(toy_model, data=text, engine="torch")
    assert exact == pytest.approx(claimed, rel=1e-5)
    assert evaluate(toy_model, data=text) == pytest.approx(claimed, rel=5e-3)  # 8-bit weights


@pytest.mark.parametrize("lines", [1, 3])
def test_a_short_text_is_scored_exactly(lines: int, toy_model: Path, tmp_path: Path) -> None:
    """Each token a stream of its own, as there are fewer of them than streams, or 32 streams."""
    text = tmp_path / "short.txt"
    text.write_text("a dog ran.\n" * lines)
    folder = open_model_folder(toy_model)
    network = network_from_folder(folder)
    source = LocalText((text,))
    corpus = prepare_corpus(source, folder.tokenizer(), tmp_path / "cache", documents="line")
    ids = torch.tensor(corpus.ids().tolist())
    targets = len(ids) - 1
    length = math.ceil(targets / min(32, targets))
    total = 0.0
    for start in range(0, targets, length):
        piece = ids[start : start + length + 1]
        hidden, _ = network.encode(piece[None, :-1])
        total -= network.log_probs(hidden[0], piece[1:]).sum().item()
    scores = evaluate(toy_model, data=text, engine="torch")
    assert scores["loss"] == pytest.approx(total / targets, rel=1e-5)
    assert (scores["tokens"], scores["words"]) == (targets, 3 * lines)
    assert scores["bits_per_byte"] == pytest.approx(total / math.log(2) / (11 * lines), rel=1e-5)


def test_a_folder_of_files_and_a_file_in_it(toy_model: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("the cat sat.\n")
    assert evaluate(toy_model, data=tmp_path)["words"] == 6
    assert evaluate(toy_model, data=tmp_path, split="b")["words"] == 3


def test_what_cannot_be_scored_is_refused(
    toy_model: Path, toy_folder: Path, translator: Path, tmp_path: Path
) -> None:
    valid = toy_folder / "valid.txt"
    with pytest.raises(
        UsageError, match=r"--split test: .*valid.txt is a single file, which has no"
    ):
        evaluate(toy_model, data=valid, split="test")
    with pytest.raises(DataError, match=r"nowhere"):
        evaluate(toy_model, data=tmp_path / "nowhere")
    with pytest.raises(DataError, match="is one text, and pairs need two"):
        evaluate(translator, data=valid)
    config = translator / "config.json"
    config.write_text(config.read_text().replace('"translation"', '"weather"'))
    with pytest.raises(ModelFolderError, match="for 'weather', which this textrnn cannot train or"):
        evaluate(translator, data=valid)
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match=r"empty\.txt is empty: a corpus needs text"):
        evaluate(toy_model, data=tmp_path / "empty.txt")
    with pytest.raises(UnknownNameError, match=r"no option of evaluate 'colum' .*mean 'column'"):
        evaluate(toy_model, data=valid, colum="text")
    with pytest.raises(UsageError, match="references is 5: give one or several, as str or Path"):
        evaluate(toy_model, data=valid, references=5)
