"""Training from a recipe, and what it leaves."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from textrnn.errors import DataError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.nn import cells
from textrnn.recipe import RunFolder, dry_run, load_recipe, run, train
from textrnn.tasks import network_from_folder
from textrnn.training import CheckpointSaved, Evaluated, Event, Notice, StepDone

Metrics = Callable[[Path], list[dict[str, Any]]]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def assembled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keeps the assembly of every run, and with it the network that was trained."""
    kept: list[Any] = []
    assemble = run.assemble

    def keep(*args: Any) -> Any:
        kept.append(assemble(*args))
        return kept[-1]

    monkeypatch.setattr(run, "assemble", keep)
    return kept


@pytest.mark.parametrize("storage", ["float32", "float16"])
@pytest.mark.parametrize("cell", cells.FAMILY.names())
def test_the_model_folder_gives_the_trained_networks_logits(
    cell: str, storage: str, tiny: Path, tmp_path: Path, assembled: list[Any]
) -> None:
    """Exactly: a float16 model has been rounded before it was scored and written."""
    changes = [f"encoder.cell={cell}", f"storage={storage}", "training.steps=2"]
    model = train(tiny, output=tmp_path / "run", overrides=changes)
    folder = open_model_folder(model, task="language_modeling")
    folder.verify()
    trained, loaded = assembled[0].task.network.eval(), network_from_folder(folder)
    ids = torch.randint(folder.vocab_size, (2, 7))
    with torch.no_grad():
        expected, found = (net.logits(net.encode(ids)[0]) for net in (trained, loaded))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert folder.config["storage"] == storage
    assert folder.tokenizer().encode("the cat") == assembled[0].tokenizer.encode("the cat")


def test_a_run_leaves_what_it_says(tiny: Path, tmp_path: Path, metrics: Metrics) -> None:
    events: list[Event] = []
    changes = {"card.summary": "Small.", "generation.temperature": 0.7, "data.test": "valid.txt"}
    output = tmp_path / "run"
    model = train(tiny, output=output, overrides=changes, on_event=events.append)
    assert model == RunFolder(output).model == output / "model"
    assert (output / "loss.png").read_bytes().startswith(PNG)
    resolved = load_recipe(tiny, changes).model_dump(mode="json")
    assert yaml.safe_load((output / "recipe.yaml").read_text()) == resolved
    kinds = [type(event).__name__ for event in events]
    assert kinds[0] == "Started"
    assert kinds[-2:] == ["Notice", "Finished"]
    assert isinstance(events[-2], Notice)
    assert events[-2].text.startswith(f"model folder written: {model} (valid: ")
    steps = [line["step"] for line in metrics(output) if "loss" in line]
    assert (
        steps == [event.step for event in events if isinstance(event, StepDone)] == [*range(1, 7)]
    )
    scored = [line["valid"] for line in metrics(output) if "valid" in line]
    assert scored == [event.scores for event in events if isinstance(event, Evaluated)]
    folder = open_model_folder(model)
    assert folder.generation == {"temperature": 0.7}
    assert folder.config["documents"] == "line"
    assert folder.config["summary"] == "Small."
    scores = json.loads(folder.file("training/scores.json").read_text())
    assert set(scores) == {"valid", "test"}
    assert scores["valid"] == scores["test"]
    best = min(score["loss"] for score in scored)
    assert scores["valid"]["loss"] == pytest.approx(best)
    assert {"torch", "python", "textrnn"} <= json.loads(
        folder.file("training/versions.json").read_text()
    ).keys()


@pytest.mark.parametrize("tokenizer", ["{kind: char}", "{path: tinyshakespeare_char}"])
def test_the_recipe_in_the_folder_may_be_trained_again(
    tokenizer: str, tiny: Path, tmp_path: Path
) -> None:
    changes = [f"tokenizer={tokenizer}", "training.schedule={kind: one_cycle, peak_at: 0.5}"]
    first = open_model_folder(train(tiny, output=tmp_path / "one", overrides=changes))
    again = train(first.file("training/recipe.yaml"), output=tmp_path / "two")
    assert open_model_folder(again).parameters_sha256 == first.parameters_sha256


def test_the_card_says_how_it_was_made(tiny: Path, tmp_path: Path) -> None:
    changes = ["card.licence=Public domain.", "training.seed=5", "card.data=a b"]
    card = open_model_folder(train(tiny, output=tmp_path / "run", overrides=changes)).card()
    command = f"textrnn train {tiny} 'card.licence=Public domain.' training.seed=5 'card.data=a b'"
    assert command in card
    assert "Public domain." in card
    assert "Seed 5, float32" in card
    assert re.search(r"## Speed\n\nDrawn .* by the engine onnx .* tokens/s for 64 texts", card)
    assert "2 x gru of 8, embedding 6, char tokenizer" in card
    assert "| valid | valid.txt |" in card


def test_the_cards_command_says_nothing_and_mappings_as_a_recipe_does(
    tiny: Path, tmp_path: Path
) -> None:
    given = {"training.minutes": None, "training.schedule": {"kind": "constant"}, "card.data": "x"}
    card = open_model_folder(train(tiny, output=tmp_path / "run", overrides=given)).card()
    schedule = """'training.schedule={"kind": "constant"}'"""
    assert f"textrnn train {tiny} training.minutes=null {schedule} card.data=x" in card


def test_without_a_held_out_text_the_last_weights_are_written(
    tiny: Path, tmp_path: Path, assembled: list[Any]
) -> None:
    changes = ["data.valid=null", "training.evaluate_every=null"]
    folder = open_model_folder(train(tiny, output=tmp_path / "run", overrides=changes))
    assert "No held-out text was given." in folder.card()
    network = assembled[0].task.network
    tensors = folder.tensors()
    assert np.array_equal(
        tensors["encoder.embedding.weight"], network.encoder.embedding.weight.detach().numpy()
    )


def test_bf16_trains_float32_parameters(tiny: Path, tmp_path: Path) -> None:
    model = train(tiny, output=tmp_path / "run", overrides=["training.precision=bf16"])
    scores = json.loads((model / "training" / "scores.json").read_text())
    assert 1.0 < scores["valid"]["perplexity"] < 40.0


def test_the_output_may_be_named_by_text(tiny: Path, tmp_path: Path) -> None:
    assert dry_run(tiny, output=str(tmp_path / "run")).steps == 6
    assert train(tiny, output=str(tmp_path / "run")) == tmp_path / "run" / "model"


def test_an_output_folder_that_holds_something_is_refused(tiny: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    output.mkdir()
    (output / "thesis.txt").write_text("years of work")
    message = r"is not empty: choose another folder, or go on with its run by --resume"
    with pytest.raises(UsageError, match=message):
        train(tiny, output=output)
    with pytest.raises(UsageError, match=message):
        train(tiny, output=output / "thesis.txt")
    with pytest.raises(UsageError, match=r"run: .*thesis.txt is a file, so choose another folder"):
        train(tiny, output=output / "thesis.txt" / "of" / "run")
    assert [path.name for path in output.iterdir()] == ["thesis.txt"]
    assert (output / "thesis.txt").read_text() == "years of work"


def test_a_run_goes_on_and_its_metrics_are_continuous(
    tiny: Path, tmp_path: Path, metrics: Metrics
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    changes = ["training.checkpoint_minutes=0"]
    train(tiny, output=whole, overrides=changes)

    def stop(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step == 3:
            raise RuntimeError("the plug was pulled")

    with pytest.raises(RuntimeError, match="the plug was pulled"):
        train(tiny, output=stopped, overrides=changes, on_event=stop)
    assert not (stopped / "model").exists()
    events: list[Event] = []
    train(tiny, output=stopped, overrides=changes, resume=True, on_event=events.append)
    assert [event.step for event in events if isinstance(event, StepDone)] == [4, 5, 6]
    first, second = (
        [{key: line[key] for key in line if key != "seconds"} for line in metrics(output)]
        for output in (whole, stopped)
    )
    assert first == second
    digests = [open_model_folder(each / "model").parameters_sha256 for each in (whole, stopped)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["train", "valid"])
def test_a_run_does_not_go_on_with_another_text(
    name: str, tiny: Path, toy_folder: Path, tmp_path: Path
) -> None:
    """Were it as long as the one before; and the cache may be gone."""
    text = tmp_path / f"{name}.txt"
    text.write_text((toy_folder / text.name).read_text())
    changes = [f"data.{name}={text}"]
    train(tiny, output=tmp_path / "run", overrides=changes)
    shutil.rmtree(tmp_path / "run" / "model")
    shutil.rmtree(tmp_path / "run" / "cache")
    before = text.read_text()
    text.write_text(before[::-1])
    message = f"cannot resume from .*: what {name} is read from has changed since the run was begun"
    with pytest.raises(UsageError, match=message):
        train(tiny, output=tmp_path / "run", overrides=changes, resume=True)
    text.write_text(before)
    train(tiny, output=tmp_path / "run", overrides=changes, resume=True)


def test_resuming_needs_a_run(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing to resume: there is no run in .*/none"):
        train(tiny, output=tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.seed=2", "it was begun with training.seed = 1, and is now asked for 2"),
        ("encoder.cell=lstm", "begun with encoder.cell = 'gru', and is now asked for 'lstm'"),
        ("data.test=x.txt", "begun with data.test = None, and is now asked for 'x.txt'"),
        ("head={tied: false, cutoffs: [5]}", "begun with head.tied = True, and is now asked for F"),
    ],
)
def test_resuming_with_another_recipe_is_refused(
    override: str, message: str, tiny: Path, tmp_path: Path
) -> None:
    output = RunFolder(tmp_path / "run")
    output.open(load_recipe(tiny), resume=False)
    with pytest.raises(UsageError, match=f"cannot resume .*/run: .*{message}"):
        train(tiny, output=output.path, overrides=[override], resume=True)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (["data.train=none.txt"], DataError, "data.train: no file .*none.txt"),
        (["training.bptt=60000"], DataError, "too few for one window: batch_size 4 x bptt 60000"),
        (["encoder.cell=lsmt"], UsageError, "did you mean 'lstm'"),
        (["head={tied: false, cutoffs: [500]}"], UsageError, "500 lies beyond the vocabulary"),
        (["training.subword_sampling=0.1"], UsageError, "a char tokenizer has no subword sampl"),
        (["tokenizer={kind: char, model_type: bpe}"], UsageError, "model_type does not apply to"),
    ],
)
def test_a_run_that_cannot_begin_can_be_begun_anew(
    changes: list[str], error: type[Exception], message: str, tiny: Path, tmp_path: Path
) -> None:
    """What is wrong is said before the first step, and the output folder is not in the way."""
    events: list[Event] = []
    for _ in range(2):
        with pytest.raises(error, match=message):
            train(tiny, output=tmp_path / "run", overrides=changes, on_event=events.append)
    assert events == []


def test_without_matplotlib_the_model_is_written_all_the_same(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textrnn.errors import MissingExtraError

    def without(*args: Any) -> None:
        raise MissingExtraError("matplotlib", "plot", "the loss curve")

    monkeypatch.setattr(run, "draw_loss_curve", without)
    events: list[Event] = []
    train(tiny, output=tmp_path / "run", on_event=events.append)
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert texts[0].startswith("no picture: the loss curve needs matplotlib")
    assert (tmp_path / "run" / "model" / "config.json").exists()


def test_sampled_subwords_are_drawn_anew_each_epoch(
    tiny: Path, tmp_path: Path, assembled: list[Any]
) -> None:
    changes = [
        "tokenizer={kind: sentencepiece, vocab_size: 280}",
        "training.subword_sampling=0.2",
        "training.steps=2",
    ]
    train(tiny, output=tmp_path / "run", overrides=changes)
    task = assembled[0].task
    first, again, later = (next(task.batches(epoch, 0)).ids.tolist() for epoch in (0, 0, 1))
    assert first == again
    assert first != later


def test_a_cells_own_settings_are_in_the_recipe_and_in_the_folder(
    tiny: Path, tmp_path: Path
) -> None:
    changes = ["encoder.cell=mogrifier", "encoder.cell_settings.rounds=2", "training.steps=1"]
    folder = open_model_folder(train(tiny, output=tmp_path / "run", overrides=changes))
    assert folder.network["encoder"]["cell_settings"] == {"rounds": 2, "rank": None}
    with pytest.raises(UsageError, match="no setting of Mogrifier 'round'"):
        train(tiny, output=tmp_path / "no", overrides=[*changes, "encoder.cell_settings.round=2"])
    dropped = ["encoder.cell=mingru", "encoder.weight_drop=0.5"]
    with pytest.raises(UsageError, match="weight_drop does not apply to MinGRU"):
        train(tiny, output=tmp_path / "no", overrides=dropped)
