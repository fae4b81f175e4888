"""What a user's labelled texts may be like, and what the command line says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOOD = [f"it is {'not ' * (n % 2)}good {n % 7},{'neg' if n % 2 else 'pos'}" for n in range(40)]


@pytest.fixture
def trained(run: Callable, labelled_folder: Path, tmp_path: Path) -> Callable:
    """Trains on these lines of a csv; ``--dry-run`` unless told otherwise."""

    def train(
        lines: list[str], *words: str, header: str = "text,label", dry: bool = True
    ) -> object:
        (tmp_path / "own.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        data = (f"data.path={tmp_path}", "data.train=own.csv", "data.valid=null", "data.test=null")
        end = ("--dry-run",) if dry else ("--output", tmp_path / "run")
        return run("train", labelled_folder / "recipe.yaml", *data, *words, *end)

    return train


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["a,pos", "b,pos"], "text,label", "only the label 'pos': a classifier needs two"),
        ([*GOOD, "no label,"], "text,label", "own.csv, line 42: no label, and one is needed"),
        (GOOD, "texts,label", "did you mean 'texts'"),
        (GOOD, "text,lable", "did you mean 'lable'"),
        (
            [",pos", "<br />,neg"],
            "text,label",
            "the training text is empty: give some text to learn",
        ),
        ([*GOOD, '"open,pos'], "text,label", "line 42: unexpected end of data"),
    ],
)
def test_what_cannot_be_learnt_from(
    trained: Callable, lines: list[str], header: str, message: str
) -> None:
    done = trained(lines, header=header)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_what_can_be_learnt_from_and_what_is_said_of_it(trained: Callable) -> None:
    odd = ["lonely,rare", ",pos", "NA,neg", '"two\nlines, ""quoted""<br />here",pos', "😀🎉,pos"]
    done = trained([*GOOD, *odd], "data.valid=own.csv")
    assert done.code == 0
    said = done.err
    assert "own.csv: 44 texts (pos 22, neg 21, rare 1)" in said
    assert "train: 1 texts without a word are left out" in said
    assert "44 of the texts in valid stand in train, too" in said
    assert "fewer than 2 texts to learn from have the label rare" in said


def test_texts_without_labels(trained: Callable, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("".join(f"it is good {n} and {n % 9}\n" for n in range(60)))
    done = trained(GOOD, "data.unlabelled=more.txt")
    assert done.code == 0
    assert "own.csv, 36 of 60 texts of more.txt labelled as those like them: 76 texts" in done.err
    for lines, words, message in (
        (GOOD, ("data.unlabelled=own.csv",), "all texts of own.csv stand in train, valid or test"),
        (GOOD, ("data.unlabelled=mor.txt",), "data.unlabelled: no file"),
        (GOOD, ("data.unlabelled_share=0.5",), "applies to the texts that unlabelled names"),
        (
            [line for line in GOOD if line.endswith("pos")],
            ("data.unlabelled=more.txt", "data.label_names=[neg,pos]"),
            "has only the label 'pos': what is like one label cannot be told",
        ),
    ):
        done = trained(lines, *words)
        assert (done.code, done.out) in ((1, ""), (2, ""))
        assert message in done.err
        assert len(done.err.splitlines()) == 1


def test_a_training_that_diverges(trained: Callable, tmp_path: Path) -> None:
    words = ("training.optimizer.learning_rate=1e38", "training.clip_norm=null")
    done = trained(GOOD, *words, dry=False)
    assert done.code == 1
    assert "became NaN or infinite at step " in done.err
    assert "try a lower learning_rate" in done.err
    assert not (tmp_path / "run" / "model").exists()


def test_a_megabyte_emoji_and_other_scripts_are_labelled(
    run: Callable, toy_classifier: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.write_text(
        "it is good " * 95_000 + "\n😀🎉\nとても良い\nsehr schlecht\n", encoding="utf-8"
    )
    done = run("sentiment", "-m", toy_classifier, "-i", texts, "--threshold", "0.6")
    labels = [line.split("\t")[0] for line in done.lines]
    assert labels[0] in ("neg", "pos")
    assert labels[1:] == ["unsure"] * 3
