"""Recipes of translators: what is built, trained, written, scored and fine-tuned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from textrnn.config import PairDataSettings
from textrnn.errors import DataError, EngineError, TrainingError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import compare, dry_run, evaluate, finetune, load_recipe, train
from textrnn.recipe.assembly import assemble
from textrnn.recipe.pair_data import asked_for, is_here, old_data
from textrnn.tasks import network_from_folder
from textrnn.training import Event, Notice, StepDone

SHORT = ["training.steps=4", "training.evaluate_every=null"]
SEPARATE = (
    "tokenizer={source: {kind: word}, target: {kind: char}}",
    "head.tied=output",
)


@pytest.fixture(autouse=True)
def no_graphs(toy_translator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go without graphs, which take longer than the training; the toy translator has some."""

    def refuse(*_: object, **__: object) -> None:
        raise EngineError("not in these tests")

    monkeypatch.setattr("textrnn.recipe.run.make_graphs", refuse)


@pytest.fixture
def recipe(pairs_folder: Path) -> Path:
    """The toy translator's."""
    return pairs_folder / "recipe.yaml"


def assembled(recipe: Path, cache: Path, *changes: str) -> Any:
    return assemble(load_recipe(recipe, changes), cache)


def test_a_joint_tokenizer_and_separate_ones(recipe: Path, tmp_path: Path) -> None:
    joint = assembled(recipe, tmp_path / "joint")
    assert joint.source_tokenizer is None
    assert joint.tokenizer.decode(joint.tokenizer.encode(" cat  Kater ")) == "cat Kater"
    separate = assembled(recipe, tmp_path / "separate", *SEPARATE)
    assert (separate.source_tokenizer.kind, separate.tokenizer.kind) == ("word", "char")
    assert separate.source_tokenizer.id_of("Kater") is None
    again = assembled(recipe, tmp_path / "separate", *SEPARATE)
    assert again.source_tokenizer.facts() == separate.source_tokenizer.facts()


def test_a_folder_with_two_tokenizers(recipe: Path, tmp_path: Path) -> None:
    model = train(recipe, output=tmp_path / "run", overrides=[*SHORT, *SEPARATE])
    folder = open_model_folder(model, task="translation")
    assert folder.config["languages"] == ["en", "de"]
    assert (folder.source_tokenizer().kind, folder.tokenizer().kind) == ("word", "char")
    assert "tokenizers of their own (word with " in folder.card()
    network_from_folder(folder)
    scores = json.loads((model / "training" / "scores.json").read_text())
    assert set(scores) == {"valid", "test"}
    assert scores["test"]["BLEU signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a")


def test_the_toy_language_is_learnt_and_said(toy_translator: Path) -> None:
    scores = json.loads((toy_translator / "training" / "scores.json").read_text())
    assert scores["test"]["BLEU"] > 60
    assert scores["valid"]["perplexity"] < 1.5
    card = open_model_folder(toy_translator).card()
    assert "1 x bidirectional gru of 32" in card
    assert "1 x gru of 48 with general attention and input feeding" in card
    assert "| train | train.en / train.de | 600 |" in card
    assert "test, BLEU: nrefs:1|case:mixed" in card
    assert "sentences/s for the first" in card
    reached = open_model_folder(toy_translator).config["reached"]
    assert reached.startswith("valid: perplexity 1.")
    assert "test: BLEU " in reached


def test_without_held_out_pairs_nothing_is_scored(recipe: Path, tmp_path: Path) -> None:
    changes = [*SHORT, "data.valid=null", "data.test=null", "data.source=en"]
    model = train(recipe, output=tmp_path / "run", overrides=changes)
    assert "No held-out pairs were given." in open_model_folder(model).card()
    assert json.loads((model / "training" / "scores.json").read_text()) == {}


def test_what_is_left_out_is_told_and_on_the_card(
    recipe: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text("the cat\tKater der\n\tnichts\n" * 40)
    changes = [*SHORT, "data.path=null", f"data.train={table}", "data.valid=null"]
    events: list[Event] = []
    model = train(
        recipe,
        output=tmp_path / "run",
        overrides=[*changes, "data.test=null", "tokenizer={kind: char}"],
        on_event=events.append,
    )
    told = [event.text for event in events if isinstance(event, Notice)]
    assert "names no columns 'en' and 'de' in its first line" in told[0]
    assert told[1].startswith("pairs.tsv: 40 of 80 pairs are used; left out: 40 with an empty side")
    assert told[1] in open_model_folder(model).card()


def test_the_folder_gives_the_trained_networks_loss(recipe: Path, tmp_path: Path) -> None:
    model = train(recipe, output=tmp_path / "run", overrides=[*SHORT, "storage=float16"])
    claimed = json.loads((model / "training" / "scores.json").read_text())["valid"]["perplexity"]
    exact = evaluate(model, data=recipe.parent, split="valid", engine="torch")
    # each pair of the validation set is scored once there, and once here however often it stands
    assert exact["perplexity"] == pytest.approx(claimed, rel=0.05)


def test_a_run_that_is_resumed_gives_the_same_bits(recipe: Path, tmp_path: Path) -> None:
    changes = ["training.steps=12", "training.evaluate_every=null", "training.checkpoint_minutes=0"]

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 7:
            raise KeyboardInterrupt

    whole = train(recipe, output=tmp_path / "whole", overrides=changes)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, output=tmp_path / "cut", overrides=changes, on_event=stop)
    resumed = train(recipe, output=tmp_path / "cut", overrides=changes, resume=True)
    hashes = [open_model_folder(folder).parameters_sha256 for folder in (whole, resumed)]
    assert hashes[0] == hashes[1]


def test_sampled_subwords_are_new_in_each_epoch(recipe: Path, tmp_path: Path) -> None:
    assembly = assembled(recipe, tmp_path, "training.subword_sampling=0.1")
    sizes = [sum(batch.tokens for batch in assembly.task.batches(epoch, 0)) for epoch in (0, 1)]
    plain = assembled(recipe, tmp_path)
    assert sum(batch.tokens for batch in plain.task.batches(0, 0)) < min(sizes)
    assert sizes[0] != sizes[1]


def test_a_dry_run_leaves_no_file(recipe: Path, tmp_path: Path) -> None:
    found = dry_run(recipe, output=tmp_path / "run")
    assert found.train_tokens > 600
    assert found.steps == 250
    assert found.vocab_size == 32
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.target=en", "source and target are both 'en': name two languages"),
        ("tokenizer={source: {kind: word}}", "source and target are given together, or neither"),
        (
            "tokenizer={kind: char, source: {kind: word}, target: {kind: word}}",
            "each has settings of its own: kind belongs into them",
        ),
        ("data.mixed_in={path: x}", "data.mixed_in: train is missing: name the pairs to mix in"),
        ("data.max_ratio=1", r"data.max_ratio is 1: input should be greater than 1"),
        ("training.bptt=5", "unknown key training.bptt"),
        ("training.batch_token=5", "did you mean 'batch_tokens'"),
        ("data.sorce=5", "did you mean 'source'"),
        ("data.train=null", "data.train is missing"),
        ("tokenizer=null", "tokenizer is missing"),
        ("decoder.attention.kind=bahdanau", "no attention 'bahdanau'"),
    ],
)
def test_settings_that_are_refused(change: str, message: str, recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        assembled(recipe, tmp_path, change)


def test_several_references_a_source(
    write_pairs: Callable[..., Any], toy_translator: Path, tmp_path: Path
) -> None:
    pairs = [("the cat", "Kater der"), ("dog", "Hund"), ("the cat", "die Katze"), ("", "leer")]
    write_pairs(tmp_path, "test", pairs)
    scores = evaluate(toy_translator, data=tmp_path, split="test")
    assert (scores["sentences"], scores["translations"]) == (2, 3)
    assert "nrefs:var" in str(scores["BLEU signature"])
    (tmp_path / "sources.txt").write_text("the cat\ndog\n")
    (tmp_path / "one.txt").write_text("Kater der\nHund\n")
    (tmp_path / "other.txt").write_text("die Katze\nHund\n")
    files = (tmp_path / "one.txt", tmp_path / "other.txt")
    again = evaluate(toy_translator, data=tmp_path / "sources.txt", references=files)
    assert scores.pop("left_out") == 1
    assert again == scores
    named = [str(file) for file in files]
    assert evaluate(toy_translator, data=tmp_path / "sources.txt", references=named) == scores
    one, several, alone = (
        evaluate(toy_translator, data=tmp_path / "sources.txt", references=given)
        for given in (files[0], files[:1], named[0])
    )
    assert one == several == alone


def test_how_bleu_cuts_words(
    write_pairs: Callable[..., Any], toy_translator: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy_translator, folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"de"', '"ja"'))
    write_pairs(tmp_path, "test", [("the cat sat", "sass Kater der")])
    (tmp_path / "test.de").rename(tmp_path / "test.ja")
    by_character = evaluate(folder, data=tmp_path / "test")
    assert "tok:char" in str(by_character["BLEU signature"])
    asked = evaluate(folder, data=tmp_path / "test", tokenize="13a")
    assert "tok:13a" in str(asked["BLEU signature"])
    assert by_character["BLEU"] != asked["BLEU"] or by_character["BLEU"] == 100


def test_the_best_weights_are_judged_by_all_references(
    write_pairs: Callable[..., Any], recipe: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pairs"
    shutil.copytree(pairs_folder, folder)
    pairs = [("the cat", "Kater der"), ("the cat", "die Katze"), ("dog", "Hund")]
    write_pairs(folder, "valid", pairs)
    judged = assembled(recipe, tmp_path / "a", f"data.path={folder}").task._valid
    assert judged.references == [["Kater der", "Hund"], ["die Katze", None]]
    assert judged.tokenize == "13a"
    for split in ("train", "valid", "test"):
        (folder / f"{split}.de").rename(folder / f"{split}.ja")
    changes = (f"data.path={folder}", "data.target=ja", "training.evaluate_sentences=0")
    judged = assembled(recipe, tmp_path / "b", *changes).task._valid
    assert judged.tokenize == "char"
    assert (judged.sources, judged.references) == ([], [])


def test_two_translators(
    toy_translator: Path, recipe: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    bad = train(recipe, output=tmp_path / "run", overrides=SHORT)
    compared = compare(bad, toy_translator, data=pairs_folder, split="test")
    assert set(compared) == {"BLEU", "chrF2", "TER"}
    assert compared["BLEU"].second > compared["BLEU"].first
    assert compared["BLEU"].p_value < 0.05
    turned = ["data.source=de", "data.target=en"]
    reverse = train(recipe, output=tmp_path / "turned", overrides=[*SHORT, *turned])
    with pytest.raises(UsageError, match="the two models translate en-de and de-en"):
        compare(toy_translator, reverse, data=pairs_folder, split="test")


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"data": "test.en", "split": "x"}, UsageError, "--split x: .* is a single file"),
        ({"data": "test", "column": "text"}, UsageError, "--column does not apply to a translator"),
        ({"data": "none"}, DataError, "there is no such file or folder"),
        ({"data": "test.en"}, DataError, "is one text, and pairs need two"),
        ({"data": "test.en", "references": ("short.de",)}, DataError, "goes on at line 2"),
        ({"data": "test.en", "references": ("none",)}, DataError, "none is no text file"),
        ({"data": "empty"}, DataError, "has no pair with two sides"),
        (
            {"data": "test.en", "references": ("test.de",), "split": "x"},
            UsageError,
            "--references goes with a file of sources",
        ),
    ],
)
def test_data_that_cannot_be_scored_on(
    toy_pairs: Callable[..., Any],
    write_pairs: Callable[..., Any],
    asked: dict[str, Any],
    error: type[Exception],
    message: str,
    toy_translator: Path,
    tmp_path: Path,
) -> None:
    write_pairs(tmp_path, "test", toy_pairs(5, 9))
    write_pairs(tmp_path, "empty", [("", "a"), ("b", " ")])
    (tmp_path / "short.de").write_text("a\n")
    given = asked | {"data": tmp_path / asked["data"]}
    if "references" in asked:
        given["references"] = tuple(tmp_path / name for name in asked["references"])
    with pytest.raises(error, match=message):
        evaluate(toy_translator, **given)


def test_fine_tuning_reports_both_sides(
    toy_pairs: Callable[..., Any], toy_translator: Path, tmp_path: Path
) -> None:
    table = tmp_path / "mine.tsv"
    new = [(source, target.replace("Hund", "Wauwau")) for source, target in toy_pairs(120, 5)]
    table.write_text("en\tde\n" + "".join(f"{source}\t{target}\n" for source, target in new))
    events: list[Event] = []
    report = finetune(
        toy_translator,
        data=table,
        output=tmp_path / "run",
        epochs=1,
        overrides=["training.batch_tokens=200"],
        on_event=events.append,
    )
    before, after = report.new
    assert after["perplexity"] < before["perplexity"]
    assert report.old is not None
    assert report.old[0]["BLEU"] > 50
    resolved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert resolved["data"]["mixed_in"]["share"] == 0.5
    assert resolved["encoder"]["hidden_size"] == 256  # as given; the sizes are the model's
    card = open_model_folder(report.model).card()
    assert "| mixed in | train.en / train.de | 600 |" in card
    assert "bidirectional gru of 32" in card
    held = (tmp_path / "run" / "cache" / "text" / "valid.en").read_text().splitlines()
    learnt = (tmp_path / "run" / "cache" / "text" / "train.en").read_text().splitlines()
    assert not set(held) & set(learnt)


def test_fine_tuning_without_the_old_pairs(
    toy_pairs: Callable[..., Any],
    write_pairs: Callable[..., Any],
    toy_translator: Path,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy_translator, folder)
    (folder / "training" / "recipe.yaml").unlink()
    config = json.loads((folder / "config.json").read_text())
    del config["files"]["training/recipe.yaml"]
    (folder / "config.json").write_text(json.dumps(config))
    write_pairs(tmp_path, "mine", toy_pairs(40, 7))
    events: list[Event] = []
    report = finetune(
        folder,
        data=tmp_path / "mine",
        output=tmp_path / "run",
        overrides=["training.steps=2"],
        on_event=events.append,
    )
    told = " ".join(event.text for event in events if isinstance(event, Notice))
    assert "training pairs are not at hand: none are mixed in, so it may forget" in told
    assert "forgetting is not measured" in told
    assert report.old is None


def test_too_few_pairs_to_hold_any_out(toy_translator: Path, tmp_path: Path) -> None:
    table = tmp_path / "one.tsv"
    table.write_text("the\tder\nthe\tdie\n")
    with pytest.raises(DataError, match=r"one\.tsv has fewer than 2 sources with a translation"):
        finetune(toy_translator, data=table, output=tmp_path / "run")


def test_a_translator_with_other_sizes_or_a_new_vocabulary(
    toy_translator: Path, recipe: Path, tmp_path: Path
) -> None:
    start = f"init_from={toy_translator}"
    with pytest.raises(UsageError, match=r"decoder\.hidden_size is 9, but .* has 48: leave it out"):
        assembled(recipe, tmp_path, start, "decoder.hidden_size=9")
    base = network_from_folder(open_model_folder(toy_translator))
    plain = ("encoder={}", "decoder={}", "head={}", start)
    same = assembled(recipe, tmp_path / "same", *plain, "tokenizer=null")
    for name, value in base.state_dict().items():
        assert torch.equal(same.task.network.state_dict()[name], value)
    new = "tokenizer={kind: sentencepiece, vocab_size: 30, byte_fallback: false, spaces: folded}"
    other = assembled(recipe, tmp_path / "other", *plain, new)
    tokenizer, old = other.tokenizer, same.tokenizer
    piece = next(p for p in tokenizer.pieces(range(4, 30)) if old.id_of(p) is not None)
    rows = other.task.network.state_dict()["decoder.embedding.weight"]
    before = base.state_dict()["decoder.embedding.weight"]
    assert torch.equal(rows[tokenizer.id_of(piece)], before[old.id_of(piece)])


def test_back_translation_in_three_steps(
    toy_pairs: Callable[..., Any], recipe: Path, pairs_folder: Path, tmp_path: Path
) -> None:
    """Train the reverse, translate text of the target language, train forward with tags."""
    import textrnn

    for file in pairs_folder.glob("*.??"):
        shutil.copy(file, tmp_path)
    place = f"data.path={tmp_path}"
    turned = ["data.source=de", "data.target=en", "training.steps=30"]
    reverse = train(recipe, output=tmp_path / "de-en", overrides=[place, *turned])
    mono = [target for _, target in toy_pairs(50, 11)]
    (tmp_path / "mono.de").write_text("".join(f"{text}\n" for text in mono))
    made = textrnn.load(reverse).translate(mono)  # type: ignore[attr-defined]
    (tmp_path / "mono.en").write_text("".join(f"{one.text}\n" for one in made))
    tagging = [place, *SHORT, "data.tagged=mono", "tokenizer.user_symbols=[<bt>]"]
    forward = train(
        recipe, output=tmp_path / "en-de", overrides=[*tagging, "tokenizer.vocab_size=33"]
    )
    folder = open_model_folder(forward)
    assert folder.tokenizer().id_of("<bt>") is not None
    assert "| tagged | mono.en / mono.de | " in folder.card()
    with pytest.raises(UsageError, match=r"data\.tag '<bt>' is no piece of the source's tokenizer"):
        train(recipe, output=tmp_path / "no", overrides=[place, *SHORT, "data.tagged=mono"])
    assert not (tmp_path / "no").exists()


def test_a_loss_that_is_no_number(recipe: Path, tmp_path: Path) -> None:
    changes = ["training.optimizer.learning_rate=1e30", "training.clip_norm=null"]
    with pytest.raises(TrainingError, match="became NaN or infinite"):
        train(recipe, output=tmp_path / "run", overrides=changes)


def test_a_set_on_the_hub(toy_translator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def rows(*given: Any) -> Any:
        asked.append(given)
        return iter([{"translation": {"en": "the cat", "de": "Kater der"}}])

    monkeypatch.setattr("textrnn.data.pair_parts.read_hub", rows)
    assert evaluate(toy_translator, data="org/pairs")["sentences"] == 1
    evaluate(toy_translator, data="org/pairs", split="validation")
    assert [(path, split) for path, split, *_ in asked] == [
        ("org/pairs", "test"),
        ("org/pairs", "validation"),
    ]


def test_a_whole_folder_of_pairs(
    toy_translator: Path,
    tmp_path: Path,
    toy_pairs: Callable[..., Any],
    write_pairs: Callable[..., None],
) -> None:
    for name in ("one", "two"):
        write_pairs(tmp_path, name, [*toy_pairs(1, seed=3), (name, "x")])
    scores = evaluate(toy_translator, data=tmp_path)
    assert scores["sentences"] == 3
    (tmp_path / "val.en").write_text("dog\n")
    (tmp_path / "val.de").write_text("Hund\n")
    assert evaluate(toy_translator, data=tmp_path, split="valid")["sentences"] == 1


def test_held_out_pairs_of_several_files_are_not_translated_in_the_end(
    recipe: Path, tmp_path: Path
) -> None:
    changes = [*SHORT, "data.valid=[valid, test]", "data.test=null"]
    model = train(recipe, output=tmp_path / "run", overrides=changes)
    scores = json.loads((model / "training" / "scores.json").read_text())
    assert set(scores) == {"valid"}
    assert "BLEU" not in scores["valid"]
    assert open_model_folder(model).config["reached"].startswith("valid: perplexity ")
    table = tmp_path / "mine.tsv"
    table.write_text("the cat\tKater der\nthe dog\tHund der\n")
    report = finetune(model, data=table, output=tmp_path / "tuned", overrides=["training.steps=1"])
    assert report.old is None


def test_a_recipe_in_the_folder_that_says_nothing_of_pairs(
    toy_translator: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(toy_translator, folder)
    (folder / "training" / "recipe.yaml").write_text("task: translation\n")
    assert old_data(SimpleNamespace(path=folder)) is None  # type: ignore[arg-type]
    (folder / "training" / "recipe.yaml").write_text("data: {train: x, source: a, target: a}\n")
    assert old_data(SimpleNamespace(path=folder)) is None  # type: ignore[arg-type]
    gone = PairDataSettings(path=str(tmp_path / "gone"), train="train")
    assert not is_here(gone, "train")


def test_what_is_asked_for_of_pairs_without_a_path() -> None:
    data = PairDataSettings(valid="a/valid", source="en", target="de")
    asked = asked_for(data, "valid")
    assert asked is not None
    assert (asked.data, asked.split, asked.source, asked.target) == ("a/valid", None, "en", "de")
    assert asked_for(data, "test") is None
