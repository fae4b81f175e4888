"""From a recipe to a task: tokenizers, and networks that begin from another model's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from textrnn.errors import ModelFolderError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import load_recipe, train
from textrnn.recipe.assembly import Assembly, assemble, remap_vocabulary
from textrnn.tokenizers import FAMILY, Tokenizer, TokenizerSettings, load_tokenizer


def assembled(recipe: Path, folder: Path, *changes: str) -> Assembly:
    return assemble(load_recipe(recipe, changes), folder / "cache")


def letters(text: str) -> Tokenizer:
    return FAMILY.get("char").train([text], TokenizerSettings(kind="char"))


some_letters = st.text("abcdefgh", min_size=1, max_size=8)


@given(some_letters, some_letters)
def test_shared_pieces_keep_their_rows_and_new_ones_take_the_mean(before: str, after: str) -> None:
    old, new = letters(before), letters(after)
    tensors = {
        "encoder.embedding.weight": torch.randn(old.vocab_size, 3),
        "head.bias": torch.randn(old.vocab_size),
        "encoder.layers.0.0.weight_input": torch.randn(4, 3),
    }
    found = remap_vocabulary(tensors, old, new)
    assert found["encoder.layers.0.0.weight_input"] is tensors["encoder.layers.0.0.weight_input"]
    for name in ("encoder.embedding.weight", "head.bias"):
        assert len(found[name]) == new.vocab_size
        for id, piece in enumerate(new.pieces(range(new.vocab_size))):
            row = old.id_of(piece)
            expected = tensors[name].mean(0) if row is None else tensors[name][row]
            torch.testing.assert_close(found[name][id], expected)
    assert torch.equal(found["head.bias"][:4], tensors["head.bias"][:4])


def test_the_same_vocabulary_changes_nothing() -> None:
    tokenizer = letters("abc")
    tensors = {"head.weight": torch.randn(tokenizer.vocab_size, 3)}
    assert torch.equal(
        remap_vocabulary(tensors, tokenizer, tokenizer)["head.weight"], tensors["head.weight"]
    )


def test_a_tokenizer_is_trained_once_on_the_training_text(tiny: Path, tmp_path: Path) -> None:
    first = assembled(tiny, tmp_path).tokenizer
    saved = (tmp_path / "cache" / "tokenizer" / "tokenizer.json").stat().st_mtime_ns
    again = assembled(tiny, tmp_path).tokenizer
    assert again.facts() == first.facts()
    assert (tmp_path / "cache" / "tokenizer" / "tokenizer.json").stat().st_mtime_ns == saved
    assert set("catdogking") <= set(first.pieces(range(first.vocab_size)))


def test_a_tokenizer_is_a_shipped_name_or_a_folder(tiny: Path, tmp_path: Path) -> None:
    shipped = assembled(
        tiny, tmp_path, "tokenizer.kind=null", "tokenizer={path: tinyshakespeare_char}"
    )
    assert shipped.tokenizer.vocab_size == 69
    letters("the cat").save(tmp_path / "mine")
    mine = assembled(tiny, tmp_path, f"tokenizer={{path: {tmp_path / 'mine'}}}").tokenizer
    assert mine.facts() == load_tokenizer(tmp_path / "mine").facts()


def test_the_network_follows_from_the_seed(tiny: Path, tmp_path: Path) -> None:
    one, again, other = (
        assembled(tiny, tmp_path, f"training.seed={seed}").task.network.state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(value, again[name]) for name, value in one.items())
    assert not torch.equal(one["encoder.embedding.weight"], other["encoder.embedding.weight"])


# Beginning from another model. The toy model is an lstm of 32, embedding 16, one layer.

NO_SIZES = "encoder={}"


def from_model(recipe: Path, folder: Path, model: Path, *changes: str) -> Assembly:
    begin = (f"init_from={model}", NO_SIZES, "tokenizer=null")
    return assembled(recipe, folder, *begin, *changes)


def test_a_network_begins_as_the_other_one_ended(
    tiny: Path, tmp_path: Path, toy_model: Path
) -> None:
    found = from_model(tiny, tmp_path, toy_model)
    folder = open_model_folder(toy_model)
    assert found.tokenizer.facts() == folder.tokenizer().facts()
    state = found.task.network.state_dict()
    for name, value in folder.tensors().items():
        assert torch.equal(state[name], torch.from_numpy(value))
    assert found.recipe.encoder.hidden_size == 32
    assert found.recipe.encoder.cell == "lstm"


def test_its_dropouts_are_the_recipes(tiny: Path, tmp_path: Path, toy_model: Path) -> None:
    changes = ("encoder.dropout=0.25", "encoder.output_dropout=0.125")
    found: Any = from_model(tiny, tmp_path, toy_model, *changes)
    assert found.recipe.encoder.dropout == 0.25
    assert found.task.network.encoder.layer_dropout.probability == 0.25
    assert found.task.network.output_dropout.probability == 0.125


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("encoder.hidden_size=64", "encoder.hidden_size is 64, but .* has 32: leave it out"),
        ("encoder.cell=gru", "encoder.cell is 'gru', but .* has 'lstm': leave it out"),
        ("head.tied=false", "head.tied is False, but .* has True: leave it out"),
    ],
)
def test_another_size_is_refused(
    change: str, message: str, tiny: Path, tmp_path: Path, toy_model: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        from_model(tiny, tmp_path, toy_model, change)


def test_the_same_size_may_be_said_again(tiny: Path, tmp_path: Path, toy_model: Path) -> None:
    again = ("encoder.hidden_size=32", "encoder.cell=lstm", "head.cutoffs=[]")
    assert from_model(tiny, tmp_path, toy_model, *again).recipe.encoder.hidden_size == 32


def test_a_vocabulary_may_be_another_one(tiny: Path, tmp_path: Path, toy_model: Path) -> None:
    letters("the cat é").save(tmp_path / "mine")
    found = from_model(tiny, tmp_path, toy_model, f"tokenizer={{path: {tmp_path / 'mine'}}}")
    folder = open_model_folder(toy_model)
    old, before = folder.tokenizer(), folder.tensors()["encoder.embedding.weight"]
    rows = found.task.network.state_dict()["encoder.embedding.weight"]
    assert len(rows) == found.tokenizer.vocab_size
    for piece in ("t", "<s>"):
        new_id, old_id = found.tokenizer.id_of(piece), old.id_of(piece)
        assert torch.equal(rows[new_id], torch.from_numpy(before[old_id]))
    torch.testing.assert_close(rows[found.tokenizer.id_of("é")], torch.from_numpy(before.mean(0)))


def test_an_adaptive_softmax_keeps_its_vocabulary(tiny: Path, tmp_path: Path) -> None:
    adaptive = ["head={tied: false, cutoffs: [10]}", "training.steps=1"]
    model = train(tiny, output=tmp_path / "run", overrides=adaptive)
    same = from_model(tiny, tmp_path, model, "head={tied: false, cutoffs: [10]}")
    assert same.recipe.head.cutoffs == (10,)
    letters("the cat é").save(tmp_path / "mine")
    with pytest.raises(
        UsageError, match=r"adaptive softmax, which is made for its own vocabulary:"
    ):
        from_model(tiny, tmp_path, model, f"tokenizer={{path: {tmp_path / 'mine'}}}")


def test_another_tasks_model_is_no_beginning(tiny: Path, tmp_path: Path, translator: Path) -> None:
    with pytest.raises(ModelFolderError, match="translation"):
        from_model(tiny, tmp_path, translator)
