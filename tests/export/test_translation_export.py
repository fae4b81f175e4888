"""A translator's graphs say what its network says, whatever its cell and its attention."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from textrnn import recipe
from textrnn.config import (
    AttentionSettings,
    DecoderSettings,
    EncoderSettings,
    TranslationHeadSettings,
)
from textrnn.engines import open_engine
from textrnn.errors import EngineError, ModelFolderError
from textrnn.export import export_network
from textrnn.export.flattening import flatten_products
from textrnn.model_folder import FolderContents, ModelFolder, open_model_folder, write_model_folder
from textrnn.nn.attention import FAMILY as ATTENTIONS
from textrnn.nn.cells import FAMILY as CELLS
from textrnn.nn.cells import CellState, GatedCell
from textrnn.recipe.exporting import make_graphs
from textrnn.tasks import state_tensors
from textrnn.tasks.translation import Translation, TranslationNetwork
from textrnn.tokenizers.byte import ByteTokenizer

V = ByteTokenizer().vocab_size


class Growing(GatedCell):
    """A user's cell: its state is begun with ones, and one part counts."""

    gates = 1
    state_parts = 2

    def initial_state(self, batch: int) -> CellState:
        return tuple(part + 1.0 for part in super().initial_state(batch))

    def update(
        self, from_input: Tensor, from_hidden: Tensor, state: CellState
    ) -> tuple[Tensor, CellState]:
        hidden = torch.tanh(from_input + from_hidden) / state[1]
        return hidden, (hidden, state[1] + 1.0)


@pytest.fixture(autouse=True)
def _growing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CELLS, "_added", {})  # no other test is to see it
    CELLS.add("growing", Growing)


def make_network(
    cell: str = "gru", kind: str = "additive", tied: str = "all", **settings: Any
) -> TranslationNetwork:
    encoder = {"embedding_size": 20, "hidden_size": 16, "bidirectional": True} | settings
    torch.manual_seed(3)
    network = TranslationNetwork(
        EncoderSettings(cell=cell, **encoder),
        DecoderSettings(cell=cell, hidden_size=32, attention=AttentionSettings(kind=kind)),
        TranslationHeadSettings(tied=tied),
        V,
        V,
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
        parameter.data = parameter.data.half().float()
    return network.eval()


def write(path: Path, network: TranslationNetwork, precision: str | None) -> ModelFolder:
    sections = {
        "encoder": network.encoder.settings.model_dump(mode="json"),
        "decoder": network.decoder.settings.model_dump(mode="json"),
        "head": network.head_settings.model_dump(mode="json"),
        "source_vocab_size": V,
    }
    tensors = {name: value.numpy() for name, value in state_tensors(network).items()}
    extra: dict[str, Any] = {}
    if precision:
        extra |= make_graphs(
            "translation", network, tensors, storage="float16", precision=precision
        ).files
    config = {"task": "translation", "network": sections, "storage": "float16"}
    contents = FolderContents(config, tensors, ByteTokenizer(), "# A card\n", extra)
    return write_model_folder(path, contents)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A translator in 8 bits; not to be changed."""
    return write(tmp_path_factory.mktemp("models") / "int8", make_network(), "int8")


@pytest.fixture
def copied(folder: ModelFolder, tmp_path: Path) -> Path:
    """One that may be spoilt."""
    shutil.copytree(folder.path, tmp_path / "copy")
    return tmp_path / "copy"


# Every cell and every attention; the engines' tests have each attention again, in both precisions.
PAIRS = [
    (cell, ATTENTIONS.names()[place % len(ATTENTIONS.names())])
    for place, cell in enumerate((*CELLS.names(), "growing"))
]


@pytest.mark.parametrize(("cell", "kind"), PAIRS)
def test_graphs_of_every_cell_and_attention_are_the_network(cell: str, kind: str) -> None:
    deep = {"layers": 2, "layer_norm": True, "residual": True}
    made = export_network(
        Translation,
        make_network(cell, kind, **deep),
        parameters_sha256="0" * 64,
        precision="float32",
    )
    assert made.parity.logits < 1e-3
    assert made.parity.divergence < 1e-7


def test_graphs_in_8_bits_are_near_the_network(folder: ModelFolder) -> None:
    step = onnx.load(folder.path / "onnx" / "step.onnx", load_external_data=False)
    notes = {entry.key: entry.value for entry in step.metadata_props}
    assert notes["precision"] == "int8"
    assert 0 < float(notes["divergence"]) < 0.02
    assert notes["parameters_sha256"] == folder.parameters_sha256
    assert "initial_state" not in notes


def test_one_table_serves_source_target_and_output(folder: ModelFolder) -> None:
    sizes = {name: entry["bytes"] for name, entry in folder.config["files"].items()}
    parameters = sum(np.prod(shape) for shape in folder.tensor_shapes().values())
    assert sizes["onnx/weights.data"] < 1.6 * parameters  # blocks are padded, scales are floats
    assert sizes["model.safetensors"] < 2.2 * parameters


def test_reading_backwards_is_the_encoders(folder: ModelFolder) -> None:
    graph = onnx.load(folder.path / "onnx" / "encode.onnx", load_external_data=False).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("ReverseSequence") == 2  # the inputs and the outputs of one direction
    assert kinds.count("Scan") == 2


def test_export_of_a_translator_makes_its_graphs_again(copied: Path, tmp_path: Path) -> None:
    report = recipe.export(copied, precision="float32", output=tmp_path / "new")
    made = open_model_folder(tmp_path / "new")
    assert {n for n in made.files if "onnx" in n} == {
        f"onnx/{name}" for name in ("encode.onnx", "step.onnx", "weights.data")
    }
    assert report.precision == "float32"
    assert open_engine(made).name == "onnx"


@pytest.mark.parametrize("name", ["step.onnx", "encode.onnx", "weights.data"])
def test_damaged_graphs_are_refused(copied: Path, name: str) -> None:
    path = copied / "onnx" / name
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(data)
    with pytest.raises(ModelFolderError, match=f"{name}: is damaged: its sha256"):
        open_engine(open_model_folder(copied))


def test_stale_graphs_are_refused(copied: Path) -> None:
    network = make_network()
    network.head.bias.data += 1.0
    other = write(copied.parent / "other", network, None)
    shutil.copy(other.path / "model.safetensors", copied)
    config = json.loads((copied / "config.json").read_text())
    config["files"]["model.safetensors"] = other.config["files"]["model.safetensors"]
    config["parameters_sha256"] = other.parameters_sha256
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="graphs were made from other parameters: make its graph"):
        open_engine(open_model_folder(copied), engine="onnx")
    assert open_engine(open_model_folder(copied)).name == "torch"


def test_a_translator_without_graphs_runs_in_torch(tmp_path: Path) -> None:
    bare = write(tmp_path / "bare", make_network(), None)
    assert open_engine(bare).name == "torch"
    with pytest.raises(EngineError, match=r"the folder has no onnx/step\.onnx: make its graphs by"):
        open_engine(bare, engine="onnx")


def test_products_of_more_axes_become_products_of_rows() -> None:
    draw = np.random.default_rng(1).standard_normal
    arrays = {name: draw(shape).astype(np.float32) for name, shape in SHAPES.items()}
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("MatMul", ["x", "matrix"], ["a"]),
        node("MatMul", ["x", "vector"], ["b"]),
        node("MatMul", ["flat", "matrix"], ["c"]),
        node("MatMul", ["x", "y"], ["d"]),
        node("MatMul", ["x", "stack"], ["e"]),
    ]
    sizes = {"x": ["i", "j", 6], "y": ["i", 6, 2], "flat": ["j", 6]}
    inputs = [value(name, onnx.TensorProto.FLOAT, size) for name, size in sizes.items()]
    outputs = [value(name, onnx.TensorProto.FLOAT, None) for name in "abcde"]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "products", inputs, outputs, tensors)
    opset = [onnx.helper.make_opsetid("", 20)]
    plain = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    flat = flatten_products(plain)
    kinds = [node.op_type for node in flat.graph.node]
    assert kinds.count("MatMul") == 4
    assert kinds.count("Gemm") == 1
    feed = {"x": draw((3, 5, 6)), "y": draw((3, 6, 2)), "flat": draw((5, 6))}
    feed = {name: array.astype(np.float32) for name, array in feed.items()}
    results = [
        onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)
        for model in (plain, flat)
    ]
    for left, right in zip(*results, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


SHAPES = {"matrix": (6, 4), "vector": (6,), "stack": (3, 6, 2)}
