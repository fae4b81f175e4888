"""The classifier: texts to labels."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import textrnn
from textrnn.errors import MissingExtraError, ModelFolderError, UsageError
from textrnn.model_folder import open_model_folder
from textrnn.models import Classified, SentimentClassifier
from textrnn.models.classifying import Reader, explain


@pytest.fixture(scope="module")
def classifier(toy_classifier: Path) -> SentimentClassifier:
    return SentimentClassifier.open(open_model_folder(toy_classifier))


TEXTS = ["the film is good", "it is not good", "we saw it and it is bad", "", "the <br /> is good"]


def test_load_gives_a_classifier(toy_classifier: Path) -> None:
    model = textrnn.load(toy_classifier, threads=1)
    assert isinstance(model, SentimentClassifier)
    assert model.labels == ("neg", "pos")


def test_it_has_learnt_the_language(classifier: SentimentClassifier) -> None:
    labels = [result.label for result in classifier.classify(TEXTS[:3])]
    assert labels == ["pos", "neg", "neg"]
    assert classifier.classify("it is not bad").label == "pos"


def test_scores_are_probabilities(classifier: SentimentClassifier) -> None:
    for result in classifier.classify(TEXTS):
        assert sum(result.scores.values()) == pytest.approx(1.0)
        assert result.score == max(result.scores.values()) == result.scores[result.label]
        assert result.tokens == ()


@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_an_answer_depends_on_no_other_text(
    classifier: SentimentClassifier, batch_size: int
) -> None:
    together = classifier.classify(TEXTS * 3, batch_size=batch_size)
    for text, result in zip(TEXTS * 3, together, strict=True):
        alone = classifier.classify(text)
        assert alone.text == result.text == text
        assert alone.scores == pytest.approx(result.scores, abs=1e-6)
    assert classifier.classify([]) == []


def test_below_the_threshold_it_is_unsure(classifier: SentimentClassifier) -> None:
    doubtful = classifier.classify("the film")
    above = float(np.nextafter(doubtful.score, 2.0))
    assert classifier.classify("the film", threshold=doubtful.score) == doubtful
    assert classifier.classify("the film", threshold=above).label == "unsure"
    sure = classifier.classify(TEXTS[0], threshold=0.5)
    assert (sure.label, sure.scores) == ("pos", classifier.classify(TEXTS[0]).scores)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": None}, "threshold is None: give a probability from 0 to 1"),
        ({"threshold": "0.5"}, "threshold is '0.5': give a probability"),
        ({"batch_size": None}, "batch_size is None: give a whole number of at least 1"),
        ({"batch_size": 2.5}, "batch_size is 2.5: give a whole number"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_options_out_of_range(
    classifier: SentimentClassifier, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        classifier.classify("x", **options)


def test_an_explanation_has_a_weight_for_each_token(classifier: SentimentClassifier) -> None:
    result = classifier.classify("the film is not good", explain=True)
    assert "".join(piece for piece, _ in result.tokens).split() == result.text.split()
    weights = dict(result.tokens)
    best = max(weights, key=lambda piece: weights[piece])
    assert best.strip() == "not"
    assert classifier.classify("", explain=True).tokens == ()


def test_without_its_heaviest_tokens_an_answer_falls_more_than_without_others(
    classifier: SentimentClassifier,
) -> None:
    """The deletion test: the weights mean something."""
    texts = [
        f"{start} is {end}"
        for start in ("the film", "it", "we saw the film", "saw it we the")
        for end in ("good", "bad", "not good", "not bad")
    ]
    heavy, light = [], []
    for result in classifier.classify(texts, explain=True):
        words = [piece.strip() for piece, _ in result.tokens]
        order = np.argsort([-weight for _, weight in result.tokens])
        for place, falls in ((order[0], heavy), (order[-1], light)):
            rest = " ".join(word for number, word in enumerate(words) if number != place)
            falls.append(result.score - classifier.classify(rest).scores[result.label])
    assert np.mean(heavy) > 0.3
    assert np.mean(heavy) > 3 * abs(np.mean(light))


def changed(folder: Path, to: Path, **config: Any) -> Path:
    """A copy of a model folder, its config changed."""
    shutil.copytree(folder, to)
    before = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(before | config))
    return to


@pytest.fixture(scope="module")
def backward(toy_classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return changed(
        toy_classifier, tmp_path_factory.mktemp("b") / "m", direction="backward", calibration=PLAIN
    )


PLAIN = {"temperature": 1.0, "familiar": 0.01}


def test_a_backward_one_reads_the_last_token_first(
    toy_classifier: Path, backward: Path, tmp_path: Path
) -> None:
    forward = changed(toy_classifier, tmp_path / "f", calibration=PLAIN)
    texts = ["good is film the we", "it not is bad film"]
    mirrored = [" ".join(reversed(text.split())) for text in texts]
    tables = [
        SentimentClassifier.open(open_model_folder(path)).probabilities(some)
        for path, some in ((forward, texts), (backward, mirrored))
    ]
    # a word's piece has the space before it, but the first one's: only these two tokens differ
    reader = SentimentClassifier.open(open_model_folder(backward)).readers[0]
    ids = reader.encode(texts[0])
    assert reader.as_read(ids)[1:-1] == ids[::-1]
    logits = [
        reader.probabilities([ids[::-1]]),
        SentimentClassifier.open(open_model_folder(forward)).readers[0].probabilities([ids]),
    ]
    assert np.allclose(*logits, atol=1e-6)
    assert tables[0].shape == tables[1].shape == (2, 2)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_models_answer_together_by_their_mean(
    toy_classifier: Path, backward: Path, engine: str
) -> None:
    folders = [open_model_folder(path) for path in (toy_classifier, backward)]
    together = SentimentClassifier.open(*folders, engine=engine)
    alone = [SentimentClassifier.open(folder, engine=engine) for folder in folders]
    wanted = np.mean([model.probabilities(TEXTS) for model in alone], axis=0)
    assert together.probabilities(TEXTS) == pytest.approx(wanted, abs=1e-6)
    result = together.classify(TEXTS[1], explain=True)
    label = together.labels.index(result.label)
    each = [explain(model.readers, TEXTS[1], label).tokens for model in alone]
    mean = np.mean([[weight for _, weight in tokens] for tokens in each], axis=0)
    assert [weight for _, weight in result.tokens] == pytest.approx(mean.tolist(), abs=1e-4)


def test_models_of_other_labels_do_not_answer_together(
    toy_classifier: Path, tmp_path: Path
) -> None:
    other = changed(toy_classifier, tmp_path / "other", labels=["sad", "glad"])
    with pytest.raises(UsageError, match=r"has the labels sad, glad and .* neg, pos: only"):
        SentimentClassifier.open(open_model_folder(toy_classifier), open_model_folder(other))


def test_models_of_other_tokens_explain_nothing_together(
    toy_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_model_folder(toy_classifier)
    together = SentimentClassifier.open(folder, folder)
    tokenizer = together.readers[1].tokenizer
    assert together.classify("it is good", explain=True).tokens
    monkeypatch.setattr(together.readers[1], "encode", lambda text: tokenizer.encode(text)[1:])
    with pytest.raises(UsageError, match="cut the text into different tokens: explain the answer"):
        together.classify("it is good", explain=True)


def test_what_it_does_not_know_makes_it_doubt(toy_classifier: Path, tmp_path: Path) -> None:
    folder = changed(
        toy_classifier, tmp_path / "m", calibration={"temperature": 1.0, "familiar": 1.0}
    )
    model = SentimentClassifier.open(open_model_folder(folder))
    sure = model.classify("it is good")
    half = model.classify("it is good xxx yyy zzz")
    none = model.classify(["とても良い", "😀 🎉", "", "   "])
    assert sure.score > 0.9
    assert 0.5 < half.score < 0.5 + (sure.score - 0.5) * 0.6
    assert [result.scores for result in none] == [{"neg": 0.5, "pos": 0.5}] * 4
    assert model.classify("😀", threshold=0.51).label == "unsure"


@pytest.mark.parametrize("familiar", [0.01, 1.0])
def test_weights_are_of_what_the_network_says(
    toy_classifier: Path, tmp_path: Path, familiar: float
) -> None:
    """Not of how familiar the rest of a text is: leaving strange tokens out makes it no surer."""
    text = "it is good xxx yyy zzz"
    plain, doubting = (
        SentimentClassifier.open(
            open_model_folder(
                changed(
                    toy_classifier,
                    tmp_path / name,
                    calibration={"temperature": 1.0, "familiar": usual},
                )
            )
        )
        for name, usual in (("plain", 0.01), ("doubting", familiar))
    )
    result = doubting.classify(text, explain=True)
    assert result.tokens == plain.classify(text, explain=True).tokens
    reader = doubting.readers[0]
    ids = reader.encode(text)
    (share,) = reader.familiar([ids])
    assert share == (1.0 if familiar < 0.1 else pytest.approx(0.5, abs=0.2))
    place = np.argmax([weight for _, weight in result.tokens])
    said = reader.probabilities([np.delete(ids, place).tolist()], familiar=1.0)[0]
    left = 0.5 + share * (said[doubting.labels.index(result.label)] - 0.5)
    found = doubting.deletion_test(result)[0]
    assert (found.tokens, found.heaviest) == (1, pytest.approx(left))


def test_of_several_labels_the_score_is_of_the_first_that_is_given(
    toy_classifier: Path, tmp_path: Path
) -> None:
    network = json.loads((toy_classifier / "config.json").read_text())["network"]
    network["head"]["multi_label"] = True

    def opened(name: str, *thresholds: float) -> SentimentClassifier:
        calibration = PLAIN | {"thresholds": thresholds}
        folder = changed(toy_classifier, tmp_path / name, network=network, calibration=calibration)
        return SentimentClassifier.open(open_model_folder(folder))

    text = "the film is good"
    neg, pos = opened("free", 0.5, 0.5).probabilities([text])[0]
    assert neg < pos
    model = opened("given", neg / 2, (1 + pos) / 2)  # only the less likely one reaches its own
    result = model.classify(text, explain=True)
    assert (result.label, result.score) == ("neg", pytest.approx(neg))
    assert model.classify(text, threshold=(neg + pos) / 2).label == "unsure"
    assert result.tokens == explain(model.readers, text, 0).tokens
    heaviest = np.argmax([weight for _, weight in result.tokens])
    rest = np.delete(model.readers[0].encode(text), heaviest).tolist()
    left = model.readers[0].probabilities([rest], familiar=1.0)[0, 0]
    assert model.deletion_test(result)[0].heaviest == pytest.approx(left)
    none = opened("none", (1 + neg) / 2, (1 + pos) / 2).classify(text, explain=True)
    assert (none.label, none.score) == ("", pytest.approx(pos))
    assert none.tokens == explain(model.readers, text, 1).tokens
    both = opened("both", neg / 2, pos / 2).classify(text)
    assert (both.label, both.score) == ("pos,neg", pytest.approx(pos))


def test_integrated_gradients_sum_to_what_the_tokens_add(toy_classifier: Path) -> None:
    folder = open_model_folder(toy_classifier)
    model = SentimentClassifier.open(folder, engine="torch")
    text = "the film is not good"
    result = model.classify(text, explain=True)
    assert (result.method, result.label) == ("integrated gradients", "neg")
    assert SentimentClassifier.open(folder).classify(text, explain=True).method == "occlusion"
    weights = {piece.strip(): weight for piece, weight in result.tokens}
    assert max(weights, key=lambda piece: weights[piece]) == "not"
    reader = model.readers[0]
    network = reader.engine._network  # type: ignore[attr-defined]
    ids = torch.tensor([reader.as_read(reader.encode(text))])
    vectors = network.encoder.embed(ids).detach()
    blank = vectors.clone()
    blank[:, 1:-1] = 0
    lengths = torch.tensor([ids.shape[1]])  # more than the toy's window; it is read as one here
    logs = [
        (network.decide(network.read(some, lengths, None)[0], lengths) / reader.temperature)
        .log_softmax(1)[0, 0]
        .item()
        for some in (vectors, blank)
    ]
    assert sum(weights.values()) == pytest.approx(logs[0] - logs[1], abs=0.002)


def test_integrated_gradients_need_captum(
    toy_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    model = SentimentClassifier.open(open_model_folder(toy_classifier), engine="torch")
    message = r"the engine torch \(onnx needs none\) needs captum: pip install 'textrnn\[explain\]'"
    with pytest.raises(MissingExtraError, match=message):
        model.classify("it is good", explain=True)


def test_a_very_long_text_is_explained_by_occlusion(
    toy_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textrnn.models.classifying.explaining.MOST_GRADIENTS", 4)
    model = SentimentClassifier.open(open_model_folder(toy_classifier), engine="torch")
    assert model.classify("the film is not good", explain=True).method == "occlusion"


def test_a_book_is_explained_in_few_passes(
    toy_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MOST_TOKENS": 200, "AT_ONCE": 100}.items():
        monkeypatch.setattr(f"textrnn.models.classifying.explaining.{name}", value)
    model = SentimentClassifier.open(open_model_folder(toy_classifier))
    reader, read = model.readers[0], []
    probabilities = reader.probabilities

    def counted(rows: Any, *rest: Any, **given: Any) -> Any:
        read.append(len(rows))
        return probabilities(rows, *rest, **given)

    monkeypatch.setattr(reader, "probabilities", counted)
    text = "the film is not good " * 8
    tokens = len(reader.encode(text))
    weights = [weight for _, weight in model.classify(text, explain=True).tokens]
    assert len(weights) == tokens
    passes = max(8, 200 // tokens)
    span = -(-tokens // passes)
    assert len(set(weights)) <= -(-tokens // span)
    assert read[0] == 1  # the answer
    assert sum(read[1:]) == 1 + -(-tokens // span)
    assert max(read) == 100 // tokens


def test_neighbours_left_out_together_share_what_they_weigh(
    toy_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textrnn.models.classifying.explaining.MOST_PASSES", 2)
    model = SentimentClassifier.open(open_model_folder(toy_classifier))
    result = model.classify("the film is not good", explain=True)
    weights = [weight for _, weight in result.tokens]
    span = -(-len(weights) // 2)
    assert len(set(weights[:span])) == len(set(weights[span:])) == 1
    reader = model.readers[0]
    ids = reader.encode("the film is not good")
    place = model.labels.index(result.label)
    table = reader.probabilities([ids, ids[span:], ids[:span]], familiar=1.0)[:, place]
    lost = np.log(table[0] / table[1:])
    assert [sum(weights[:span]), sum(weights[span:])] == pytest.approx(lost.tolist())


def test_the_deletion_test(classifier: SentimentClassifier) -> None:
    result = classifier.classify("we saw the film and it is not good", explain=True)
    found = classifier.deletion_test(result)
    assert [one.tokens for one in found] == sorted({one.tokens for one in found})
    assert found[0].heaviest < found[0].random - 0.2
    assert classifier.deletion_test(result) == found
    assert classifier.deletion_test(classifier.classify("good", explain=True)) == []
    with pytest.raises(UsageError, match="no weights to test: classify with explain=True"):
        classifier.deletion_test(classifier.classify("good"))


def test_a_long_text_is_explained_in_parts(classifier: SentimentClassifier) -> None:
    result = classifier.classify("the film it we " * 100 + "is good", explain=True)
    assert sum(bool(piece.strip()) for piece, _ in result.tokens) >= 402
    assert len({weight for _, weight in result.tokens}) <= 256


def test_a_megabyte(classifier: SentimentClassifier) -> None:
    result = classifier.classify("it is \U0001f600 " * 100_000)
    assert result.label in ("neg", "pos")


def test_what_is_no_classifier(toy_model: Path, toy_classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match="is a model for language_modeling"):
        SentimentClassifier.open(open_model_folder(toy_model))
    folder = tmp_path / "less"
    shutil.copytree(toy_classifier, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"labels": ["pos"]}))
    with pytest.raises(ModelFolderError, match="1 labels and 1 thresholds, but the network has 2"):
        SentimentClassifier.open(open_model_folder(folder))


@pytest.mark.parametrize(
    "calibration",
    [
        {},
        {"temperature": 0},
        {"temperature": True},
        {"temperature": "1"},
        {"temperature": 1e-300},
        {"temperature": 1e4},
        {"temperature": 1, "thresholds": 3},
        {"temperature": 1, "thresholds": [-1]},
        {"temperature": 1, "other": 1},
        {"temperature": 1, "familiar": 0},
        [],
    ],
)
def test_a_calibration_that_is_none(calibration: Any, toy_classifier: Path, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(toy_classifier, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"calibration": calibration}))
    with pytest.raises(ModelFolderError, match=r"not an object with a temperature from 0\.001"):
        open_model_folder(folder)


@pytest.mark.parametrize("labels", [["pos", "pos"], ["pos", ""], ["pos", " "], [1, 2]])
def test_labels_that_cannot_be_told_apart(
    labels: list[Any], toy_classifier: Path, tmp_path: Path
) -> None:
    folder = changed(toy_classifier, tmp_path / "m", labels=labels)
    with pytest.raises(ModelFolderError, match=r"labels is \[.*, not a list of different texts"):
        open_model_folder(folder)


def test_an_output_that_is_no_numbers_is_refused(classifier: SentimentClassifier) -> None:
    class Broken:
        label_count = 2

        def classify(self, ids: Any, lengths: Any) -> Any:
            return np.full((len(ids), 2), np.float32(np.inf))

    reader = classifier.readers[0]
    broken: Any = Broken()
    model = SentimentClassifier([Reader(reader.folder, broken, reader.tokenizer)])
    with pytest.raises(ModelFolderError, match="the model's output is not numbers: its parameters"):
        model.classify("it is good")


def test_the_temperature_divides(toy_classifier: Path, tmp_path: Path) -> None:
    odds = []
    for temperature in (5.0, 50.0):
        folder = tmp_path / f"{temperature:g}"
        shutil.copytree(toy_classifier, folder)
        config = json.loads((folder / "config.json").read_text())
        config["calibration"] = {"temperature": temperature}
        (folder / "config.json").write_text(json.dumps(config))
        model = SentimentClassifier.open(open_model_folder(folder))
        score = model.classify("it is good").scores["pos"]
        odds.append(np.log(score / (1 - score)))
    assert odds[0] > 0.1
    assert odds[0] == pytest.approx(10 * odds[1], rel=1e-3)


def test_results_compare() -> None:
    assert Classified("a", "b", 1.0, {"b": 1.0}) == Classified("a", "b", 1.0, {"b": 1.0})
