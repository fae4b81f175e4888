"""Classifiers whose embedding begins with vectors of plain texts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textrnn.data.cooccurrence import token_vectors
from textrnn.errors import DataError, UsageError
from textrnn.recipe.assembly import assemble
from textrnn.recipe.catalogue import load_recipe

WORDS = {"kind": "word", "min_frequency": 1, "lowercase": True}


@pytest.fixture
def texts(labelled_folder: Path, tmp_path: Path) -> Path:
    """The training texts without labels, and a word that they do not have."""
    rows = list(csv.DictReader((labelled_folder / "train.csv").open()))
    lines = [row["text"] for row in rows] + ["a zebra is a horse, a zebra is a horse"] * 4
    (tmp_path / "plain.txt").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path / "plain.txt"


def made(folder: Path, cache: Path, **given: Any) -> Any:
    overrides = {key.replace("__", "."): value for key, value in given.items()}
    sizes = {"embedding_size": 8, "hidden_size": 8}
    overrides = {"tokenizer": WORDS, "encoder": sizes, **overrides}
    return assemble(load_recipe(folder / "recipe.yaml", overrides), cache)


def test_the_embedding_begins_with_them(labelled_folder: Path, texts: Path, tmp_path: Path) -> None:
    vectors = {"texts": str(texts), "window": 3}
    assembly = made(labelled_folder, tmp_path / "cache", data__vectors=vectors)
    tokenizer = assembly.tokenizer
    assert tokenizer.id_of(" zebra") is not None  # learnt from those texts, too
    lines = texts.read_text().splitlines()
    ids = [np.array(tokenizer.encode(line)) for line in lines]
    wanted = token_vectors(ids, tokenizer.vocab_size, 8, 3)
    found = assembly.task.network.encoder.embedding.weight.detach().numpy()
    known = wanted.any(1)
    assert known[tokenizer.id_of(" zebra")]
    np.testing.assert_array_equal(found[known], wanted[known])
    assert not known[:4].any()
    assert found[~known].any(1).all()  # drawn
    plain = made(labelled_folder, tmp_path / "plain")
    assert plain.tokenizer.id_of(" zebra") is None


def test_they_are_found_once(labelled_folder: Path, texts: Path, tmp_path: Path) -> None:
    given = {"data__vectors": {"texts": [str(texts)]}}
    first, again = (made(labelled_folder, tmp_path / "cache", **given) for _ in range(2))
    left, right = (one.task.network.state_dict() for one in (first, again))
    assert all((left[name] == right[name]).all() for name in left)
    wide = made(labelled_folder, tmp_path / "cache", **given, encoder__embedding_size=12)
    assert wide.task.network.encoder.embedding.weight.shape[1] == 12
    texts.write_text("")
    made(labelled_folder, tmp_path / "cache", **given)
    with pytest.raises(DataError, match=r"0 tokens stand near others .* give more texts"):
        made(labelled_folder, tmp_path / "other", **given)


def test_what_cannot_be_is_refused(
    labelled_folder: Path, toy_classifier: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"data\.vectors say what the embedding begins with"):
        made(
            labelled_folder,
            tmp_path,
            data__vectors={"texts": "plain.txt"},
            init_from=str(toy_classifier),
        )
    with pytest.raises(UsageError, match=r"data\.vectors\.window"):
        made(labelled_folder, tmp_path, data__vectors={"texts": "plain.txt", "window": 0})
    for nothing in ("", [], ["plain.txt", ""]):
        with pytest.raises(UsageError, match=r"data\.vectors: texts is empty: name a file"):
            made(labelled_folder, tmp_path, data__vectors={"texts": nothing})
    with pytest.raises(DataError, match=r"^data\.vectors\.texts: no file"):
        made(labelled_folder, tmp_path, data__vectors={"texts": str(tmp_path / "nowhere.txt")})
