"""Recipes of classifiers: from labelled texts to a folder, and from one model to the next."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textrnn.config import Recipe, read_yaml
from textrnn.data import prepare_labelled
from textrnn.errors import DataError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.recipe import compare, dry_run, evaluate, finetune, train, training_texts
from textrnn.recipe.assembly import assemble
from textrnn.recipe.catalogue import load_recipe
from textrnn.recipe.label_scores import find_labelled, folder_labels
from textrnn.recipe.tasks._base import Asked
from textrnn.training import Notice

FAST = {"training.steps": 3, "training.evaluate_every": None}


def made(folder: Path, cache: Path, **given: Any) -> Any:
    overrides = {key.replace("__", "."): value for key, value in given.items()}
    return assemble(load_recipe(folder / "recipe.yaml", overrides), cache)


def test_a_folder_has_labels_calibration_card_and_graphs(toy_classifier: Path) -> None:
    folder = open_model_folder(toy_classifier)
    assert folder.config["labels"] == ["neg", "pos"]
    calibration = folder.config["calibration"]
    assert calibration["temperature"] > 0
    assert calibration["texts"] == 80
    assert calibration["ece_after"] <= calibration["ece_before"] + 0.02
    assert 0.5 < calibration["familiar"] <= 1.0
    metrics = (toy_classifier / "training" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(metrics[0])["texts"] == 16
    assert {"onnx/read.onnx", "onnx/classify.onnx", "onnx/weights.data"} <= set(folder.files)
    card = folder.card()
    for part in (
        "labels: neg, pos",
        "| valid |",
        "| test |",
        "train.csv: 400 texts",
        "accuracy",
        "texts/s",
    ):
        assert part in card
    assert "test: accuracy" in folder.config["reached"]
    scores = json.loads(folder.file("training/scores.json").read_text())
    assert scores["test"]["accuracy"] > 0.9
    assert [len(row) for row in scores["test"]["confusion"]] == [2, 2]
    assert scores["valid"]["accuracy"] > 0.9


def test_scores_of_both_engines_agree(toy_classifier: Path, labelled_folder: Path) -> None:
    onnx, torch_ = (
        evaluate(toy_classifier, data=labelled_folder / "test.csv", engine=engine)
        for engine in ("onnx", "torch")
    )
    assert onnx["accuracy"] == torch_["accuracy"]
    compared = compare(toy_classifier, toy_classifier, data=labelled_folder / "test.csv")
    assert compared["accuracy"].first == compared["accuracy"].second == onnx["accuracy"]


def test_notices_tell_balance_duplicates_and_empty_texts(
    labelled_folder: Path, tmp_path: Path
) -> None:
    rows = list(csv.reader((labelled_folder / "train.csv").open()))[1:]
    (tmp_path / "train.csv").write_text(
        "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows) + ",pos\nodd,rare\n"
    )
    (tmp_path / "test.csv").write_text(f"text,label\n{rows[0][0]},{rows[0][1]}\nnew one,pos\n")
    given = {"data__path": str(tmp_path), "data__valid": None}
    assembly = made(labelled_folder, tmp_path / "cache", **given)
    said = assembly.notices()
    held = made(labelled_folder, tmp_path / "cache", **given, data__held_out=0.1).notices()
    assert "train: 1 texts without a word are left out" in held
    assert any("401 texts (" in line and "rare 1" in line for line in said)
    assert "train: 1 texts without a word are left out" in said
    assert "1 of the texts in test stand in train, too" in said
    assert "fewer than 2 texts to learn from have the label rare" in said


def test_without_validation_texts_there_is_no_calibration(
    labelled_folder: Path, tmp_path: Path
) -> None:
    assembly = made(labelled_folder, tmp_path, data__valid=None, data__test=None)
    assert assembly.config() == {"labels": ["neg", "pos"]}
    assert assembly.network_scores() == {}
    assert assembly.folder_scores(tmp_path) == {}
    assert assembly.scored({}) == (
        "No held-out texts were given. Its probabilities are not calibrated."
    )
    said = "the probabilities are not calibrated, for there are no validation texts: give data.val"
    assert assembly.notices()[-1].startswith(said)


def test_the_card_says_what_the_probabilities_are_worth(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    assert "right on texts such as those of valid." in open_model_folder(toy_classifier).card()
    plain = train(
        labelled_folder / "recipe.yaml",
        output=tmp_path / "run",
        overrides={**FAST, "data.valid": None},
    )
    card = open_model_folder(plain).card()
    assert "test is the folder's own answers. Its probabilities are not calibrated." in card
    assert "calibrated on" not in card


def test_a_share_is_held_out(labelled_folder: Path, tmp_path: Path) -> None:
    assembly = made(labelled_folder, tmp_path, data__valid=None, data__held_out=0.2)
    assert len(assembly.corpora["train"]) + len(assembly.corpora["valid"]) == 400
    assert 70 < len(assembly.corpora["valid"]) < 90


def texts_of(path: Path) -> list[str]:
    return [text for text, _ in csv.reader(path.open())][1:]


def few_and_many(labelled_folder: Path, folder: Path, few: int) -> dict[str, Any]:
    """The first of the training texts with their labels, and all texts without; as overrides."""
    rows = (labelled_folder / "train.csv").read_text().splitlines(keepends=True)
    (folder / "few.csv").write_text("".join(rows[: few + 1]))
    texts = [
        text for name in ("train", "test") for text in texts_of(labelled_folder / f"{name}.csv")
    ]
    (folder / "many.txt").write_text("\n".join([*texts, *texts, "", "one more is good"]) + "\n")
    return {
        "data__path": str(folder),
        "data__train": "few.csv",
        "data__valid": str(labelled_folder / "valid.csv"),
        "data__test": str(labelled_folder / "test.csv"),
        "data__unlabelled": "many.txt",
    }


def test_texts_without_labels_are_learnt_from(labelled_folder: Path, tmp_path: Path) -> None:
    given = few_and_many(labelled_folder, tmp_path, 60)
    whole = made(labelled_folder, tmp_path / "cache", **given, data__unlabelled_share=1.0)
    train = whole.corpora["train"]
    asked = {*texts_of(labelled_folder / "test.csv"), *texts_of(tmp_path / "few.csv")}
    others = {*texts_of(labelled_folder / "train.csv"), "one more is good"} - asked
    others -= {*texts_of(labelled_folder / "valid.csv")}
    assert len(train) == 60 + len(others)  # each once, and none that is asked for
    got = train.select(np.arange(60, len(train)), "got")
    assert got.shared_with(whole.corpora["test"]) == 0
    assert set(train.targets.tolist()) == {0, 1}
    assert any("texts of many.txt labelled as those like them" in line for line in whole.notices())
    half = made(labelled_folder, tmp_path / "cache", **given, data__unlabelled_share=0.5)
    assert len(half.corpora["train"]) == pytest.approx(60 + len(others) / 2, abs=1)


def test_a_classifier_labels_what_it_goes_on_with(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    given = few_and_many(labelled_folder, tmp_path, 60)
    given |= {"init_from": str(toy_classifier), "tokenizer": None, "data__unlabelled_share": 1.0}
    assembly = made(labelled_folder, tmp_path / "cache", **given, head__ngrams=2)
    assert any("labelled by the model of before" in line for line in assembly.notices())
    known = dict(csv.reader((labelled_folder / "train.csv").open()))
    train = assembly.corpora["train"]
    names = [assembly.labels.names[target] for target in train.targets]
    found = [
        name == known[text]
        for name, text in zip(names, map(decoder(assembly), train.rows()), strict=True)
        if text in known
    ]
    assert len(found) > 200
    assert np.mean(found) > 0.95
    assert assembly.task.network.ngrams.ratios.any()


def decoder(assembly: Any) -> Any:
    """The text of a row of the training texts."""
    train = assembly.corpora["train"]
    return lambda row: assembly.tokenizer.decode(train.text(row)[1:-1].tolist())


def test_pieces_drawn_anew_keep_the_labels_found(labelled_folder: Path, tmp_path: Path) -> None:
    given = few_and_many(labelled_folder, tmp_path, 60)
    given |= {
        "tokenizer": {"kind": "sentencepiece", "vocab_size": 24, "byte_fallback": False},
        "training__subword_sampling": 0.3,
    }
    assembly = made(labelled_folder, tmp_path / "cache", **given)
    epochs = [assembly.task._train(epoch).corpus for epoch in (0, 1)]
    assert (epochs[0].targets == epochs[1].targets).all()
    assert (epochs[0].digests == epochs[1].digests).all()
    assert len(epochs[0].ids) != len(epochs[1].ids)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("ending", ["csv", "jsonl.gz", "folder"])
def test_held_out_texts_are_not_learnt_from_unlabelled(
    direction: str, ending: str, labelled_folder: Path, tmp_path: Path
) -> None:
    rows = [*csv.reader((labelled_folder / "train.csv").open())][1:]
    path = tmp_path / f"all.{ending}"
    if ending == "csv":
        path.write_text("words\n" + "".join(f"{text}\n" for text, _ in rows))
    elif ending == "folder":
        for number, (text, _) in enumerate(rows):
            file = path / text.split()[0] / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace(" ", "\n"))
    else:
        lines = "".join(json.dumps({"words": text}) + "\n" for text, _ in rows)
        path.write_bytes(gzip.compress(lines.encode()))
    given = few_and_many(labelled_folder, tmp_path, 60) | {
        "data__text": ["text", "words"],
        "data__valid": None,
        "data__test": None,
        "data__held_out": 0.2,
        "data__unlabelled": path.name,
        "data__unlabelled_share": 1.0,
        "direction": direction,
        "encoder__bidirectional": False,
    }
    assembly = made(labelled_folder, tmp_path / "cache", **given)
    train, valid = assembly.corpora["train"], assembly.corpora["valid"]
    few = {text for text, _ in rows[:60]}
    assert len(train) + len(valid) == 60 + len({text for text, _ in rows} - few)
    got = train.select(np.arange(60 - len(valid), len(train)), "got")
    assert got.shared_with(valid) == 0
    assert len(train.name) < 100


def test_found_labels_are_kept_for_a_run_that_goes_on(
    labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = few_and_many(labelled_folder, tmp_path, 60)
    first = made(labelled_folder, tmp_path / "cache", **given).corpora["train"]
    monkeypatch.delattr(training_texts, "labels_of_alike")
    again = made(labelled_folder, tmp_path / "cache", **given).corpora["train"]
    assert (first.targets == again.targets).all()
    assert (first.ids == again.ids).all()
    with pytest.raises(NameError):  # another share is another question
        made(labelled_folder, tmp_path / "cache", **given, data__unlabelled_share=0.5)


def test_a_classifier_with_other_pieces_labels_nothing(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    given = few_and_many(labelled_folder, tmp_path, 60)
    given |= {"init_from": str(toy_classifier), "tokenizer": {"kind": "char"}}
    said = made(labelled_folder, tmp_path / "cache", **given).notices()
    assert any("labelled as those like them" in line for line in said)


def test_nothing_is_left_to_label(labelled_folder: Path, tmp_path: Path) -> None:
    given = {"data__unlabelled": "train.csv", "data__unlabelled_share": 1.0}
    with pytest.raises(DataError, match=r"all texts of train.csv stand in train, valid or test"):
        made(labelled_folder, tmp_path, **given)
    with pytest.raises(UsageError, match="is for texts with one label each"):
        made(labelled_folder, tmp_path, **given, head__multi_label=True)
    with pytest.raises(DataError, match=r"data.unlabelled: no file .*more"):
        made(labelled_folder, tmp_path, data__unlabelled="more")
    (tmp_path / "lines").write_text("__label__pos good\n")
    with pytest.raises(DataError, match=r"lines, line 1 has a label: give labelled texts as"):
        made(labelled_folder, tmp_path, data__unlabelled=str(tmp_path / "lines"))
    (tmp_path / "blank").write_text("\n \n")
    with pytest.raises(DataError, match=r"blank has no text: leave data.unlabelled out"):
        made(labelled_folder, tmp_path, data__unlabelled=str(tmp_path / "blank"))
    for empty in ("", [], [""]):
        with pytest.raises(UsageError, match=r"unlabelled is empty: name a file"):
            made(labelled_folder, tmp_path, data__unlabelled=empty)
    with pytest.raises(UsageError, match=r"unlabelled_share applies to the texts"):
        made(labelled_folder, tmp_path, data__unlabelled_share=0.5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"pos": 2.0}, None), ("balanced", None), ({"pso": 2.0}, "no label 'pso'")],
)
def test_class_weights(
    weights: Any, message: str | None, labelled_folder: Path, tmp_path: Path
) -> None:
    given = {"training__class_weights": weights}
    if message is not None:
        with pytest.raises(UsageError, match=message):
            made(labelled_folder, tmp_path, **given)
        return
    assembly = made(labelled_folder, tmp_path, **given)
    found = assembly.task.network.class_weights.tolist()
    if weights == "balanced":
        counts = assembly.corpora["train"].counts()
        assert found == pytest.approx([400 / (2 * count) for count in counts])
    else:
        assert found == [1.0, 2.0]


def test_several_labels(tmp_path: Path) -> None:
    texts = [("good film", "0"), ("bad film", "1"), ("good and bad", "0,1"), ("film", "")]
    lines = "".join(f"{text}\t{label}\n" for text, label in texts * 12)
    (tmp_path / "train.tsv").write_text(lines)
    (tmp_path / "labels.txt").write_text("joy\nanger\n")
    recipe = tmp_path / "several.yaml"
    recipe.write_text(
        f"""\
task: classification
tokenizer: {{kind: word, vocab_size: 20, min_frequency: 1}}
data: {{path: {tmp_path}, train: train, valid: train, test: train, text: "1", label: "2",
  label_names: labels.txt}}
encoder: {{cell: gru, embedding_size: 8, hidden_size: 12}}
head: {{multi_label: true, pooling: [attention, max]}}
training: {{steps: 60, batch_size: 8, class_weights: balanced, optimizer: {{learning_rate: 2e-2}}}}
"""
    )
    model = train(recipe, output=tmp_path / "run")
    folder = open_model_folder(model)
    assert len(folder.config["calibration"]["thresholds"]) == 2
    scores = json.loads(folder.file("training/scores.json").read_text())
    assert scores["test"]["macro_f1"] == scores["test"]["micro_f1"] == 1.0
    assert "macro-F1 100.00" in folder.config["reached"]
    import textrnn

    answers = [result.label for result in textrnn.load(model).classify([t for t, _ in texts])]
    assert answers[:2] == ["joy", "anger"]
    assert set(answers[2].split(",")) == {"joy", "anger"}
    assert answers[3] == ""
    with pytest.raises(UsageError, match=r"criterion accuracy is for texts with one label"):
        load_recipe(recipe, {"training.criterion": "accuracy"})
    written = load_recipe(model / "training" / "recipe.yaml")
    assert written == load_recipe(recipe)  # and may be trained again


def test_what_stands_between_labels_is_kept(tmp_path: Path) -> None:
    texts = [("good film", "joy"), ("bad film", "anger, great"), ("good bad", "joy;anger, great")]
    rows = [(f"{text} {n}", label) for n in range(12) for text, label in texts]
    lines = "".join(f"{text}\t{label}\n" for text, label in rows)
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + lines)
    recipe = tmp_path / "several.yaml"
    recipe.write_text(
        f"""\
task: classification
tokenizer: {{kind: word, vocab_size: 20, min_frequency: 1}}
data: {{path: {tmp_path}, train: train, separator: ";"}}
encoder: {{cell: gru, embedding_size: 4, hidden_size: 4}}
head: {{multi_label: true}}
training: {{steps: 2, batch_size: 8}}
"""
    )
    model = train(recipe, output=tmp_path / "run")
    scores = evaluate(model, data=tmp_path / "train.tsv")
    assert (scores["texts joy"], scores["texts anger, great"]) == (24, 24)
    compared = compare(model, model, data=tmp_path / "train.tsv")["accuracy"]
    assert compared.first == compared.second == scores["exact"]
    tuned = finetune(model, data=tmp_path / "train.tsv", output=tmp_path / "tuned", epochs=1)
    assert evaluate(tuned.model, data=tmp_path / "train.tsv")["texts joy"] == 24
    config = json.loads((model / "config.json").read_text())
    del config["files"]["training/recipe.yaml"]
    (model / "config.json").write_text(json.dumps(config))
    (model / "training" / "recipe.yaml").unlink()
    folder = open_model_folder(model)
    assert folder_labels(folder, Asked("")).separator == ","  # nothing says otherwise
    other = tmp_path / "other.tsv"
    other.write_text("text\tlabel\n" + lines.replace(";", "/"))
    again = {"data": other, "output": tmp_path / "again", "epochs": 1}
    assert finetune(model, **again, overrides=["data.separator=/"]).model.is_dir()


def test_a_language_models_encoder_is_taken(
    toy_model: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "from.yaml"
    recipe.write_text(
        f"""\
task: classification
init_from: {toy_model}
data: {{path: {labelled_folder}, train: train.csv, valid: valid.csv}}
encoder: {{input_dropout: 0.1}}
training: {{steps: 2, unfreeze: {{every: 1}}, optimizer: {{layer_decay: 0.4}}}}
"""
    )
    assembly = assemble(load_recipe(recipe), tmp_path / "cache")
    base = open_model_folder(toy_model)
    own, old = assembly.task.network.state_dict(), base.tensors()
    for name in old:
        if name.startswith("encoder."):
            torch.testing.assert_close(own[name], torch.from_numpy(old[name]))
    assert assembly.recipe.encoder.hidden_size == 32
    assert assembly.recipe.encoder.input_dropout == 0.1
    assert assembly.tokenizer.vocab_size == base.vocab_size
    with pytest.raises(UsageError, match=r"encoder\.bidirectional is True, but"):
        assemble(load_recipe(recipe, {"encoder.bidirectional": True}), tmp_path / "cache")
    other = load_recipe(recipe, {"tokenizer": {"kind": "word", "min_frequency": 1}})
    remapped = assemble(other, tmp_path / "other").task.network.state_dict()
    mean = torch.from_numpy(old["encoder.embedding.weight"]).mean(0)
    rows = remapped["encoder.embedding.weight"]
    assert bool((rows - mean).abs().sum(1).min() < 1e-4)  # a word that no character is


def test_a_classifiers_head_is_taken_where_the_labels_are_the_same(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    start = {"init_from": str(toy_classifier), "tokenizer": None}
    recipe = read_yaml(labelled_folder / "recipe.yaml") | start
    import yaml

    file = tmp_path / "again.yaml"
    file.write_text(yaml.safe_dump(recipe))
    same = assemble(load_recipe(file), tmp_path / "cache")
    old = open_model_folder(toy_classifier).tensors()
    for name, value in same.task.network.state_dict().items():
        torch.testing.assert_close(value, torch.from_numpy(old[name]))
    turned = load_recipe(file, {"data.label_names": ["pos", "neg"]})
    fresh = assemble(turned, tmp_path / "cache").task.network.state_dict()
    assert not torch.equal(fresh["head.1.weight"], torch.from_numpy(old["head.1.weight"]))


def test_ngrams_are_counted_once_and_may_be_added_to_a_classifier(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    plain = {"init_from": str(toy_classifier), "tokenizer": None}
    added = made(labelled_folder, tmp_path, **plain, head__ngrams=2, head__ngram_buckets=4096)
    network = added.task.network
    assert network.ngrams.ratios.any()
    assert {name for name in added.task.fresh if name.startswith("ngrams.")} == added.task.fresh
    old = open_model_folder(toy_classifier).tensors()
    torch.testing.assert_close(network.head[1].weight, torch.from_numpy(old["head.1.weight"]))
    assert added.recipe.head.pooling == ("last", "max", "mean")
    folder = train(
        labelled_folder / "recipe.yaml",
        output=tmp_path / "run",
        overrides={**plain, "head.ngrams": 2, "head.ngram_buckets": 4096, **FAST},
    )

    assert "n-grams of up to 2 tokens" in open_model_folder(folder).card()
    onnx, torch_ = (
        evaluate(folder, data=labelled_folder / "test.csv", engine=engine)["accuracy"]
        for engine in ("onnx", "torch")
    )
    assert onnx == torch_
    learnt = open_model_folder(folder).tensors()["ngrams.weight"]
    again = {"init_from": str(folder), "tokenizer": None}
    kept = made(labelled_folder, tmp_path, **again)
    torch.testing.assert_close(kept.task.network.ngrams.weight.data, torch.from_numpy(learnt))
    assert not kept.task.fresh
    report = finetune(folder, data=labelled_folder / "test.csv", output=tmp_path / "tuned")
    counts = report.new[1]["confusion"]
    assert sum(map(sum, counts)) == report.new[1]["texts"]  # type: ignore[arg-type]
    tuned = open_model_folder(report.model)
    assert (tuned.network["head"]["ngrams"], tuned.network["head"]["ngram_buckets"]) == (2, 4096)
    assert not np.array_equal(tuned.tensors()["ngrams.weight"], learnt)
    with pytest.raises(UsageError, match=r"head\.ngrams is 3, but .* has 2: leave it out"):
        made(labelled_folder, tmp_path, **again, head__ngrams=3)
    letters = {"tokenizer": {"kind": "char"}, "init_from": str(folder)}
    other = made(labelled_folder, tmp_path / "letters", **letters)
    assert {"ngrams.weight", "ngrams.bias"} == other.task.fresh
    assert not torch.equal(other.task.network.ngrams.ratios, kept.task.network.ngrams.ratios)


def test_ngrams_are_weighed_by_the_validation_texts(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    start = {"init_from": str(toy_classifier), "tokenizer": None, "head__ngrams": 1}
    assembly = made(labelled_folder, tmp_path, **start)
    network = assembly.task.network
    assert "n-grams" not in " ".join(made(labelled_folder, tmp_path).finish())
    with torch.no_grad():
        network.ngrams.bias[:] = torch.tensor([0.5, -0.25])
        network.ngrams.weight *= 2  # right, and too quiet for the network
        for parameter in network.head.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(1))  # knows nothing
    weight, before = network.ngrams.weight.clone(), assembly.task.evaluate()
    (said,) = assembly.finish()
    share = float(said.split("multiplied by ")[1].split()[0])
    assert share > 4
    torch.testing.assert_close(network.ngrams.weight, weight * share, rtol=1e-2, atol=0)
    bias = torch.tensor([0.5, -0.25]) * share
    torch.testing.assert_close(network.ngrams.bias, bias, rtol=1e-2, atol=0)
    assert assembly.task.evaluate()["accuracy"] > before["accuracy"]


def test_sampled_subwords_are_counted_as_they_are_read(
    labelled_folder: Path, tmp_path: Path
) -> None:
    settings = {"kind": "sentencepiece", "vocab_size": 24, "byte_fallback": False}
    ratios = [
        made(
            labelled_folder,
            tmp_path,
            tokenizer=settings,
            head__ngrams=2,
            training__subword_sampling=sampling,
        ).task.network.ngrams.ratios
        for sampling in (None, 0.5)
    ]
    torch.testing.assert_close(*ratios)


def test_ngrams_that_stand_in_few_texts_say_nothing(labelled_folder: Path, tmp_path: Path) -> None:
    said = [
        made(labelled_folder, tmp_path, head__ngrams=2, head__ngram_min_count=least)
        .task.network.ngrams.ratios.any(1)
        .sum()
        .item()
        for least in (1, 30, 401)
    ]
    assert said[0] > said[1] > said[2] == 0


def test_a_translator_is_no_start(translator: Path, labelled_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a model for translation: a classifier starts from"):
        made(labelled_folder, tmp_path, init_from=str(translator))


def test_subwords_may_be_sampled(labelled_folder: Path, tmp_path: Path) -> None:
    sampled = made(
        labelled_folder,
        tmp_path,
        tokenizer={"kind": "sentencepiece", "vocab_size": 24, "byte_fallback": False},
        training__subword_sampling=0.5,
    )
    first, second = (
        sum(batch.ids.numel() for batch in sampled.task.batches(epoch, 0)) for epoch in (0, 1)
    )
    assert first != second


def several_times(count: int) -> str:
    """Lines of texts, no two of them the same, and their labels."""
    rows = [(f"we {word}{'!' * n} it", label) for n in range(count) for word, label in XY]
    return "".join(f"{text},{label}\n" for text, label in rows)


XY = (("x", "pos"), ("y", "neg"))


def test_finetuning_reports_before_and_after(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "mine.csv"
    lines = several_times(40)
    data.write_text("words,kind\n" + lines)
    said: list[str] = []

    def listen(event: object) -> None:
        if isinstance(event, Notice):
            said.append(event.text)

    report = finetune(
        toy_classifier,
        data=data,
        column="words",
        label="kind",
        output=tmp_path / "run",
        epochs=1,
        on_event=listen,
    )
    before, after = report.new
    assert before["texts"] == after["texts"] == 8
    assert report.old is not None
    assert report.old[0]["texts"] == 80
    assert any("mine" in line or "train.jsonl: 72 texts" in line for line in said)
    tuned = open_model_folder(report.model)
    assert tuned.config["labels"] == ["neg", "pos"]
    assert tuned.network["head"]["ngrams"] == 0  # as it was


def test_forgetting_is_measured_on_the_share_that_was_held_out(
    labelled_folder: Path, tmp_path: Path
) -> None:
    """The run's own division of its training texts, made again."""
    changed = {"data.valid": None, "data.test": None, "data.held_out": 0.2}
    recipe = labelled_folder / "recipe.yaml"
    model = train(recipe, output=tmp_path / "held", overrides={**FAST, **changed})
    assembly = made(
        labelled_folder, tmp_path, data__valid=None, data__test=None, data__held_out=0.2
    )
    data = tmp_path / "mine.csv"
    data.write_text("text,label\n" + several_times(10))
    report = finetune(model, data=data, output=tmp_path / "run", epochs=1)
    assert report.old is not None
    corpora = assembly.corpora
    assert report.old[0]["texts"] == len(corpora["valid"])
    old = find_labelled(open_model_folder(model), Asked(tmp_path / "run/cache/old/valid.jsonl"))
    again = prepare_labelled(old, assembly.labels, assembly.tokenizer)
    assert again.digests.tolist() == corpora["valid"].digests.tolist()
    assert not again.shared_with(corpora["train"])


def test_finetuning_learns_from_texts_without_labels(
    toy_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = several_times(10)
    Path("mine.csv").write_text("text,label\n" + lines)
    Path("more.txt").write_text("it is good\nit is not good\nwe good\n")
    said: list[object] = []
    finetune(
        toy_classifier,
        data="mine.csv",
        output=Path("run"),
        epochs=1,
        overrides={"data.unlabelled": "more.txt", "data.unlabelled_share": 1.0},
        on_event=said.append,
    )
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert any("3 of 3 texts of more.txt labelled by the model of before" in one for one in notices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a,good\nb,bad\n",
            r"no label 'good' \(known: neg, pos\); for labels of your own: textrnn train senti.* "
            r"data\.train=FILE data\.held_out=0\.1 --output DIR",
        ),
        ("a,pos\n,neg\n", "has 1 texts: a tenth of each label's is held out"),
    ],
)
def test_what_cannot_be_learnt_from(
    text: str, message: str, toy_classifier: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_text("text,label\n" + text)
    with pytest.raises(DataError, match=message):
        finetune(toy_classifier, data=tmp_path / "mine.csv", output=tmp_path / "run")


def test_models_with_other_labels_are_not_compared(
    toy_classifier: Path, labelled_folder: Path, tmp_path: Path
) -> None:
    overrides = {**FAST, "data.label_names": ["pos", "neg"], "data.test": None}
    other = train(labelled_folder / "recipe.yaml", output=tmp_path / "o", overrides=overrides)
    with pytest.raises(UsageError, match="other labels"):
        compare(toy_classifier, other, data=labelled_folder / "test.csv")
    (tmp_path / "empty.csv").write_text("text,label\n,pos\n")
    with pytest.raises(DataError, match="no labelled text"):
        evaluate(toy_classifier, data=tmp_path / "empty.csv")


def test_a_dry_run(labelled_folder: Path, tmp_path: Path) -> None:
    estimate = dry_run(labelled_folder / "recipe.yaml", FAST)
    assert estimate.parameters > 1000
    assert estimate.notices[0].startswith("train.csv: 400 texts (")
    steps_a_second = estimate.train_tokens / 25 / estimate.tokens_per_second
    assert steps_a_second == pytest.approx(estimate.step_seconds)  # 400 texts, 16 at once


@pytest.mark.parametrize(
    "name",
    ["trec", "emotions", "sentiment_sst2", "sentiment_imdb", "sentiment_finetune"],
)
def test_the_recipes_that_ship_are_valid(name: str) -> None:
    assert load_recipe(name).task == "classification"


def test_the_shipped_ones_recipe_has_four_stages() -> None:
    stage: Recipe | None = load_recipe(
        "sentiment_shipped", {"pretraining.pretraining.pretraining.training.steps": 9}
    )
    stages: list[Recipe] = []
    while stage is not None:
        stages.insert(0, stage)
        stage = stage.pretraining
    assert [stage.task for stage in stages] == ["language_modeling"] * 2 + ["classification"] * 2
    assert stages[0].training.steps == 9
    assert len({stage.data.path for stage in stages}) == 1
