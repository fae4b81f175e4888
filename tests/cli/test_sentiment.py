"""``textrnn sentiment``, and the other commands where they meet a classifier."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import textrnn
from textrnn.cli._io import in_colour, read_lines
from textrnn.cli._labels import class_lines
from textrnn.cli._saliency import COLUMNS, draw_saliency, explained_line, saliency_html
from textrnn.cli._stdin import StdinLines, StdinTexts
from textrnn.cli.sentiment import classify_texts
from textrnn.errors import MissingExtraError
from textrnn.model_folder import hub
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


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert in_colour(Terminal())
    assert not in_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not in_colour(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not in_colour(Terminal())


def test_pieces_are_shown_as_a_text() -> None:
    tokens = (("▁un", 0.5), ("likely", 0.25), ("▁", 0.0), ("<0xE6>", 0.1), ("<0x98>", 0.1))
    result = Classified("unlikely 映", "x", 0.9, {}, (*tokens, ("<0xA0>", -1.2)), "occlusion")
    assert explained_line(result, False) == "  un +0.50  likely +0.25  · +0.00  映 -1.00"
    page = saliency_html(result)
    assert "un</span><span" in page
    assert 'title="-1.000">映</span>' in page
    assert "▁" not in page


def test_a_long_text_is_drawn_in_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    written: list[tuple[float, float, str]] = []
    monkeypatch.setattr(
        "matplotlib.axes.Axes.text", lambda _, x, y, text, **style: written.append((x, y, text))
    )
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
    tokens = tuple((f"▁word{number}", 1.0) for number in range(50))
    draw_saliency(Classified("", "good", 0.9, {}, tokens, "occlusion"), tmp_path / "x.png")
    title, *words = written
    assert title[2] == "good 0.900: green speaks for it, red against it (occlusion)"
    assert [text for *_, text in words] == [f"word{number}" for number in range(50)]
    assert max(x + len(text) for x, _, text in words) <= COLUMNS
    assert [y for _, y, _ in words] == sorted(y for _, y, _ in words)
    assert {x for x, _, text in words if text in ("word0", "word1")} == {0, 6}
    assert capsys.readouterr().err == ""


def test_a_line_is_answered_before_the_next_is_written(classifier: SentimentClassifier) -> None:
    read, write = os.pipe()
    answered: list[str] = []

    class Reader(io.StringIO):
        def flush(self) -> None:
            answered.append(self.getvalue())
            if len(answered) == 1:
                os.write(write, b"it is bad\n")
                os.close(write)

    os.write(write, b"it is good\n")
    lines = StdinLines(read)
    texts = StdinTexts(read_lines(lines, "x"), lines)
    classify_texts(classifier, texts, {"explain": False}, Reader(), as_json=False)
    os.close(read)
    assert [text.count("\n") for text in answered] == [1, 2]


def test_a_table_that_is_read_line_by_line(
    run: Callable, toy_classifier: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("review\nit is good\n")
    done = run("sentiment", "-m", toy_classifier, "-i", tmp_path / "a.csv")
    assert (done.code, len(done.lines)) == (0, 2)
    assert "a.csv is read line by line: --column NAME reads a table's column" in done.err
    (tmp_path / "a.txt").write_text("it is good\n")
    assert run("sentiment", "-m", toy_classifier, "-i", tmp_path / "a.txt").err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x", "-m", "stories-en"), "stories-en is a language model, not a classifier: use"),
        (("x", "--column", "text"), "give it with --input FILE"),
        (("--input", "a.txt", "--column", "text"), "is no csv, tsv, jsonl or parquet file"),
    ],
)
def test_wrong_usage(run: Callable, words: tuple[str, ...], message: str) -> None:
    done = run("sentiment", *words)
    assert done.code == 2
    assert message in done.err


def test_without_the_model_that_ships(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SHIPPED", tmp_path)
    done = run("sentiment", "x")
    assert (done.code, done.out) == (2, "")
    assert "no classifier 'sentiment-en' ships with this textrnn: give --model" in done.err


def test_saliency(run: Callable, toy_classifier: Path, tmp_path: Path) -> None:
    words = ("inspect", "saliency", TEXTS[0], "-m", toy_classifier)
    label, tokens, deletion, *_ = run(*words).lines
    assert label.startswith("pos\t")
    assert label.endswith("\tocclusion")
    assert "good +" in tokens
    assert deletion.startswith("without the heaviest token ")
    assert ", without a random one " in deletion
    (record,) = run(*words, "--json").records
    assert [piece.strip() for piece, _ in record["tokens"]] == TEXTS[0].split()
    assert record["method"] == "occlusion"
    (negated,) = run("inspect", "saliency", TEXTS[2], "-m", toy_classifier, "--json").records
    assert negated["deletion"][0]["heaviest"] < negated["deletion"][0]["random"] - 0.2
    done = run("inspect", "saliency", " ", "-m", toy_classifier)
    assert (done.code, done.out) == (2, "")
    assert "TEXT is empty: give one that has a word" in done.err
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
    assert sum(map(sum, record["confusion"])) == 60
    assert sum(count for _, _, count in record["reliability"]) == 60
    assert 0 <= record["ece"] < 0.2
    assert {"precision pos", "recall neg", "f1 pos", "macro_f1"} <= set(record)
    lines = run(*words).lines
    assert lines[0].startswith("accuracy ")
    assert [line.split() for line in lines[5:7]] == [
        ["label", "precision", "recall", "f1", "texts"],
        ["neg", *(f"{record[f'{name} neg']:.4f}" for name in ("precision", "recall", "f1")), "33"],
    ]
    assert [line.split() for line in lines[9:]] == [
        ["true,", "given", "neg", "pos"],
        ["neg", *map(str, record["confusion"][0])],
        ["pos", *map(str, record["confusion"][1])],
    ]
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
        (("--cache", "9"), "--cache does not apply to a classifier"),
        (("--reliability", "x.gif"), "--reliability x.gif: name a file ending in .png"),
        (("--reliability", "no/x.png", "--label", "x"), "cannot write no/x.png: No such file"),
        (("--split", "test"), "is a single file, which has no splits"),
        (("--label", "labl"), "did you mean"),
        (("--column", "1", "--label", "1"), "--column 1 and --label 1 are one column: name two"),
        (("--label", "text"), "--column text and --label text are one column: name two"),
        (("--compare", "stories-en"), "is a language model, but "),
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


def test_the_reliability_diagram(
    run: Callable,
    toy_classifier: Path,
    toy_model: Path,
    labelled_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ("evaluate", "-m", toy_classifier, "--data", labelled_folder / "test.csv")
    picture = tmp_path / "r.png"
    assert run(*words, "--reliability", picture).code == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    text = tmp_path / "text.txt"
    text.write_text("the cat sat.\n")
    done = run("evaluate", "-m", toy_model, "--data", text, "--reliability", picture)
    assert (done.code, done.out) == (2, "")
    assert "--reliability is drawn of a classifier that gives one label a text" in done.err
    pairs = ("evaluate", "--minimal-pairs", text, "--reliability", picture)
    assert "--reliability does not apply beside --minimal-pairs" in run(*pairs).err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run(*words, "--reliability", picture)
    assert (done.code, "reliability diagram needs matplotlib" in done.err) == (1, True)


def test_many_labels_are_shown_by_their_mistakes() -> None:
    labels = [f"l{number}" for number in range(12)]
    figures = {f"{name} {one}": 0.5 for one in labels for name in ("precision", "recall", "f1")}
    counts = [[9 if true == given else 0 for given in range(12)] for true in range(12)]
    counts[3][4], counts[5][0] = 2, 7
    figures |= {f"texts {one}": 9 for one in labels} | {"confusion": counts}
    lines = list(class_lines(figures))
    assert lines[-3:] == ["the most frequent mistakes", "7  l5 taken for l0", "2  l3 taken for l4"]
    assert list(class_lines({"BLEU": 3.0})) == []


def test_models_answer_together(run: Callable, toy_classifier: Path, labelled_folder: Path) -> None:
    """Of a model and itself the mean is what it says alone."""
    both = ("-m", toy_classifier, "--ensemble", toy_classifier)
    alone = run("sentiment", TEXTS[0], "-m", toy_classifier).lines
    assert run("sentiment", TEXTS[0], *both).lines == alone
    words = ("evaluate", "--data", labelled_folder / "test.csv", "--json")
    (one,), (two,) = run(*words, "-m", toy_classifier).records, run(*words, *both).records
    assert two["ensemble"] == [str(toy_classifier)]
    assert two["ece"] == pytest.approx(one["ece"], abs=1e-6)


def test_two_models_show_their_labels_one_after_the_other(
    run: Callable, toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(toy_classifier, other)
    words = ("evaluate", "--data", labelled_folder / "test.csv", "-m", toy_classifier)
    lines = run(*words, "--compare", other).lines
    at = [lines.index(str(name)) for name in (toy_classifier, other)]
    assert all(lines[place + 2].startswith("label ") for place in at)
    assert lines[-1].startswith("line by line: ")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_table_is_labelled_without_pytorch(
    toy_classifier: Path, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"t.{ending}"
    file.write_text('{"review": "it is bad"}\n' if ending == "jsonl" else "review\nit is bad\n")
    words = ["sentiment", "-m", str(toy_classifier), "-i", str(file), "--column", "review"]
    code = (
        "import sys\nfrom textrnn.cli.main import app\n"
        f"try:\n    app({words!r})\nexcept SystemExit:\n    pass\n"
        "print('torch' in sys.modules, 'datasets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line, loaded = done.stdout.splitlines()
    assert line.startswith("neg\t")
    assert loaded == "False False"
