"""Labels: which cells name which, and which names there are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from textrnn.config import LabelledDataSettings, validate
from textrnn.data import Labels, find_labels, open_labelled
from textrnn.data.labelled_tables import Row
from textrnn.data.labels import named_labels
from textrnn.errors import DataError, UsageError


def row(label: Any) -> Row:
    return Row("x.csv, line 3", "Fine.", label)


def settings(**given: Any) -> LabelledDataSettings:
    return validate(LabelledDataSettings, given, "test")


def found(folder: Path, cells: list[str]) -> tuple[str, ...]:
    path = folder / "train.csv"
    path.write_text("text,label\n" + "".join(f"a,{cell}\n" for cell in cells))
    data = settings(train=str(path))
    source = open_labelled(data, "train")
    assert source is not None
    return find_labels(source, data, False).names


def test_a_number_stands_for_a_name() -> None:
    labels = Labels(("bad", "good"))
    assert [labels.of(row(cell)) for cell in (0, "1", 1.0, "good")] == [[0], [1], [1], [1]]


@pytest.mark.parametrize(
    ("names", "cell"),
    [(("-1", "1"), "0"), (("1", "2", "3"), 0), (("0.5", "1.5"), 1), (("good", "7"), "0")],
)
def test_a_number_stands_for_no_name_where_names_are_numbers(
    names: tuple[str, ...], cell: Any
) -> None:
    with pytest.raises(DataError, match=rf"no label '{cell}' \(known: {', '.join(names)}\)"):
        Labels(names).of(row(cell))
    assert [Labels(names).of(row(name)) for name in names] == [[n] for n in range(len(names))]


@pytest.mark.parametrize("missing", [math.nan, None, "", " "])
def test_what_is_no_number_is_no_label(missing: object) -> None:
    with pytest.raises(DataError, match="line 3: no label, and one is needed"):
        Labels(("bad", "nan")).of(row(missing))


def test_a_label_may_be_called_nan() -> None:
    assert Labels(("bad", "nan")).of(row("nan")) == [1]  # a language, as text


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["10", "-1", "2"], ("-1", "2", "10")),
        (["10.5", "2.5", "1"], ("1", "2.5", "10.5")),
        (["1", "01"], ("01", "1")),
        (["--5", "3"], ("--5", "3")),
        (["1.2.3", "-"], ("-", "1.2.3")),
    ],
)
def test_the_order_of_labels(cells: list[str], names: tuple[str, ...], tmp_path: Path) -> None:
    assert found(tmp_path, cells) == names


def test_a_name_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.label_names: 'pos' is there twice"):
        named_labels(settings(label_names=["pos", "neg", "pos"]))
    (tmp_path / "names").write_text("pos\nneg\n\npos\n")
    with pytest.raises(UsageError, match=r"data\.label_names: 'pos' is there twice"):
        named_labels(settings(path=str(tmp_path), label_names="names"))


@pytest.mark.parametrize("text", [2, "2", [2], ["2", 3]])
def test_a_column_may_be_given_by_its_number(text: Any) -> None:
    data = settings(text=text, label=1)
    assert (data.texts()[0], data.label) == ("2", "1")
    assert settings(**data.model_dump(mode="json")) == data


@pytest.mark.parametrize(("given", "said"), [([False, True], "false"), (["a", 1], "1"), (7, "7")])
def test_names_that_yaml_takes_for_something_else_are_to_be_quoted(given: Any, said: str) -> None:
    message = rf"label_names: {said} is no text to YAML: put each name in quotes, as in '[^(]*'$"
    with pytest.raises(UsageError, match=message):
        settings(label_names=given)


@pytest.mark.parametrize("given", [{"text": True}, {"label": 1.5}, {"text": [None]}])
def test_what_is_no_column(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        settings(**given)
