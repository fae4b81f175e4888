"""Both engines of a classifier say what the network says, alone and in a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from textrnn.config import ClassificationHeadSettings, EncoderSettings
from textrnn.engines import ClassificationEngine, _onnx_classification, open_engine
from textrnn.engines._torch_classification import TorchClassificationEngine
from textrnn.errors import EngineError
from textrnn.model_folder import FolderContents, ModelFolder, open_model_folder, write_model_folder
from textrnn.recipe.exporting import make_graphs
from textrnn.tasks import state_tensors
from textrnn.tasks._classification_network import ClassificationNetwork
from textrnn.tasks.classification import Classification
from textrnn.tokenizers import FAMILY, TokenizerSettings

ENGINES = ("onnx", "torch")
LENGTHS = np.array([23, 2, 7, 8, 16, 17])


def folder_of(path: Path, precision: str = "float32", **settings: Any) -> ModelFolder:
    torch.manual_seed(3)
    tokenizer = FAMILY.get("byte").train([], TokenizerSettings("byte"))
    pooling = settings.pop("pooling", ("last", "max", "mean"))
    ngrams, labels = settings.pop("ngrams", 0), settings.pop("labels", 3)
    encoder = EncoderSettings(embedding_size=16, hidden_size=24, layers=2, **settings)
    head = ClassificationHeadSettings(pooling=pooling, window=8, hidden_size=16, ngrams=ngrams)
    network = ClassificationNetwork(encoder, head, labels, tokenizer.vocab_size).eval()
    count_ngrams(network)
    tensors = {name: value.numpy() for name, value in state_tensors(network).items()}
    graphs = make_graphs("classification", network, tensors, storage="float32", precision=precision)
    section = {
        "encoder": network.encoder.settings.model_dump(mode="json"),
        "head": head.model_dump(mode="json"),
        "labels": labels,
    }
    config = {
        "task": "classification",
        "network": section,
        "labels": [f"{n}" for n in range(labels)],
    }
    return write_model_folder(
        path, FolderContents(config, tensors, tokenizer, "A card.", extra=graphs.files)
    )


def count_ngrams(network: ClassificationNetwork) -> None:
    if network.ngrams is not None:
        random = np.random.default_rng(2)
        texts = random.integers(4, 50, (300, 9))
        labels = random.integers(network.label_count, size=300)
        network.ngrams.count(zip(texts, labels, strict=True))


def texts() -> np.ndarray:
    ids = np.random.default_rng(1).integers(4, 200, (len(LENGTHS), LENGTHS.max()))
    ids[np.arange(ids.shape[1]) >= LENGTHS[:, np.newaxis]] = 0
    return ids


def opened(folder: ModelFolder, engine: str) -> ClassificationEngine:
    return cast(ClassificationEngine, open_engine(folder, engine=engine))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("cell", "pooling"),
    [("lstm", ("last", "max", "mean")), ("lstm", ("attention", "max")), ("gru", ("mean",))],
)
def test_onnx_is_torch(
    cell: str, pooling: tuple[str, ...], bidirectional: bool, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "m", cell=cell, pooling=pooling, bidirectional=bidirectional)
    onnx, torch_ = opened(folder, "onnx"), opened(folder, "torch")
    assert onnx.label_count == torch_.label_count == 3
    found = onnx.classify(texts(), LENGTHS)
    np.testing.assert_allclose(found, torch_.classify(texts(), LENGTHS), atol=1e-5)


@pytest.mark.parametrize("longest", [1, 3])
def test_both_engines_look_at_ngrams(longest: int, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m", ngrams=longest)
    onnx, torch_ = (opened(folder, engine).classify(texts(), LENGTHS) for engine in ENGINES)
    np.testing.assert_allclose(onnx, torch_, atol=1e-5)
    without = opened(folder_of(tmp_path / "without"), "onnx").classify(texts(), LENGTHS)
    assert np.abs(onnx - without).max() > 0.1


def test_ngrams_of_many_labels_take_8_bits(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m", "int8", ngrams=2, labels=20)
    onnx, torch_ = (opened(folder, engine).classify(texts(), LENGTHS) for engine in ENGINES)
    assert onnx.shape == (len(LENGTHS), 20)
    assert 0 < np.abs(onnx - torch_).max() < 0.05


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("ngrams", [0, 2])
def test_a_text_alone_is_that_text_in_a_batch(
    precision: str,
    bidirectional: bool,
    ngrams: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings: dict[str, Any] = {"bidirectional": bidirectional, "ngrams": ngrams}
    engine = opened(folder_of(tmp_path / "m", precision, **settings), "onnx")
    together = engine.classify(texts(), LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone = engine.classify(texts()[row : row + 1, :length], LENGTHS[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=2e-6)
    monkeypatch.setattr(_onnx_classification, "_READ_AT_ONCE", 20)  # two rows of a window
    np.testing.assert_allclose(engine.classify(texts(), LENGTHS), together, atol=2e-6)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("ngrams", [0, 2])
def test_integrated_gradients_add_up(several: bool, ngrams: int) -> None:
    """They sum to what a text's log-probability is above that of blank tokens."""
    torch.manual_seed(4)
    encoder = EncoderSettings(embedding_size=8, hidden_size=12, bidirectional=True)
    head = ClassificationHeadSettings(multi_label=several, ngrams=ngrams)
    network = ClassificationNetwork(encoder, head, 3, 50).eval()
    count_ngrams(network)
    ids = np.array([2, 9, 30, 12, 3])
    weights = TorchClassificationEngine(network, threads=1).attribute(ids, 1, 0.5, several)
    assert weights.shape == (5,)
    assert weights[0] == weights[-1] == 0.0
    vectors = network.encoder.embed(torch.from_numpy(ids)[None]).detach()
    blank = vectors.clone()
    blank[:, 1:-1] = 0.0
    lengths = torch.tensor([5, 5])
    logits = network.decide(network.pool(torch.cat([vectors, blank]), lengths), lengths).detach()
    if network.ngrams is not None:
        adds, within = (part.detach() for part in network.ngrams.occurrences(torch.tensor(ids)))
        of_ends = within[:, 1:-1].sum(1) == 0
        logits += adds[of_ends].sum(0)
        logits[0] += adds[~of_ends].sum(0)
        assert adds[~of_ends].sum(0).abs().max() > 0.05
    logits = logits / 0.5
    logs = torch.nn.functional.logsigmoid(logits) if several else logits.log_softmax(1)
    assert weights.sum() == pytest.approx((logs[0, 1] - logs[1, 1]).item(), abs=1e-3)
    with torch.no_grad():  # where nobody asked for gradients, too
        again = TorchClassificationEngine(network).attribute(ids, 1, 0.5, several)
    np.testing.assert_allclose(again, weights, atol=1e-6)


def test_8_bits_are_close(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m", "int8", bidirectional=True)
    onnx, torch_ = opened(folder, "onnx"), opened(folder, "torch")
    difference = onnx.classify(texts(), LENGTHS) - torch_.classify(texts(), LENGTHS)
    assert 0 < np.abs(difference).max() < 0.05
    with pytest.raises(EngineError, match="runs on the processor"):
        open_engine(folder, engine="onnx", device="cuda")


def test_a_folder_without_a_window_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m")
    del folder.config["network"]["head"]["window"]
    with pytest.raises(EngineError, match="the network has no 'window'"):
        open_engine(folder, engine="onnx")


def test_its_graphs_build_its_network_again(toy_classifier: Path) -> None:
    folder = open_model_folder(toy_classifier)
    network = Classification.build_network(folder.network, folder.vocab_size)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items()} == {
        name: tuple(shape) for name, shape in folder.tensor_shapes().items()
    }
