"""``textrnn sentiment``, and the other commands where they meet a classifier."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn
from textrnn.cli._saliency import draw_saliency
from textrnn.cli.sentiment import explained_line
from textrnn.errors import MissingExtraError
from textrnn.models import Classified, SentimentClassifier

TEXTS = ["the film is good", "", "it is not good"]


@pytest.fixture(scope="module")
def classifier(toy_classifier: Path) -> SentimentClassifier:
    model = textrnn.load(toy_classifier)
    assert isinstance(model, SentimentClassifier)
    return model


def test_lines_in_lines_out(
    run: Callable, toy_classifier: Path, classifier: SentimentClassifier, tmp_path: Path
) -> None:
    wanted = []
    for text in TEXTS:
        result = classifier.classify(text)
        wanted.append(f"{result.label}\t{result.score:.4f}\t{text}" if text else "")
    assert wanted[0].startswith("pos\t")
    file, output = tmp_path / "texts", tmp_path / "labels"
    file.write_text("\n".join(TEXTS) + "\n")
    model = ("-m", toy_classifier)
    assert run("sentiment", *TEXTS, *model).lines == wanted
    assert run("sentiment", *model, "-i", file).lines == wanted
    assert run("sentiment", *model, "--batch-size", 1, piped=file.read_bytes()).lines == wanted
    assert run("sentiment", *model, "-i", file, "-o", output).out == ""
    assert output.read_text().splitlines() == wanted


def test_json(run: Callable, toy_classifier: Path) -> None:
    first, empty, _ = run("sentiment", *TEXTS, "-m", toy_classifier, "--json", "--explain").records
    assert first["text"] == TEXTS[0]
    assert first["label"] == "pos"
    assert set(first["scores"]) == {"neg", "pos"}
    assert first["score"] == max(first["scores"].values())
    assert [piece.strip() for piece, _ in first["tokens"]] == TEXTS[0].split()
    assert empty == {"text": "", "label": None, "score": None, "scores": {}}
    (plain,) = run("sentiment", TEXTS[0], "-m", toy_classifier, "--json").records
    assert "tokens" not in plain


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_column_of_a_table(
    run: Callable, toy_classifier: Path, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"reviews.{ending}"
    if ending == "csv":
        file.write_text('id,review\n1,"it is\nbad"\n2,it is good\n')
    else:
        rows = [{"id": 1, "review": "it is\nbad"}, {"id": 2, "review": "it is good"}]
        file.write_text("\n".join(map(json.dumps, rows)))
    words = ("sentiment", "-m", toy_classifier, "-i", file, "--column")
    lines = run(*words, "review").lines
    assert [line.split("\t")[0] for line in lines] == ["neg", "pos"]
    assert lines[0].endswith("\tit is\\nbad")
    done = run(*words, "reviews")
    assert done.code == 1
    assert "did you mean 'review'" in done.err


def test_the_threshold(run: Callable, toy_classifier: Path) -> None:
    doubtful = ("sentiment", "the film", "-m", toy_classifier)
    score = float(run(*doubtful).lines[0].split("\t")[1])
    above = min(1.0, score + 0.001)
    assert run(*doubtful, "--threshold", above).lines[0].startswith("unsure\t")
    done = run(*doubtful, "--threshold", 2)
    assert (done.code, "--threshold is 2" in done.err) == (2, True)


def test_an_explanation_is_a_line_more(run: Callable, toy_classifier: Path) -> None:
    _, line = run("sentiment", TEXTS[0], "-m", toy_classifier, "--explain").lines
    assert "good +" in line
    result = Classified("a", "x", 0.9, {}, (("good", 1.0), ("bad", -0.9), ("it", 0.01)))
    coloured = explained_line(result, True)
    assert coloured == "  \033[32mgood +1.00\033[0m  \033[31mbad -0.90\033[0m  it +0.01"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x",), "no classifier 'sentiment-en' ships with this textrnn"),
        (("x", "-m", "stories-en"), "stories-en is a language model, not a classifier: use"),
        (("x", "--column", "text"), "give it with --input FILE"),
        (("--input", "a.txt", "--column", "text"), "is no csv, tsv, jsonl or parquet file"),
    ],
)
def test_wrong_usage(run: Callable, words: tuple[str, ...], message: str) -> None:
    done = run("sentiment", *words)
    assert done.code == 2
    assert message in done.err


def test_saliency(run: Callable, toy_classifier: Path, tmp_path: Path) -> None:
    words = ("inspect", "saliency", TEXTS[0], "-m", toy_classifier)
    label, tokens = run(*words).lines
    assert label.startswith("pos\t")
    assert "good +" in tokens
    (record,) = run(*words, "--json").records
    assert [piece.strip() for piece, _ in record["tokens"]] == TEXTS[0].split()
    picture, page = tmp_path / "w.png", tmp_path / "w.html"
    assert run(*words, "-o", picture).code == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert run(*words, "-o", page).code == 0
    assert "film" in page.read_text()
    done = run(*words, "-o", tmp_path / "w.gif")
    assert (done.code, "ending in .png or .html" in done.err) == (2, True)
    done = run(*words, "-o", tmp_path / "none" / "w.html")
    assert (done.code, "cannot write" in done.err) == (1, True)


def test_a_picture_needs_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="needs matplotlib"):
        draw_saliency(Classified("a", "x", 0.9, {}, ()), tmp_path / "x.png")


def test_evaluate(
    run: Callable, toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    words = ("evaluate", "-m", toy_classifier, "--data", labelled_folder / "test.csv")
    (record,) = run(*words, "--json").records
    assert record["accuracy"] > 0.9
    assert record["texts"] == 60
    assert sum(map(sum, json.loads(record["confusion"]))) == 60
    assert 0 <= record["ece"] < 0.2
    assert {"precision pos", "recall neg", "f1 pos", "macro_f1"} <= set(record)
    assert any(line.startswith("accuracy ") for line in run(*words).lines)
    split = ("evaluate", "-m", toy_classifier, "--data", labelled_folder, "--json", "--split")
    assert run(*split, "test.csv").records[0]["accuracy"] == record["accuracy"]
    table = tmp_path / "t.tsv"
    table.write_text("words\tkind\nit is good\t1\nit is bad\t0\n")
    named = ("--column", "words", "--label", "kind")
    (numbered,) = run("evaluate", "-m", toy_classifier, "--data", table, *named, "--json").records
    assert numbered["accuracy"] == 1.0
    assert numbered["label"] == "kind"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tokenize", "char"), "--tokenize does not apply to a classifier"),
        (("--split", "test"), "is a single file, which has no splits"),
        (("--label", "labl"), "did you mean"),
    ],
)
def test_evaluate_refuses(
    run: Callable,
    toy_classifier: Path,
    labelled_folder: Path,
    options: tuple[str, ...],
    message: str,
) -> None:
    done = run("evaluate", "-m", toy_classifier, "--data", labelled_folder / "test.csv", *options)
    assert done.code in (1, 2)
    assert message in done.err


def test_a_label_is_no_business_of_other_models(
    run: Callable, toy_model: Path, toy_folder: Path
) -> None:
    done = run("evaluate", "-m", toy_model, "--data", toy_folder / "valid.txt", "--label", "x")
    assert (done.code, "--label does not apply to a language model" in done.err) == (2, True)
