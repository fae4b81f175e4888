"""Fine-tuning on one's own text, and the scores before and after."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textrnn.config import DataSettings
from textrnn.data import open_source
from textrnn.errors import DataError, ModelFolderError, UnknownNameError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import FinetuneReport, evaluate, finetune, load_recipe, train
from textrnn.training import Event, Notice, StepDone

OWN = "".join(
    f"the king {did} the cat.\nran, ran {who}!\n" for did in ("sat", "ran") for who in "ad"
)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.txt"
    path.write_text(OWN * 12)
    return path


Tune = Callable[..., FinetuneReport]


@pytest.fixture
def tune(toy_model: Path, own: Path, tmp_path: Path) -> Tune:
    def run(**given: Any) -> FinetuneReport:
        defaults = {
            "data": own,
            "output": tmp_path / "tuned",
            "overrides": {"training.batch_size": 4, "training.bptt": 8},
        }
        return finetune(given.pop("model", toy_model), **defaults | given)

    return run


def test_it_reads_its_own_text_better_and_says_what_it_forgot(
    tune: Tune, toy_model: Path, toy_folder: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    report = tune(epochs=12, on_event=events.append)
    before, after = report.new
    assert after["loss"] < 0.9 * before["loss"]
    assert before["tokens"] == after["tokens"]
    kept = [open_model_folder(path).config["documents"] for path in (toy_model, report.model)]
    assert kept == ["line", "line"]
    assert report.model == tmp_path / "tuned" / "model"
    open_model_folder(report.model).verify()
    valid = toy_folder / "valid.txt"
    assert report.old == (evaluate(toy_model, data=valid), evaluate(report.model, data=valid))
    assert report.old[1]["loss"] > report.old[0]["loss"]
    held_out = OWN * 12
    kept = "".join(held_out.splitlines(keepends=True)[-round(96 * 0.1) :])
    assert before["bytes"] == after["bytes"] == len(kept.encode())
    assert [event.text for event in events if isinstance(event, Notice)][:-1] == []


def test_the_schedule_is_the_recipes(tune: Tune) -> None:
    """Slanted triangular, and layers unfrozen from the top."""
    events: list[Event] = []
    tune(epochs=2, on_event=events.append)
    rates = [event.learning_rate for event in events if isinstance(event, StepDone)]
    peak = rates.index(max(rates))
    assert peak < len(rates) / 5
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    recipe = load_recipe("lm_finetune")
    assert recipe.training.schedule.kind == "slanted_triangular"
    assert recipe.training.unfreeze is not None
    assert recipe.training.optimizer.layer_decay == pytest.approx(1 / 2.6, abs=1e-3)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, {"epochs": 3.0, "minutes": None}),
        ({"epochs": 0.2}, {"epochs": 0.2, "minutes": None}),
        ({"minutes": 0.001}, {"epochs": None, "minutes": 0.001}),
        ({"minutes": 0.001, "epochs": 2}, {"epochs": 2, "minutes": 0.001}),
    ],
)
def test_it_ends_when_it_was_asked_to(
    limits: dict[str, float], expected: dict[str, float | None], tune: Tune
) -> None:
    model = tune(**limits).model
    recipe = load_recipe(model / "training" / "recipe.yaml")
    assert {name: getattr(recipe.training, name) for name in expected} == expected


def test_settings_may_be_overridden(tune: Tune) -> None:
    overrides = ["training.batch_size=4", "training.bptt=8", "training.seed=9", "storage=float16"]
    folder = open_model_folder(tune(epochs=0.1, overrides=overrides).model)
    assert folder.config["storage"] == "float16"
    assert load_recipe(folder.file("training/recipe.yaml")).training.seed == 9


def test_its_recipe_may_be_trained_again(tune: Tune, tmp_path: Path) -> None:
    tuned = open_model_folder(tune(epochs=0.3).model)
    again = train(tuned.file("training/recipe.yaml"), output=tmp_path / "again")
    assert open_model_folder(again).parameters_sha256 == tuned.parameters_sha256


def test_a_vocabulary_of_its_own(tune: Tune, toy_model: Path) -> None:
    changes = {"training.batch_size": 4, "training.bptt": 8, "tokenizer.kind": "char"}
    folder = open_model_folder(tune(epochs=1, overrides=changes).model)
    tokenizer = folder.tokenizer()
    assert tokenizer.id_of("!") is not None
    assert open_model_folder(toy_model).tokenizer().id_of("!") is None


def test_without_the_old_text_forgetting_is_not_measured(
    tune: Tune, toy_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "moved"
    shutil.copytree(toy_model, model)
    config = json.loads((model / "config.json").read_text())
    recipe = "training/recipe.yaml"
    del config["files"][recipe]
    (model / recipe).unlink()
    (model / "config.json").write_text(json.dumps(config))
    events: list[Event] = []
    report = tune(model=model, epochs=0.1, on_event=events.append)
    assert report.old is None
    assert "forgetting is not measured" in next(
        event.text for event in events if isinstance(event, Notice)
    )


def test_a_table_may_be_the_text(tune: Tune, tmp_path: Path) -> None:
    rows = [json.dumps({"body": line}) for line in (OWN * 12).splitlines()]
    (tmp_path / "own.jsonl").write_text("\n".join(rows))
    report = tune(data=tmp_path / "own.jsonl", column="body", epochs=0.1)
    assert report.new[0]["words"] > 0


STORY = "the king sang.\\nthe cat ran.\\n"


@pytest.mark.parametrize(
    ("files", "documents", "ending"),
    [
        ({"own.jsonl": f'{{"text": "{STORY}"}}\n' * 10}, 9, ".jsonl"),
        ({f"own/{n}.txt": STORY.replace("\\n", "\n") for n in range(10)}, 9, ".jsonl"),
        ({"own.txt": STORY.replace("\\n", "\n") * 10}, 1, ".txt"),
    ],
)
def test_documents_stay_apart(
    files: dict[str, str], documents: int, ending: str, tune: Tune, tmp_path: Path, toy_model: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(toy_model, model)
    config = json.loads((model / "config.json").read_text())
    del config["documents"]  # the toy's end with each line
    (model / "config.json").write_text(json.dumps(config))
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    report = tune(model=model, data=tmp_path / next(iter(files)).split("/")[0], epochs=0.1)
    data = load_recipe(report.model / "training" / "recipe.yaml").data
    assert isinstance(data, DataSettings)
    source = open_source(data, "train")
    assert source is not None
    assert source.name == f"train{ending}"
    assert len(list(source.documents(data.documents))) == documents
    assert report.new[0]["bytes"] == len(STORY.replace("\\n", "\n"))


@pytest.mark.parametrize("name", ["minutes", "epochs"])
@pytest.mark.parametrize("value", [0, -1.5])
def test_a_limit_is_more_than_nothing(name: str, value: float, tune: Tune, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value:g}: use more than 0"):
        tune(**{name: value})
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize("text", ["", "one line\n", "one line"])
def test_a_text_that_is_too_short_is_refused(text: str, tune: Tune, own: Path) -> None:
    own.write_text(text)
    with pytest.raises(DataError, match=r"own.txt has fewer than 2 lines: a tenth of them is held"):
        tune()


def test_what_is_not_there_is_refused(tune: Tune, tmp_path: Path, translator: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.txt"):
        tune(data=tmp_path / "gone.txt")
    with pytest.raises(UnknownNameError, match="no model 'storys'"):
        tune(model="storys")
    with pytest.raises(DataError, match="is one text, and pairs need two"):
        tune(model=translator)
    config = translator / "config.json"
    config.write_text(config.read_text().replace('"translation"', '"weather"'))
    with pytest.raises(ModelFolderError, match="for 'weather', which this textrnn cannot train"):
        tune(model=translator)


def test_an_output_folder_that_holds_something_is_refused(tune: Tune, tmp_path: Path) -> None:
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="tuned is not empty"):
        tune()
    with pytest.raises(UsageError, match=r"thesis.txt is a file, so choose another folder"):
        tune(output=str(tmp_path / "tuned" / "thesis.txt" / "run"))


def test_an_interrupted_one_goes_on(tune: Tune, tmp_path: Path) -> None:
    changes = {"training.batch_size": 4, "training.bptt": 8, "training.checkpoint_minutes": 0}

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError, match="plug"):
        tune(epochs=1, overrides=changes, on_event=stop)
    other = tmp_path / "other.txt"
    other.write_text("quite another text\n" * 200)
    texts = tmp_path / "tuned" / "cache" / "text"
    before = {path.name: path.read_bytes() for path in texts.iterdir()}
    with pytest.raises(UsageError, match=r"begun with other texts than .*other\.txt holds"):
        tune(data=other, epochs=1, overrides=changes, resume=True)
    assert before == {path.name: path.read_bytes() for path in texts.iterdir()}
    events: list[Event] = []
    tune(epochs=1, overrides=changes, resume=True, on_event=events.append)
    assert next(event.step for event in events if isinstance(event, StepDone)) == 3
    assert (tmp_path / "tuned" / "model" / "config.json").exists()
