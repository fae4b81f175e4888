"""Models that read from a text's last token to its first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from textrnn.config import DataSettings
from textrnn.data import open_source, prepare_corpus
from textrnn.errors import UsageError
from textrnn.inspection import gate_values
from textrnn.model_folder import open_model_folder
from textrnn.models import LanguageModel
from textrnn.recipe import evaluate, train
from textrnn.recipe.assembly import assemble
from textrnn.recipe.catalogue import load_recipe
from textrnn.tokenizers import BOS, EOS
from textrnn.tokenizers.char import CharTokenizer


@pytest.fixture(scope="module")
def backward(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model that reads backward."""
    run = tmp_path_factory.mktemp("runs") / "backward"
    overrides = {"direction": "backward", "training.steps": 30}
    return train(toy_folder / "recipe.yaml", output=run, overrides=overrides)


def test_a_corpus_is_read_from_its_end_and_each_document_between_its_marks(
    toy_folder: Path, tmp_path: Path
) -> None:
    tokenizer = CharTokenizer.load(toy_tokenizer(toy_folder, tmp_path))
    text = tmp_path / "text"
    text.write_text("a cat\nthe dog\n")
    source = open_source(DataSettings(train=str(text)), "train")
    assert source is not None
    corpus = prepare_corpus(source, tokenizer, tmp_path, documents="line", backward=True)
    lines = [tokenizer.encode(line) for line in ("a cat\n", "the dog\n")]
    wanted = [[BOS, *reversed(line), EOS] for line in reversed(lines)]
    assert corpus.ids().tolist() == [id for line in wanted for id in line]
    forward = prepare_corpus(source, tokenizer, tmp_path, documents="line")
    assert forward.ids().tolist() == [id for line in lines for id in [BOS, *line, EOS]]
    assert prepare_corpus(source, tokenizer, tmp_path, documents="line", backward=True) == corpus


def toy_tokenizer(toy_folder: Path, place: Path) -> Path:
    from textrnn.tokenizers import TokenizerSettings, train_tokenizer

    train_tokenizer([toy_folder / "train.txt"], TokenizerSettings(kind="char")).save(place)
    return place


def test_a_language_model_keeps_its_direction_and_is_scored_in_it(
    backward: Path, toy_model: Path, toy_folder: Path, tmp_path: Path
) -> None:
    folder = open_model_folder(backward)
    assert (folder.direction, open_model_folder(toy_model).direction) == ("backward", "forward")
    card = folder.card()
    assert "reads backward" in card
    assert "## Speed" not in card
    found, network = (
        evaluate(backward, data=toy_folder / "valid.txt", engine=engine)["perplexity"]
        for engine in ("onnx", "torch")
    )
    assert found == pytest.approx(network, rel=0.02)
    (tmp_path / "words").write_text("\n".join(reversed((toy_folder / "valid.txt").read_text())))
    assert evaluate(backward, data=tmp_path / "words")["perplexity"] > 2 * found


def test_what_needs_a_text_from_its_start_refuses_it(backward: Path, toy_folder: Path) -> None:
    folder = open_model_folder(backward)
    for use in (lambda: LanguageModel.open(folder), lambda: gate_values(folder, "the cat")):
        with pytest.raises(UsageError, match="reads texts backward, from their last token"):
            use()


def made(recipe: Path, cache: Path, **given: Any) -> Any:
    return assemble(load_recipe(recipe, given), cache)


def test_what_starts_from_it_reads_backward_too(
    backward: Path, labelled_folder: Path, toy_folder: Path, tmp_path: Path
) -> None:
    given = {"init_from": str(backward), "tokenizer": None, "encoder": {"cell": "lstm"}}
    recipe = labelled_folder / "recipe.yaml"
    assembly = made(recipe, tmp_path / "a", **given)
    assert assembly.recipe.direction == "backward"
    assert assembly.config()["direction"] == "backward"
    assert "backward lstm" in assembly.described()
    corpus, tokenizer = assembly.corpora["test"], assembly.tokenizer
    text = (labelled_folder / "test.csv").read_text().splitlines()[1].split(",")[0]
    assert corpus.text(0).tolist() == [BOS, *reversed(tokenizer.encode(text)), EOS]
    further = {"init_from": str(backward), "tokenizer": None}
    again = made(toy_folder / "recipe.yaml", tmp_path / "b", **further)
    assert again.recipe.direction == "backward"


def test_another_direction_than_the_start_has_is_refused(
    backward: Path, toy_model: Path, toy_folder: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    for start, direction, is_ in ((backward, "forward", "back"), (toy_model, "backward", "for")):
        given = {"init_from": str(start), "tokenizer": None, "direction": direction}
        with pytest.raises(UsageError, match=f"direction is '{direction}', but .* reads {is_}ward"):
            made(toy_folder / "recipe.yaml", tmp_path, **given)
    with pytest.raises(UsageError, match="bidirectional reads both ways, leave one out"):
        load_recipe(labelled_folder / "recipe.yaml", {"direction": "backward"})
