"""Recipes in stages: a model is trained first, and the recipe starts from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from textrnn.errors import DataError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import RunFolder, dry_run, load_recipe, train
from textrnn.training import Event, Finished, Notice, Started


@pytest.fixture
def staged(tiny: Path, labelled_folder: Path) -> Path:
    """A classifier's recipe whose first stage is a tiny language model."""
    classifier = yaml.safe_load((labelled_folder / "recipe.yaml").read_text())
    kept = {name: classifier[name] for name in ("task", "data")}
    first = yaml.safe_load(tiny.read_text())
    training = {"steps": 2}
    path = tiny.parent / "staged.yaml"
    path.write_text(yaml.safe_dump({**kept, "training": training, "pretraining": first}))
    return path


def test_the_first_stage_is_what_the_second_starts_from(staged: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    output = tmp_path / "run"
    overrides = {"pretraining.training.steps": 3, "training.optimizer.learning_rate": 1e-9}
    model = train(staged, output=output, overrides=overrides, on_event=events.append)
    assert model == output / "model"
    assert [event.step for event in events if isinstance(event, Finished)] == [3, 2]
    assert len([event for event in events if isinstance(event, Started)]) == 2
    first = open_model_folder(RunFolder(output).pretraining.model, task="language_modeling")
    second = open_model_folder(model, task="classification")
    name = "encoder.embedding.weight"
    np.testing.assert_allclose(second.tensors()[name], first.tensors()[name], atol=1e-6)
    assert second.tokenizer().encode("the cat") == first.tokenizer().encode("the cat")


def test_the_model_folder_has_the_recipe_of_both_stages(staged: Path, tmp_path: Path) -> None:
    model = train(staged, output=tmp_path / "run")
    recipe = load_recipe(model / "training" / "recipe.yaml")
    assert recipe.init_from is None
    assert recipe.pretraining == load_recipe(staged).pretraining
    again = train(model / "training" / "recipe.yaml", output=tmp_path / "again")
    first, second = (open_model_folder(folder).tensors() for folder in (model, again))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_run_is_gone_on_with_where_it_ended(staged: Path, tmp_path: Path) -> None:
    """Within the first stage, between the two, and after both."""

    def stop(event: Event) -> None:
        if isinstance(event, Started):
            raise KeyboardInterrupt

    output = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(staged, output=output, on_event=stop)
    folder = RunFolder(output)
    assert folder.pretraining.recipe.exists()
    assert not folder.pretraining.model.exists()
    train(staged, output=output, resume=True)
    written = folder.pretraining.recipe.stat().st_mtime_ns
    events: list[Event] = []
    train(staged, output=output, resume=True, on_event=events.append)
    assert folder.pretraining.recipe.stat().st_mtime_ns == written
    done = Notice(f"the pretraining is done: {folder.pretraining.model}")
    assert events[0] == done
    with pytest.raises(UsageError, match=r"begun with pretraining\.training\.steps = 6"):
        train(staged, output=output, resume=True, overrides={"pretraining.training.steps": 7})


def test_what_fails_in_the_second_stage_keeps_the_first(staged: Path, tmp_path: Path) -> None:
    output, wrong = tmp_path / "run", {"data.train": "nothing.csv"}
    with pytest.raises(DataError, match=r"no file .*nothing\.csv"):
        train(staged, output=output, overrides=wrong)
    assert RunFolder(output).pretraining.model.exists()
    with pytest.raises(DataError, match=r"no file .*nothing\.csv"):
        train(staged, output=output, overrides=wrong, resume=True)


def test_what_fails_in_the_first_stage_leaves_nothing(staged: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    with pytest.raises(DataError, match=r"no file .*nothing\.txt"):
        train(staged, output=output, overrides={"pretraining.data.train": "nothing.txt"})
    assert not output.exists()


def test_wrong_settings_of_the_first_stage_are_named(staged: Path) -> None:
    with pytest.raises(UsageError, match=r"staged\.yaml, pretraining: unknown key training\.step"):
        load_recipe(staged, {"pretraining.training.step": 7})
    with pytest.raises(UsageError, match=r"staged\.yaml, pretraining: task is missing"):
        load_recipe(staged, {"pretraining.task": None})
    with pytest.raises(UsageError, match="init_from and pretraining both say what to start from"):
        load_recipe(staged, {"init_from": "stories-en"})
    with pytest.raises(UsageError, match=r"pretraining is 'stories-en': input should be a valid"):
        load_recipe(staged, {"pretraining": "stories-en"})


def test_the_second_stage_alone(staged: Path, toy_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is yet to be trained, by its section pretraining"):
        dry_run(staged)
    alone = {"pretraining": None, "init_from": str(toy_model)}
    assert dry_run(staged, alone).steps == 2
