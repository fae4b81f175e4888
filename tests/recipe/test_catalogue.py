"""Recipes by name and by path, and what their headers say."""

from __future__ import annotations

from pathlib import Path

import pytest

from textrnn.config import Recipe
from textrnn.errors import UnknownNameError, UsageError
from textrnn.model_folder import find_model, shipped_models
from textrnn.recipe import load_recipe, recipe_names, recipe_path, recipe_summary
from textrnn.recipe.run_folder import recipe_text
from textrnn.tokenizers import load_tokenizer, vocab_names, vocab_path

every_recipe = pytest.mark.parametrize("name", recipe_names())


@every_recipe
def test_a_shipped_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert isinstance(recipe, Recipe)
    assert recipe.card.summary
    if recipe.tokenizer is not None and recipe.tokenizer.path is not None:
        assert recipe.tokenizer.path in vocab_names()
        assert load_tokenizer(vocab_path(recipe.tokenizer.path)).vocab_size > 4


@pytest.mark.parametrize("model", shipped_models())
def test_the_recipe_in_a_shipped_model_is_one_that_this_version_reads(model: str) -> None:
    load_recipe(find_model(model) / "training" / "recipe.yaml")


@every_recipe
def test_a_recipe_that_is_written_out_whole_is_the_same_recipe(name: str, tmp_path: Path) -> None:
    recipe, file = load_recipe(name), tmp_path / "again.yaml"
    file.write_text(recipe_text(recipe), encoding="utf-8")
    assert load_recipe(file) == recipe


@every_recipe
def test_its_header_says_what_it_does_and_how_to_launch_it(name: str) -> None:
    path = recipe_path(name)
    title, _ = recipe_summary(path)
    assert title.endswith(".")
    assert f"train {name}" in path.read_text(encoding="utf-8").split("task:")[0]


@every_recipe
def test_no_shipped_recipe_names_a_place_on_one_machine(name: str) -> None:
    data = load_recipe(name).data
    assert not str(data.path or "").startswith(("/", "~"))


def test_a_recipe_is_a_path_or_a_name(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recipe_path(tiny) == tiny
    monkeypatch.chdir(tiny.parent)
    assert recipe_path("tiny.yaml") == Path("tiny.yaml")
    assert recipe_path("lm_stories").name == "lm_stories.yaml"
    with pytest.raises(
        UnknownNameError, match=r"no recipe 'lm_storys' .*did you mean 'lm_stories'"
    ):
        recipe_path("lm_storys")


def test_the_summary_is_the_headers(tiny: Path, tmp_path: Path) -> None:
    assert recipe_summary(tiny) == ("A tiny model.", "nothing yet, in no time")
    bare = tmp_path / "bare.yaml"
    bare.write_text("task: language_modeling\n# Reached: not in the header\n")
    assert recipe_summary(bare) == ("", "")


def test_overrides_are_laid_over(tiny: Path) -> None:
    assert load_recipe(tiny, ["training.steps=9"]).training.steps == 9
    assert load_recipe(tiny, {"training.steps": 9}).training.steps == 9
    with pytest.raises(
        UsageError, match=r"recipe tiny.yaml: unknown key training.step; did you me"
    ):
        load_recipe(tiny, ["training.step=9"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task=null", r"recipe tiny.yaml: task is missing \(known: classification, lang"),
        ("task=language_modelling", "no task 'language_modelling' .*did you mean 'language_mod"),
        ("task=[a]", r"no task '\['a'\]'|no task \"\['a'\]\""),
    ],
)
def test_a_recipe_is_for_a_known_task(override: str, message: str, tiny: Path) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe(tiny, [override])


@pytest.mark.parametrize(
    ("recipe", "overrides", "message"),
    [
        ("lm_stories", {"generation.top_q": 1}, "generation: .*did you mean 'top_p'"),
        ("lm_stories", {"generation.top_p": 2.0}, "generation: top_p is 2.0"),
        ("translate_multi30k_en_de", {"generation.beam_size": 0}, "generation: beam_size is 0"),
        ("trec", {"generation.top_p": 0.9}, "generation: a model for classification generates no"),
    ],
)
def test_a_recipe_recommends_only_what_its_model_can_be_opened_with(
    recipe: str, overrides: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load_recipe(recipe, overrides)
